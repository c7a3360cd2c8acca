package watch

import (
	"fmt"
	"time"

	"evcp"
	"evcp/internal/display"
	"evcp/internal/uplink"
)

// live is the live line of a terminal, the best first: in a narrow one the counts
// are left out, and not what is away. It is called by run alone.
func (r *runner) live() []string {
	engines, peers := r.liveEngines(), r.livePeers()
	return []string{engines + " | " + r.liveChecks() + " | " + peers, engines + " | " + peers}
}

// liveChecks is how many checks there were; of a fleet, how many there are in a second, and
// how many were not made when they were due.
func (r *runner) liveChecks() string {
	said, figures := r.o.Console.Language(), r.monitor.Figures()
	total, failed := checksOf(figures)
	if r.o.lone() != "" {
		return english.liveChecks.In(said).Of(int64(total), failed)
	}
	return english.liveRate.In(said).Of(r.log.rate.perSecond(total, time.Now()), figures.Missed)
}

// checkRate is how many checks were completed in the last second.
type checkRate struct {
	total uint64
	at    time.Time
}

func (c *checkRate) perSecond(total uint64, now time.Time) int64 {
	before := *c
	c.total, c.at = total, now
	if before.at.IsZero() || !now.After(before.at) {
		return 0
	}
	return int64(float64(total-before.total)/now.Sub(before.at).Seconds() + 0.5)
}

func (r *runner) livePeers() string {
	said := r.o.Console.Language()
	peers := said.Sprintf(english.liveCentral, centralShape(r.uplink.Figures().Sessions).Mark())
	if r.kafka != nil {
		peers += " | " + said.Sprintf(english.liveKafka, r.log.kafka.Mark())
	}
	return peers
}

// liveEngines is the state of the only charge point and how fast its Engine
// answered, or how many charge points are well, failed and neither.
func (r *runner) liveEngines() string {
	if cp := r.o.lone(); cp != "" {
		status, latency := r.shownLone(), ""
		if status == evcp.OK {
			latency = " " + display.Milliseconds(r.log.latency)
		}
		return fmt.Sprintf("%s %s %s%s", cp, display.ShapeOf(status).Mark(), status, latency)
	}
	counts := map[display.Shape]int{}
	for status, n := range r.countStates() {
		counts[display.ShapeOf(status)] += n
	}
	return fmt.Sprintf("%s %d  %s %d  %s %d", display.Up.Mark(), counts[display.Up], display.Failed.Mark(), counts[display.Failed],
		display.Unknown.Mark(), counts[display.Unknown])
}

// centralShape is how Central treats the charge points: the worst of them.
func centralShape(sessions map[uplink.SessionPhase]int) display.Shape {
	switch {
	case sessions[uplink.Connecting]+sessions[uplink.Away] > 0:
		return display.Gone
	case sessions[uplink.Refused] > 0:
		return display.Failed
	}
	return display.Up
}
