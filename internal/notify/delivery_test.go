package notify_test

import (
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"evcp"
	"evcp/internal/bubble"
	"evcp/internal/faultdisk"
	"evcp/internal/notify"
)

// oneFault watches one charge point whose state can be set.
type oneFault struct {
	*monitor
	status atomic.Value
}

func (s *site) watchOne(id evcp.CPID) *oneFault {
	f := &oneFault{}
	f.status.Store("OK")
	f.monitor = s.watch(id, func() string { text, _ := f.status.Load().(string); return text })
	return f
}

// A receiver that is away for an hour gets everything once, in order.
func TestReceiverAwayForAnHour(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := newSite(t, nil)
		a, b := s.watchOne("CP_001"), s.watchOne("CP_002")
		defer a.stop()
		defer b.stop()
		time.Sleep(12 * time.Second) // between two heartbeats
		if err := s.hook.server.Close(); err != nil {
			t.Fatal(err)
		}
		a.status.Store("KO")
		time.Sleep(10 * time.Minute)
		if r := s.notify.Report().Receivers[0]; r.Waiting != 1 || r.FailingSince.IsZero() || !strings.Contains(r.LastError, "connection refused") || r.Scheme+r.Host != "webhook+httphook" {
			t.Errorf("%+v", r)
		}
		a.status.Store("OK")
		time.Sleep(time.Minute)
		b.status.Store("KO")
		time.Sleep(50 * time.Minute)
		s.hook = s.listen("hook:80")
		time.Sleep(2 * time.Minute)
		want := []string{"opened CP_001 faulted: says KO", "recovered CP_001 well again, after 10m0s", "opened CP_002 faulted: says KO"}
		s.hook.want(t, want...)
		if r := s.notify.Report().Receivers[0]; r.Waiting != 0 || !r.FailingSince.IsZero() || r.LastError != "" || r.Sent != 3 {
			t.Errorf("%+v", r)
		}
		time.Sleep(time.Hour)
		s.hook.want(t, want...)
	})
}

// A webhook that is slow, refuses, hangs or answers with a flood: the others get theirs in
// time, and it gets its own when it works again.
func TestBadWebhooks(t *testing.T) {
	secret := "abcdefgh"
	for name, tc := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request) bool
		says   string
	}{
		"slow":  {func(http.ResponseWriter, *http.Request) bool { time.Sleep(8 * time.Second); return true }, ""},
		"hangs": {func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return false }, "no answer in 10s"},
		"refuses": {func(w http.ResponseWriter, r *http.Request) bool {
			http.Error(w, "no", http.StatusForbidden)
			return false
		}, "403 Forbidden: no"},
		"echoes": {func(w http.ResponseWriter, r *http.Request) bool {
			http.Error(w, "\x1b[31mCannot POST "+r.RequestURI+strings.Repeat("\nmore", 5000), http.StatusInternalServerError)
			return false
		}, `500 Internal Server Error: \x1b[31mCannot POST … more more`},
		"redirects": {func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "http://other/"+secret, http.StatusTemporaryRedirect)
			return false
		}, "307 Temporary Redirect"},
		"drips": {func(w http.ResponseWriter, r *http.Request) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			for r.Context().Err() == nil {
				_, _ = w.Write([]byte("x"))
				_ = http.NewResponseController(w).Flush()
				time.Sleep(100 * time.Millisecond)
			}
			return false
		}, "503 Service Unavailable: xxx"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				s := newSite(t, func(o *notify.Options) { o.Receivers = receivers(t, file+"\nwebhook+http://other/#0123456789abcdef") })
				other := s.listen("other:80")
				defer other.server.Close()
				s.hook.set(tc.answer)
				a := s.watchOne("CP_001")
				defer a.stop()
				a.status.Store("KO")
				time.Sleep(36 * time.Second)
				other.want(t, "opened CP_001 faulted: says KO")
				time.Sleep(5 * time.Minute)
				r := s.notify.Report().Receivers[0]
				if !strings.Contains(r.LastError, tc.says) || (tc.says == "") != r.FailingSince.IsZero() || len(r.LastError) > 400 || strings.Contains(r.LastError, secret) {
					t.Errorf("%+v", r)
				}
				s.hook.set(nil)
				time.Sleep(2 * time.Minute)
				s.hook.want(t, "opened CP_001 faulted: says KO")
				if len(other.bodies) != 1 {
					t.Errorf("the other one got %d", len(other.bodies))
				}
			})
		})
	}
}

// What a receiver refuses for what it is holds nothing up; a receiver that refuses everything
// loses nothing.
func TestRefusedMessage(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := newSite(t, nil)
		a, b := s.watchOne("CP_001"), s.watchOne("CP_002")
		defer a.stop()
		defer b.stop()
		s.hook.set(func(w http.ResponseWriter, _ *http.Request) bool {
			http.Error(w, "never", http.StatusBadRequest)
			return false
		})
		a.status.Store("KO")
		time.Sleep(time.Minute)
		b.status.Store("KO")
		time.Sleep(10 * time.Minute)
		s.hook.set(nil)
		time.Sleep(2 * time.Minute)
		got := strings.Split(s.hook.got(), "\n")
		slices.Sort(got)
		if r := s.notify.Report().Receivers[0]; r.Waiting != 0 || r.Sent+r.Dropped != 2 || r.Sent == 0 {
			t.Errorf("%+v, got %q", r, got)
		}
	})
}

