package dashboard

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"time"

	"evcp/internal/language"
	"evcp/internal/status"
	"evcp/internal/wait"
)

const (
	// keepAlive is the longest time without a frame: the page shows the seconds since
	// the last one and counts the link as lost after four.
	keepAlive = time.Second
	// frameInterval is the least time between frames: ten a second are enough to look at.
	frameInterval = 100 * time.Millisecond
	// writeTimeout is how long a frame, or any answer, may wait for its reader.
	writeTimeout = 10 * time.Second
	// maxListed is how many changes a snapshot and how many feed items a frame carries; the
	// page lists no more, and counts the rest.
	maxListed = 60
	// maxFrameItems is how many charge points and changes of state a frame carries: a page
	// takes it in a few milliseconds. More are several frames.
	maxFrameItems = 100
)

// partJSON is a part of the charge points of the snapshot that follows.
type partJSON struct {
	CPs []boardCPJSON `json:"cps"`
}

// snapshotJSON is all that a page needs to begin with.
type snapshotJSON struct {
	deltaJSON
	Started   seconds `json:"started"`
	Listen    string  `json:"listen"`    // where Monitors reach Central
	TLS       bool    `json:"tls"`       // by TLS only
	Heartbeat float64 `json:"heartbeat"` // what Central expects, in seconds
	Version   string  `json:"version"`
	Accounts  bool    `json:"accounts"` // somebody may sign in
	Notice    string  `json:"notice"`   // "": none
}

// deltaJSON is what changed since the frame before.
type deltaJSON struct {
	Now     seconds       `json:"now"`
	CPs     []boardCPJSON `json:"cps"`
	Changes []changeJSON  `json:"changes"`
	Feed    []feedJSON    `json:"feed"`
	More    int           `json:"more"`             // feed items that are not listed
	Reading *readingJSON  `json:"reading"`          // of the events; null: no history is kept
	Alerts  *alertsJSON   `json:"alerts,omitempty"` // as it changed; left out: as it was
}

// parts are the frames of a delta. What is of no charge point is in the last one.
func (d deltaJSON) parts() []deltaJSON {
	var parts []deltaJSON
	part := deltaJSON{Now: d.Now, Changes: []changeJSON{}, Feed: []feedJSON{}, Reading: d.Reading}
	for ; len(d.CPs) > maxFrameItems; d.CPs = d.CPs[maxFrameItems:] {
		part.CPs = d.CPs[:maxFrameItems]
		parts = append(parts, part)
	}
	for ; len(d.Changes) > maxFrameItems; d.CPs, d.Changes = d.CPs[:0], d.Changes[maxFrameItems:] {
		part.CPs, part.Changes = d.CPs, d.Changes[:maxFrameItems]
		parts = append(parts, part)
	}
	return append(parts, d)
}

// beatJSON is a frame without a change.
type beatJSON struct {
	Now     seconds      `json:"now"`
	Reading *readingJSON `json:"reading"`
}

// serveEvents sends one page the frames, until the page or the server closes. A page that
// comes back names the last frame that it has.
func (d *Dashboard) serveEvents(w http.ResponseWriter, r *http.Request) {
	q, ok := status.Query(w, r, "after")
	if !ok {
		return
	}
	after := cmp.Or(q.Get("after"), r.Header.Get("Last-Event-ID"))
	beginEvents(w)
	if r.Method == http.MethodHead {
		return // a stream would have no body
	}
	if !acquire(d.streams, w, language.Coded("busy_pages")) {
		return
	}
	defer func() { <-d.streams }()
	s := &eventStream{cache: d.frames, w: w, control: http.NewResponseController(w), seen: d.frames.numberOf(after)}
	signal, stop := d.central.Watch()
	defer stop()
	var events <-chan struct{}
	if d.frames.events != nil {
		var end func()
		events, end = d.frames.events.EventStates.Watch()
		defer end()
	}
	for {
		entered := d.operations.Watch()
		again, err := s.next()
		if err != nil || !d.mayRead(r) || !wait.For(r.Context(), max(again, frameInterval)) {
			return
		}
		if again > 0 {
			continue
		}
		select {
		case <-r.Context().Done():
			return
		case <-signal:
		case <-events:
		case <-entered:
		case <-time.After(keepAlive - time.Since(s.sent)):
		}
	}
}

// beginEvents says that server-sent events follow.
func beginEvents(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
}

// eventStream is one open page.
type eventStream struct {
	cache   *frameCache
	w       http.ResponseWriter
	control *http.ResponseController
	seen    uint64 // the number of the last frame
	sent    time.Time
}

// next sends the frames after the last one, or a beat if nothing was sent for the time
// of keepAlive. again is when to call it again; 0 = at the next change.
func (s *eventStream) next() (again time.Duration, err error) {
	frames, seen, again := s.cache.after(s.seen)
	s.seen = seen
	if now := time.Now(); len(frames) == 0 && now.Sub(s.sent) >= keepAlive {
		frames = append(frames, frameOf("beat", beatJSON{secondsOf(now), s.cache.readingOf(now, 1)}))
	}
	for _, frame := range frames {
		if err := s.send(frame); err != nil {
			return 0, err
		}
	}
	return again, nil
}

func addrText(a net.Addr) string {
	if a == nil {
		return ""
	}
	return a.String()
}

// send writes one frame and flushes it.
func (s *eventStream) send(frame []byte) error {
	s.sent = time.Now()
	_ = s.control.SetWriteDeadline(s.sent.Add(writeTimeout)) // the writers of tests have no deadlines
	if _, err := s.w.Write(frame); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return s.control.Flush()
}
