package notify

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"evcp/internal/alert"
)

// Deadman pings a URL while all is well, for somebody outside who notices when no ping comes.
// Run does the work.
type Deadman struct {
	URL   func() alert.Receiver // as the file has it now
	Alive func(now time.Time) error
	Dial  dialFunc // nil: package net's
	Log   *slog.Logger

	mu     sync.Mutex // guards what follows
	report DeadmanReport
}

// DeadmanReport is how a Deadman does.
type DeadmanReport struct {
	Host     string
	Pinged   time.Time // the last ping that was answered; zero: none
	Withheld string    // why none is sent now; "": one is
	Error    string    // of the last ping that was sent; "" if it was answered
}

// pingEvery is how often the URL is pinged.
const pingEvery = time.Minute

// Run pings until ctx ends.
func (d *Deadman) Run(ctx context.Context) {
	s := newSender(d.Dial)
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			d.ping(ctx, s)
		}
	}
}

func (d *Deadman) ping(ctx context.Context, s httpSender) {
	r := d.URL()
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	withheld := d.Alive(time.Now())
	var err error
	if withheld == nil {
		err = s.ping(ctx, r)
	}
	now := time.Now()
	d.mu.Lock()
	was := d.report
	next := DeadmanReport{Pinged: was.Pinged, Withheld: textOf(withheld), Error: textOf(err)}
	if withheld == nil && err == nil {
		next.Pinged = now
	}
	d.report = next
	d.mu.Unlock()
	switch {
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled): // the program ends
	case next.Withheld != "" && was.Withheld == "":
		d.Log.Warn("the dead man's ping is withheld", "why", withheld)
	case next.Error != "" && was.Error == "":
		d.Log.Warn("the dead man's ping fails", "host", r.Host, "error", err)
	case next.Withheld+next.Error == "" && was.Withheld+was.Error != "":
		d.Log.Info("the dead man's ping is sent again", "host", r.Host)
	}
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Report is how it does. Any goroutine may call it.
func (d *Deadman) Report() DeadmanReport {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.report
	r.Host = d.URL().Host
	return r
}

// ping gets a URL.
func (s httpSender) ping(ctx context.Context, r alert.Receiver) error {
	return s.do(ctx, r, http.MethodGet, alert.HTTPPost{URL: r.URL})
}
