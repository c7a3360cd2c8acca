package dashboard

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"evcp/internal/central"
	"evcp/internal/central/cpstate"
	"evcp/internal/language"
	"evcp/internal/status"
)

const (
	changesPath = "/api/v1/changes"
	// changesBeat is the longest time without an event in a stream of changes. Each names how far
	// the stream is, also past changes that its filter left out.
	changesBeat = 15 * time.Second
)

// siteChangeJSON is a change of state with the site of the charge point.
type siteChangeJSON struct {
	changeJSON
	Site string `json:"site,omitempty"`
}

// missedJSON says that changes are missing in a stream.
type missedJSON struct {
	Missed *uint64 `json:"missed"` // null: Central has restarted, so it is not known
}

// changesParameters are those of the stream of changes. after is the id of the last event that a
// program has; the others are values separated by commas, of which one must fit.
var changesParameters = []string{"after", "cp_id", "reason", "site", "state"}

// serveChanges sends a program the changes of state that fit, as they come, and those after the
// last event that it names.
func (d *Dashboard) serveChanges(w http.ResponseWriter, r *http.Request) {
	q, ok := status.Query(w, r, changesParameters...)
	if !ok || !goodChangeValues(w, q) {
		return
	}
	s := &changeStream{page: d, eventStream: eventStream{w: w, control: http.NewResponseController(w)}, wanted: map[string][]string{}}
	for name := range q {
		s.wanted[name] = strings.Split(strings.Join(q[name], ","), ",")
	}
	_, _, s.seq = d.central.ChangesAfter(0)
	if after := cmp.Or(q.Get("after"), r.Header.Get("Last-Event-ID")); after != "" && !s.resume(after) {
		status.WriteError(w, http.StatusBadRequest, "after can't be "+strconv.Quote(after)+": the id of an event of this stream")
		return
	}
	beginEvents(w)
	if r.Method == http.MethodHead {
		return // a stream would have no body
	}
	if !acquire(d.streams, w, language.Coded("busy_streams")) {
		return
	}
	defer func() { <-d.streams }()
	signal, stop := d.central.WatchChanges()
	defer stop()
	for s.next() == nil && d.mayRead(r) {
		timer := time.NewTimer(changesBeat)
		select {
		case <-r.Context().Done():
			timer.Stop()
			return
		case <-signal:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// goodChangeValues checks the parameters whose values are known. What is none is answered.
func goodChangeValues(w http.ResponseWriter, q url.Values) bool {
	states := []string{cpstate.Activated.String(), cpstate.Faulted.String(), cpstate.Disconnected.String()}
	for name, allowed := range map[string][]string{"state": states, "reason": listValues("reason")} {
		for value := range strings.SplitSeq(strings.Join(q[name], ","), ",") {
			if q.Has(name) && !slices.Contains(allowed, value) {
				status.WriteError(w, http.StatusBadRequest, name+" can't be "+strconv.Quote(value), allowed...)
				return false
			}
		}
	}
	return true
}

// changeStream is one open stream of changes.
type changeStream struct {
	eventStream
	page   *Dashboard
	wanted map[string][]string
	seq    uint64 // of the last change that was sent, or left out
	lost   bool   // the program's last event is of this Central before a restart
}

// resume goes on after an event. One of an earlier start of Central is before everything.
func (s *changeStream) resume(id string) bool {
	started, number, found := strings.Cut(id, "-")
	_, err1 := strconv.ParseInt(started, 10, 64)
	seq, err2 := strconv.ParseUint(number, 10, 64)
	if !found || err1 != nil || err2 != nil {
		return false
	}
	if s.lost = !strings.HasPrefix(id, s.page.frames.idPrefix()); s.lost {
		seq = 0
	}
	s.seq = min(s.seq, seq)
	return true
}

// next sends what has changed, or a beat.
func (s *changeStream) next() error {
	changes, missed, next := s.page.central.ChangesAfter(s.seq)
	sent := 0
	send := func(event string, seq uint64, v any) error {
		sent++
		return s.send(frameOf(event+"\nid: "+s.page.frames.idPrefix()+strconv.FormatUint(seq, 10), v))
	}
	if missed > 0 || s.lost {
		gap := missedJSON{&missed}
		if s.lost {
			gap.Missed, s.lost = nil, false
		}
		if err := send("missed", s.seq+missed, gap); err != nil {
			return err
		}
	}
	for i, c := range jsonOfChanges(changes) {
		site := s.page.operations.At(c.CP, time.Now()).Site
		if s.fits(changes[i], site) {
			if err := send("change", c.Seq, siteChangeJSON{c, site}); err != nil {
				return err
			}
		}
	}
	s.seq = next
	if sent == 0 && time.Since(s.sent) >= changesBeat/2 {
		return send("beat", s.seq, map[string]seconds{"now": secondsOf(time.Now())})
	}
	return nil
}

func (s *changeStream) fits(c central.Change, site string) bool {
	for name, value := range map[string]string{"cp_id": string(c.CP), "site": site, "state": c.To.String(), "reason": c.Reason.String()} {
		if wanted := s.wanted[name]; wanted != nil && !slices.Contains(wanted, value) {
			return false
		}
	}
	return true
}
