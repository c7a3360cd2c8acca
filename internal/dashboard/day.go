package dashboard

import (
	"context"
	"net/http"
	"sync"
	"time"

	"evcp"
	"evcp/internal/archive"
	"evcp/internal/history"
	"evcp/internal/ledger"
	"evcp/internal/status"
	"evcp/internal/version"
)

const (
	dayPath = "/api/v1/day"
	// dayFresh is how old an answer may be: the figures of 24 hours move slowly.
	dayFresh = 30 * time.Second
	// dayShare bounds what the answer costs: it is made anew after so many times what it took.
	dayShare = 20
	// maxDayCPs is up to how many charge points each has its own line: the page draws no more.
	maxDayCPs = 400
)

// dayJSON are the last 24 hours by the ledger's plain definition: up / (up + down).
type dayJSON struct {
	From    string               `json:"from"`
	To      string               `json:"to"` // the time of the newest event
	Network ledger.Sums          `json:"network"`
	CPs     map[evcp.CPID]dayOne `json:"cps"` // empty beyond 400 charge points
	readJSON
}

// dayOne are the last 24 hours of one charge point.
type dayOne struct {
	ledger.Sums
	Begin   seconds      `json:"begin"`   // its first event, if that is later than from
	NotUp   []notUpPiece `json:"not_up"`  // between them it was up
	Unknown bool         `json:"unknown"` // no event of it in the window
}

// notUpPiece is a stretch in which a charge point was down, or nobody watched.
type notUpPiece struct {
	From  seconds              `json:"from"`
	To    seconds              `json:"to"`
	State history.SegmentState `json:"state"`
}

// dayCache makes the answer. Any number of pages cost one computation, and it costs at most a
// twentieth of the time.
type dayCache struct {
	mu   sync.Mutex
	made time.Time
	took time.Duration
	body []byte
}

// serveDay answers with the last 24 hours.
func (d *Dashboard) serveDay(w http.ResponseWriter, r *http.Request) {
	if _, ok := status.Query(w, r); !ok {
		return
	}
	body := d.dayBody(w, r)
	if body == nil {
		return // it is answered why
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(body) // fails only if the reader has gone
}

// dayBody is the answer, made anew if it is too old. The others wait for that, and for no reader.
func (d *Dashboard) dayBody(w http.ResponseWriter, r *http.Request) []byte {
	c := &d.day
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.body != nil && time.Since(c.made) <= max(dayFresh, dayShare*c.took) {
		return c.body
	}
	var made []byte
	d.withView(func(w http.ResponseWriter, r *http.Request, v *archive.HistoryView) {
		began := time.Now()
		day, err := dayOf(r.Context(), v)
		if answered(w, err) {
			made = append(encode(day), '\n')
			c.body, c.made, c.took = made, time.Now(), time.Since(began)
		}
	}).ServeHTTP(w, r)
	return made
}

func dayOf(ctx context.Context, v *archive.HistoryView) (dayJSON, error) {
	to := v.Progress.Newest
	q := ledger.Question{Definition: ledger.Plain, From: to.Add(-24 * time.Hour), To: to, Zone: time.UTC}
	day := dayJSON{From: ledger.RFC3339(q.From), To: ledger.RFC3339(q.To), CPs: map[evcp.CPID]dayOne{}, readJSON: readOf(v)}
	cps, err := v.CPs()
	if err != nil {
		return day, err
	}
	computed := q.Begin()
	for _, cp := range cps {
		if err := ctx.Err(); err != nil {
			return day, err
		}
		kept, err := v.CP(cp)
		if err != nil {
			return day, err
		}
		all := kept.Segments()
		computed.Add(ledger.PortOf(cp, ""), ledger.PortHistory{cp: {Segments: all, Offline: history.OfflineOf(kept.Numberings)}})
		if len(cps) <= maxDayCPs {
			day.CPs[cp] = dayOneOf(all, q.From, q.To)
		}
	}
	uptime := computed.End(ledger.Inputs{Version: version.String()})
	day.Network = uptime.Network
	for _, p := range uptime.Ports {
		if one, ok := day.CPs[evcp.CPID(p.CP)]; ok {
			one.Sums = p.Sums
			day.CPs[evcp.CPID(p.CP)] = one
		}
	}
	return day, nil
}

func dayOneOf(all []history.CPSegment, from, to evcp.Stamp) dayOne {
	one := dayOne{NotUp: []notUpPiece{}, Unknown: true}
	for i, s := range all {
		if s.To <= from || s.From >= to {
			continue
		}
		if i == 0 && s.From > from {
			one.Begin = seconds(s.From)
		}
		one.Unknown = false
		if s.State != history.Up {
			one.NotUp = append(one.NotUp, notUpPiece{seconds(max(s.From, from)), seconds(min(s.To, to)), s.State})
		}
	}
	return one
}
