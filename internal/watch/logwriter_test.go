package watch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"evcp"
	"evcp/internal/console"
	"evcp/internal/logtext"
	"evcp/internal/outbox"
	"evcp/internal/uplink"
)

// TestBlockedLogCountsWhatItDrops lets nobody read the log, as a terminal after Ctrl-S,
// until both queues are full, and then reads on.
func TestBlockedLogCountsWhatItDrops(t *testing.T) {
	box, err := outbox.Open(t.TempDir(), outbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := console.Open(console.Options{Out: out, Format: console.Logfmt})
	w := newLogWriter(c, logtext.Formatter{Zone: time.UTC}, box.Tail(1, false), true, 1)
	for i := 0; w.notices.dropped.Load() < 3; i++ { // run has not begun: the queue fills
		w.onCentral(uplink.Diagnostic{CP: "CP_001", Count: 1, Kind: uplink.NotCentral, Reply: fmt.Sprint(i)})
	}
	var state evcp.State
	policy := evcp.Policy{Fall: 3, Rise: 1, Instance: "test"}
	for w.tail.Dropped() == 0 {
		next, events := policy.Next(state, evcp.Observation{CP: "CP_001", Kind: evcp.Checked, At: evcp.StampOf(time.Now()), Outcome: evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO}}, nil)
		state = next
		box.Append(outbox.Batch{Generation: box.Generation(), Events: events, Judged: []outbox.Judged{{Handle: box.Handle("CP_001"), Events: len(events), State: next}}})
		if err := box.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	lost := w.tail.Dropped()
	var writing sync.WaitGroup
	writing.Go(func() { w.run(nil, nil); out.Close() })
	var logged strings.Builder
	for lines := bufio.NewScanner(in); lines.Scan(); {
		logged.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "left out") {
			close(w.ended)
		}
	}
	writing.Wait()
	if want := fmt.Sprintf("left out %d event", lost); !strings.Contains(logged.String(), want) || strings.Count(logged.String(), "left out") != 1 ||
		!strings.Contains(logged.String(), "and 3 notices; see ev-cp-m events") {
		t.Errorf("%d lost; logged\n%s", lost, logged.String())
	}
	if err := box.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestWhatPeopleRead holds the banner, the live line and systemd's line of a Monitor
// that has not begun: of one charge point, and of three.
func TestWhatPeopleRead(t *testing.T) {
	for name, c := range map[string]struct {
		targets                       []Target
		title, engines, folder        string
		live, narrow, statusLine, log string
	}{
		"one": {
			targets: []Target{{CP: "CP_001", Address: "10.0.1.1:5001"}},
			title:   "ev-cp-m test watches CP_001. Ctrl-C stops it.",
			engines: "  Engine   10.0.1.1:5001  every 1s; 3 failures in a row are reported",
			folder:  "CP_001", live: "CP_001 ? MONITORING | 0 checks, 0 failed | Central ○", narrow: "CP_001 ? MONITORING | Central ○",
			statusLine: "CP_001 MONITORING; Central connecting",
			log:        "cp=CP_001 msg=watching version=test engine=10.0.1.1:5001 central=10.0.0.5:5000",
		},
		"three": {
			targets: []Target{{CP: "CP_001", Address: "10.0.1.1:5001"}, {CP: "CP_002", Address: "10.0.1.2:5001"}, {CP: "CP_003", Address: "10.0.1.3:5001"}},
			title:   "ev-cp-m test watches 3 charge points. Ctrl-C stops it.",
			engines: "  Engines  3 in fleet.yaml  every 1s; 3 failures in a row are reported",
			folder:  "fleet", live: "● 0  ▲ 0  ? 3 | 0 checks/s, 0 late | Central ○", narrow: "● 0  ▲ 0  ? 3 | Central ○",
			statusLine: "3 charge points, 3 MONITORING; Central 3 connecting",
			log:        "msg=watching charge_points=3 version=test fleet=fleet.yaml sites=0 central=10.0.0.5:5000",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			out, err := os.Create(filepath.Join(dir, "log"))
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			var fleet *Fleet
			if len(c.targets) > 1 {
				fleet = &Fleet{Name: c.folder, File: "fleet.yaml"}
			}
			r, err := open(Options{
				Targets: c.targets, Fleet: fleet, Central: "10.0.0.5:5000", Policy: evcp.Policy{Fall: 3, Rise: 1, Instance: "test"}, Interval: time.Second,
				StateDir: dir, Version: "test", Origin: "flags", Console: console.Open(console.Options{Out: out}), Slept: Slept,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := r.box.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}()
			banner := r.bannerLines()
			if banner[0] != c.title || banner[2] != c.engines {
				t.Errorf("the banner is %q", banner)
			}
			if live := r.live(); !slices.Equal(live, []string{c.live, c.narrow}) {
				t.Errorf("the live line is %q", live)
			}
			if line := r.statusLine(); line != c.statusLine {
				t.Errorf("systemd's line is %q", line)
			}
			if r.o.Dir() != filepath.Join(dir, c.folder) {
				t.Errorf("the state is in %s", r.o.Dir())
			}
			r.banner()
			if b, err := os.ReadFile(out.Name()); err != nil || !strings.Contains(string(b), c.log) {
				t.Errorf("the log is %s (%v)", b, err)
			}
		})
	}
}

// TestManyNoticesOfAFleet: what Central does to 500 charge points at once finds room in the
// queue, and is one line that counts them, written before the log ends.
func TestManyNoticesOfAFleet(t *testing.T) {
	box, err := outbox.Open(t.TempDir(), outbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	w := newLogWriter(console.Open(console.Options{Out: out}), logtext.Formatter{Zone: time.UTC}, box.Tail(1, false), false, 500)
	for i := range 500 {
		w.onCentral(uplink.Diagnostic{CP: evcp.CPID(fmt.Sprintf("CP_%03d", i)), Count: 1, Kind: uplink.OutageBegan, Cause: evcp.Refused})
	}
	close(w.ended)
	w.run(nil, nil)
	logged, err := os.ReadFile(out.Name())
	if err != nil || w.notices.dropped.Load() > 0 || strings.Count(string(logged), "\n") != 1 ||
		!strings.Contains(string(logged), "Central is not there for 500 of ") || !strings.Contains(string(logged), " charge_points=500 cause=refused ") {
		t.Errorf("%d dropped; logged\n%s (%v)", w.notices.dropped.Load(), logged, err)
	}
	if err := errors.Join(out.Close(), box.Close(context.Background())); err != nil {
		t.Error(err)
	}
}