// TestKilledAtEachWrite ends the process at one write to the disk after the other, and starts
// it again: each message arrives, and at most one arrives twice.
func TestKilledAtEachWrite(t *testing.T) {
	want := []string{"opened CP_001 faulted: says KO", "recovered CP_001 well again, after 2m0s"}
	for kill := 1; ; kill++ {
		killed := false
		bubble.Run(t, func(t *testing.T) { killed = killedAt(t, kill, want) })
		if !killed || t.Failed() {
			t.Logf("%d writes", kill-1)
			break
		}
	}
}

func killedAt(t *testing.T, kill int, want []string) (killed bool) {
	t.Helper()
	disk := faultdisk.New(t)
	first, second := t.TempDir(), t.TempDir()
	s := newSite(t, func(o *notify.Options) {
		o.StateDir, o.VFS, o.Logger = first, disk.Name(), slog.New(slog.DiscardHandler)
	})
	var dead atomic.Bool
	s.hook.set(func(http.ResponseWriter, *http.Request) bool { return !dead.Load() })
	var mu sync.Mutex
	writes := 0
	gone := make(chan struct{})
	disk.Before(func(op faultdisk.Op, _ string) error {
		if op != faultdisk.Write {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if writes++; writes == kill {
			dead.Store(true)
			close(gone)
		}
		if writes >= kill {
			return errors.New("killed")
		}
		return nil
	})
	a := s.watchOne("CP_001")
	defer func() { a.stop() }()
	time.Sleep(7 * time.Second)
	a.status.Store("KO")
	begun := time.Now()
	restart := func() {
		s.stop()
		a.stop()
		for _, name := range []string{notify.FileName, notify.FileName + "-wal"} {
			if b, err := os.ReadFile(filepath.Join(first, name)); err == nil {
				if err := os.WriteFile(filepath.Join(second, name), b, 0o600); err != nil {
					t.Error(err)
				}
			}
		}
		for _, name := range []string{"central.db", "central.db-wal"} {
			if b, err := os.ReadFile(filepath.Join(first, name)); err == nil {
				if err := os.WriteFile(filepath.Join(second, name), b, 0o600); err != nil {
					t.Error(err)
				}
			}
		}
		s.options.StateDir, s.options.VFS = second, ""
		dead.Store(false)
		s.start()
		status := a.status.Load()
		a = s.watchOne("CP_001")
		a.status.Store(status)
	}
	for step := range 2 {
		select {
		case <-gone:
			killed, gone = true, nil
			restart()
		case <-time.After(time.Until(begun.Add(2 * time.Minute * time.Duration(step+1)))):
		}
		if left := time.Until(begun.Add(2 * time.Minute * time.Duration(step+1))); left > 0 {
			time.Sleep(left)
		}
		if step == 0 {
			a.status.Store("OK")
		}
	}
	time.Sleep(2 * time.Minute)
	select {
	case <-gone:
		killed = true
		restart()
		time.Sleep(2 * time.Minute)
	default:
	}
	got := strings.Split(s.hook.got(), "\n")
	if distinct := slices.Compact(slices.Clone(got)); !slices.Equal(kinds(distinct), kinds(want)) || len(got) > len(want)+1 {
		t.Errorf("killed at write %d: got\n%s", kill, strings.Join(got, "\n"))
	}
	return killed
}

// kinds are the first words: how long it lasted differs where Central was away.
func kinds(lines []string) []string {
	var all []string
	for _, line := range lines {
		kind, _, _ := strings.Cut(line, " ")
		all = append(all, kind)
	}
	return slices.Compact(all)
}

// A disk that refuses or hangs holds nothing up.
func TestDiskThatRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*faultdisk.Disk) (mend func()){
		"refuses": func(d *faultdisk.Disk) func() {
			d.Refuse(errors.New("no"))
			return func() { d.Before(nil) }
		},
		"hangs": (*faultdisk.Disk).Stall,
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				disk := faultdisk.New(t)
				s := newSite(t, func(o *notify.Options) { o.StateDir, o.VFS = t.TempDir(), disk.Name() })
				a := s.watchOne("CP_001")
				defer func() { a.stop() }()
				mend := spoil(disk)
				a.status.Store("KO")
				time.Sleep(time.Minute)
				s.hook.want(t, "opened CP_001 faulted: says KO")
				if r := s.notify.Report(); r.DiskError == "" {
					t.Errorf("%+v", r)
				}
				mend()
				time.Sleep(2 * time.Second)
				if r := s.notify.Report(); r.DiskError != "" {
					t.Errorf("%+v", r)
				}
				s.stop() // what was told while the disk refused is there now
				s.start()
				a.stop()
				a = s.watchOne("CP_001")
				a.status.Store("KO")
				time.Sleep(time.Hour)
				s.hook.want(t, "opened CP_001 faulted: says KO")
			})
		})
	}
}

// A file that can't be read at the start is left alone: what waits in it is sent after the next
// one.
func TestFileThatIsNotRead(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		disk := faultdisk.New(t)
		s := newSite(t, func(o *notify.Options) { o.StateDir, o.VFS = t.TempDir(), disk.Name() })
		if err := s.hook.server.Close(); err != nil {
			t.Fatal(err)
		}
		a := s.watchOne("CP_001")
		defer func() { a.stop() }()
		a.status.Store("KO")
		restart := func() {
			s.stop()
			s.start()
			a.stop()
			a = s.watchOne("CP_001")
			a.status.Store("KO")
		}
		time.Sleep(time.Minute)
		disk.Refuse(errors.New("no"))
		restart()
		disk.Before(nil)
		time.Sleep(20 * time.Second)
		if r := s.notify.Report(); r.DiskError == "" || r.Receivers[0].Waiting != 0 {
			t.Errorf("%+v", r)
		}
		restart()
		s.hook = s.listen("hook:80")
		time.Sleep(time.Hour)
		s.hook.want(t, "opened CP_001 faulted: says KO")
	})
}
