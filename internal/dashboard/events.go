package dashboard

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"evcp/internal/central"
)

const (
	// still is the longest time without a frame: the page counts the seconds
	// since the last one and says so when there are too many.
	still = time.Second
	// pace is the least time between frames: ten a second are enough to look at.
	pace = 100 * time.Millisecond
	// unread ends the stream of a browser that doesn't read.
	unread = 10 * time.Second
	// shownChanges is how many changes a frame carries; the page lists no more.
	shownChanges = 60
)

// snapshotJSON is all that a page needs to begin with.
type snapshotJSON struct {
	deltaJSON
	Started   seconds `json:"started"`
	Listen    string  `json:"listen"`    // where Monitors reach Central
	Heartbeat float64 `json:"heartbeat"` // what Central expects, in seconds
	Version   string  `json:"version"`
}

// deltaJSON is what changed since the frame before.
type deltaJSON struct {
	Now     seconds      `json:"now"`
	CPs     []cpJSON     `json:"cps"`
	Changes []changeJSON `json:"changes"`
}

// stream sends one page what happens, until it or the server goes.
func (d *Dashboard) stream(w http.ResponseWriter, r *http.Request) {
	select {
	case d.streams <- struct{}{}:
		defer func() { <-d.streams }()
	default:
		w.Header().Set("Retry-After", "5")
		http.Error(w, "too many pages are open", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	s := &stream{d: d, w: w, control: http.NewResponseController(w)}
	signal, stop := d.central.Watch()
	defer stop()
	for s.next() == nil {
		select {
		case <-r.Context().Done():
			return
		case <-time.After(pace):
		}
		select {
		case <-r.Context().Done():
			return
		case <-signal:
		case <-time.After(still - pace):
		}
	}
}

// stream is one page that is open.
type stream struct {
	d       *Dashboard
	w       http.ResponseWriter
	control *http.ResponseController
	at      central.Cursor
	begun   bool
}

// next sends what happened since the last frame: a snapshot at first and when the
// page has missed changes, otherwise a delta, or a beat when nothing did.
func (s *stream) next() error {
	delta := s.d.central.Since(s.at)
	now := seconds(time.Now())
	switch {
	case !s.begun || delta.Missed > 0:
		delta = s.d.central.Since(central.Cursor{})
		s.at, s.begun = delta.Next, true
		return s.send("snapshot", s.d.snapshot(delta, now))
	case len(delta.CPs) == 0 && len(delta.Changes) == 0:
		return s.send("beat", map[string]seconds{"now": now})
	default:
		s.at = delta.Next
		return s.send("delta", deltaOf(delta, now))
	}
}

func (d *Dashboard) snapshot(delta central.Delta, now seconds) snapshotJSON {
	return snapshotJSON{
		deltaJSON: deltaOf(delta, now), Started: seconds(d.central.Started()), Listen: addrText(d.central.Addr()),
		Heartbeat: d.central.Heartbeat().Seconds(), Version: d.version,
	}
}

func deltaOf(delta central.Delta, now seconds) deltaJSON {
	changes := delta.Changes[max(0, len(delta.Changes)-shownChanges):]
	return deltaJSON{Now: now, CPs: jsonOfAll(delta.CPs), Changes: jsonOfChanges(changes)}
}

func addrText(a net.Addr) string {
	if a == nil {
		return ""
	}
	return a.String()
}

// send writes one frame and sees it off.
func (s *stream) send(event string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", event, err)
	}
	// Writers without deadlines (tests) just have none.
	_ = s.control.SetWriteDeadline(time.Now().Add(unread))
	if _, err := fmt.Fprintf(s.w, "event: %s\ndata: %s\n\n", event, body); err != nil {
		return fmt.Errorf("send %s: %w", event, err)
	}
	return s.control.Flush()
}
