package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"evcp"
	"evcp/internal/console"
	"evcp/internal/display"
	"evcp/internal/explain"
	"evcp/internal/kafka"
	"evcp/internal/language"
	"evcp/internal/status"
	"evcp/internal/systemd"
)

// serve answers HTTP on the socket in the state folder and on Options.HTTP, and
// notifies systemd, until stopServers. A server that fails is logged; the watch
// goes on without it.
func (r *runner) serve() {
	var ctx context.Context
	ctx, r.stopServers = context.WithCancel(context.Background())
	endpoints := status.Endpoints{Healthy: r.healthy, Ready: r.ready, Metrics: r.metrics, Status: func() any { return r.status() }, Further: r.further()}
	handler := endpoints.Handler()
	endpoints.Support = func() any { return r.support() }
	private := endpoints.Handler()
	serve := func(ln net.Listener) {
		r.servers.Go(func() {
			if err := status.Serve(ctx, ln, handler); err != nil {
				r.logServerError(err)
			}
		})
	}
	r.servers.Go(func() { status.OpenSocket(ctx, r.o.Dir()).Serve(ctx, private, r.logServerError) })
	if r.o.HTTP != nil {
		serve(r.o.HTTP)
	}
	r.servers.Go(func() {
		r.o.Notify.Run(ctx, systemd.Activity{Started: r.begun, LastDone: r.lastCheck, MaxPause: r.maxPause, StatusLine: r.statusLine})
	})
}

func (r *runner) logServerError(err error) {
	why := err.Error()
	if cause := syscall.Errno(0); errors.As(err, &cause) { // the address would push it off the line
		why = cause.Error()
	}
	r.o.Console.Logger().Warn(r.o.Console.Language().Sprintf(english.noServer, r.o.Console.Language().Text(why)), console.CP(r.o.lone()), slog.String("error", err.Error()))
}

// maxPause is the longest time from one completed check to the next while all is
// well: an interval and a half at the start, a whole timeout at the end, which is
// an interval at most, and a second for a busy machine. Of a fleet the charge point that is
// checked most often says whether checks go on.
func (r *runner) maxPause() time.Duration { return 3*r.monitor.Interval() + time.Second }

var errNoCheckYet = errors.New(explain.NoCheckYet)

// healthy says that checks are completed. Trouble of the disk or of a peer is no
// reason to restart a Monitor: a restart would lose what is kept in memory.
func (r *runner) healthy() (note string, err error) {
	begun, last := r.monitor.Progress()
	if begun.IsZero() {
		return "", errNoCheckYet
	}
	if last.IsZero() {
		last = begun
	}
	if pause := time.Since(last); pause > r.maxPause() {
		return "", fmt.Errorf(explain.StandsStill, display.Duration(pause))
	}
	return r.diskTrouble(), nil
}

// ready says that the first check was completed, whatever its outcome: a Monitor
// whose Engine, Central and Kafka are all away does its work.
func (r *runner) ready() error {
	if r.lastCheck().IsZero() {
		return errNoCheckYet
	}
	_, err := r.healthy()
	return err
}

// firstCheckLimit is when systemd is told that the work has begun although the
// first check has not been completed: with --timeout 5m that may take so long.
const firstCheckLimit = 5 * time.Second

func (r *runner) begun() bool {
	begun, last := r.monitor.Progress()
	return !last.IsZero() || !begun.IsZero() && time.Since(begun) > firstCheckLimit
}

func (r *runner) lastCheck() time.Time {
	_, last := r.monitor.Progress()
	return last
}

// statusLine is what systemctl status shows.
func (r *runner) statusLine() string {
	parts := []string{r.lineEngines(), r.lineCentral()}
	if r.kafka != nil {
		part := fmt.Sprintf(english.lineKafka, r.kafka.Status().Phase)
		if n := r.pending(); n > 0 && r.kafka.Status().Phase == kafka.Away {
			part += ", " + english.linePending.Of(n)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

func (r *runner) lineEngines() string {
	if cp := r.o.lone(); cp != "" {
		return fmt.Sprintf(english.lineCP, cp, r.shownLone())
	}
	return strings.Join(append([]string{r.o.name(language.English, r.all())}, counted(shownStates, r.countStates())...), ", ")
}

func (r *runner) lineCentral() string {
	if cp := r.o.lone(); cp != "" {
		return fmt.Sprintf(english.lineCentral, r.uplink.Status(cp).Phase)
	}
	sessions := r.uplink.Figures().Sessions
	return fmt.Sprintf(english.lineCentral, strings.Join(counted(slices.Sorted(maps.Keys(sessions)), sessions), ", "))
}

// counted are the counts but zeros, in order: "2 OK", "1 KO".
func counted[K comparable](order []K, counts map[K]int) (texts []string) {
	for _, k := range order {
		if counts[k] > 0 {
			texts = append(texts, fmt.Sprintf("%d %v", counts[k], k))
		}
	}
	return texts
}

// shownStates are the states that a charge point is shown in.
var shownStates = []evcp.Status{evcp.OK, evcp.KO, evcp.ConnectionError, evcp.Monitoring}

// shown is the state that a charge point is shown in now.
func (r *runner) shown(c cpTarget) evcp.Status {
	return r.box.State(c.cp).Shown(evcp.StampOf(time.Now()), c.policy.Interval)
}

// shownLone is the state of the only charge point.
func (r *runner) shownLone() (s evcp.Status) {
	for c := range r.watched() {
		s = r.shown(c)
	}
	return s
}

// countStates counts the charge points by the state that they are shown in.
func (r *runner) countStates() map[evcp.Status]int {
	counts := map[evcp.Status]int{}
	for c := range r.watched() {
		counts[r.shown(c)]++
	}
	return counts
}
