package notify_test

import (
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"evcp"
	"evcp/internal/alert"
	"evcp/internal/archive"
	"evcp/internal/audit"
	"evcp/internal/bubble"
	"evcp/internal/notify"
	"evcp/internal/operations"
)

// Maintenance is silent, what somebody has taken is not repeated, and sites are told apart: as
// people enter it.
func TestWhatPeopleEntered(t *testing.T) {
	file, err := audit.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	bubble.Run(t, func(t *testing.T) {
		entered, err := operations.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		entered.SetSites(map[evcp.CPID]string{"CP_001": "Gandía", "CP_002": "Gandía", "CP_003": "Oliva"})
		change := func(do func(c *audit.BoardChange) error) {
			t.Helper()
			if err := entered.Change(audit.Actor{Name: "ana", Kind: audit.ByUser}, do); err != nil {
				t.Fatal(err)
			}
		}
		s := newSite(t, func(o *notify.Options) { o.Operations = entered })
		a, b, c := s.watchOne("CP_001"), s.watchOne("CP_002"), s.watchOne("CP_003")
		for _, f := range []*oneFault{a, b, c} {
			t.Cleanup(f.stop)
		}
		time.Sleep(12 * time.Second)
		now := evcp.StampOf(time.Now())
		change(func(c *audit.BoardChange) error {
			_, err := entered.Maintain(c, operations.MaintenanceWindow{Site: "Gandía", To: now.Add(time.Hour), Reason: "new cable"})
			return err
		})
		a.status.Store("KO")
		c.status.Store("KO")
		time.Sleep(50 * time.Minute)
		s.hook.want(t, "opened Oliva: CP_003 faulted: says KO")
		b.status.Store("KO")
		time.Sleep(11 * time.Minute)
		s.hook.want(t, "opened Oliva: CP_003 faulted: says KO", "opened Gandía: 2 charge points faulted")
		view, _ := s.central.CP("CP_003")
		change(func(c *audit.BoardChange) error {
			_, err := entered.Take(c, "CP_003", evcp.StampOf(view.Since), "ana", "", 0)
			return err
		})
		time.Sleep(5 * time.Hour)
		s.hook.want(t, "opened Oliva: CP_003 faulted: says KO", "opened Gandía: 2 charge points faulted", "repeated Gandía: 2 charge points still faulted, for 5h0m")
	})
}

// The cause of the last check that failed is told, where events are read.
func TestCauseOfTheEvents(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := newSite(t, func(o *notify.Options) {
			o.Checks = func(cp evcp.CPID) (r archive.RecentChecks, ok bool) {
				r.Checks = []archive.RecentCheck{{Status: evcp.ConnectionError, Cause: evcp.Timeout}, {Status: evcp.ConnectionError, Cause: evcp.Refused}, {Status: evcp.Unknown, Cause: evcp.Stalled}}
				return r, cp == "CP_001"
			}
		})
		a, b := s.watchOne("CP_001"), s.watchOne("CP_002")
		t.Cleanup(a.stop)
		t.Cleanup(b.stop)
		time.Sleep(12 * time.Second)
		a.status.Store("CONNECTION_ERROR")
		time.Sleep(time.Minute)
		b.status.Store("CONNECTION_ERROR")
		time.Sleep(time.Minute)
		s.hook.want(t, "opened CP_001 faulted: connection refused", "opened CP_002 faulted: no answer from the Engine")
	})
}

// The ping comes each minute while all is well, and not otherwise.
func TestDeadman(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := newSite(t, nil)
		var pings, troubles atomic.Int32
		s.hook.set(func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || r.URL.Path != "/ping" {
				t.Errorf("%s %s", r.Method, r.URL)
			}
			pings.Add(1)
			return false
		})
		r, err := alert.ParsePing("http://hook/ping\n")
		if err != nil {
			t.Fatal(err)
		}
		d := &notify.Deadman{URL: func() alert.Receiver { return r }, Dial: s.net.DialContext, Log: slog.New(slog.DiscardHandler), Alive: func(time.Time) error {
			if troubles.Load() > 0 {
				return errors.New("Central hears no Monitor")
			}
			return nil
		}}
		go d.Run(t.Context())
		time.Sleep(5*time.Minute + time.Second)
		if n := pings.Load(); n != 5 {
			t.Errorf("%d pings in five minutes", n)
		}
		troubles.Store(1)
		time.Sleep(5 * time.Minute)
		if got := d.Report(); pings.Load() != 5 || got.Withheld != "Central hears no Monitor" || got.Host != "hook" || got.Pinged.IsZero() {
			t.Errorf("%d pings, %+v", pings.Load(), got)
		}
		troubles.Store(0)
		s.hook.set(func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "not found", http.StatusNotFound)
			return false
		})
		time.Sleep(time.Minute)
		if got := d.Report(); got.Withheld != "" || got.Error != "404 Not Found: not found" {
			t.Errorf("%+v", got)
		}
	})
}
