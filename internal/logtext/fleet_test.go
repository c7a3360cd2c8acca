package logtext_test

import (
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"evcp"
	"evcp/internal/display"
	"evcp/internal/language"
	"evcp/internal/logtext"
)

// TestABusyMachineIsToldOnceAMinute: short stalls every few seconds; a long one has its line at once.
func TestABusyMachineIsToldOnceAMinute(t *testing.T) {
	r := newFleetRecorder(language.English, 4)
	for second := range 150 {
		gap := 150 * time.Millisecond
		if second == 100 {
			gap = 3 * time.Second
		}
		if second%5 == 0 {
			r.observe(r.all(1+second%4, 4), evcp.Observation{Kind: evcp.StallEnded, Gap: gap})
		}
		r.second()
	}
	var told []string
	for _, l := range append(r.lines, r.log.Rest()...) {
		told = append(told, l.Text)
	}
	want := []string{"for 150ms; ", "several times, for up to 150ms; ", "several times, for up to 3s; ", "several times, for up to 150ms; "}
	if len(told) != len(want) {
		t.Fatalf("%d lines: %q", len(told), told)
	}
	for i := range want {
		if told[i] != "this Monitor stood still "+want[i]+"no Engine is blamed" {
			t.Errorf("%q", told[i])
		}
	}
}

// TestAStreakGoesOn: after a restart at two of three failed checks the next one opens the incident,
// and is not called the first of three; after one it is the second.
func TestAStreakGoesOn(t *testing.T) {
	for failures, want := range map[int]string{1: "KO; 2 of 3", 2: "Site 1: 1 of 1, says KO since 12:00:00"} {
		r := newFleetRecorder(language.English, 4)
		ko := evcp.Observation{Kind: evcp.Checked, Outcome: evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO}}
		r.observe(r.all(1, 1), evcp.Observation{Kind: evcp.Started})
		for range failures {
			r.observe(r.all(1, 1), ko)
		}
		fresh := newFleetRecorder(language.English, 4)
		fresh.states, fresh.now = r.states, r.now.Add(time.Second)
		fresh.log.Formatter.Restore("CP_001", r.states["CP_001"])
		fresh.observe(fresh.all(1, 1), evcp.Observation{Kind: evcp.Started}, ko)
		var told []string
		for _, l := range append(fresh.lines, fresh.log.Rest()...) {
			told = append(told, l.Text)
		}
		if len(told) != 1 || told[0] != want {
			t.Errorf("after %d: %q, want %q", failures, told, want)
		}
	}
}

// TestCentralThatAcceptedIsGone: that a registration is tried again does not make it one that was
// never there.
func TestCentralThatAcceptedIsGone(t *testing.T) {
	r := newFleetRecorder(language.English, 4)
	r.observe(r.cps, evcp.Observation{Kind: evcp.Started}, evcp.Observation{Kind: evcp.Registering}, evcp.Observation{Kind: evcp.Registered})
	r.observe(r.cps, evcp.Observation{Kind: evcp.Registering})
	r.log.CentralAway("CP_001", 1, evcp.Refused, "", r.now)
	r.log.CentralAway("CP_001", 3, evcp.Refused, "", r.now) // two are away again
	r.lines = append(r.lines, r.log.Rest()...)
	if !slices.ContainsFunc(r.lines, func(l logtext.LogLine) bool { return strings.HasPrefix(l.Text, "Central is gone for 4 of 4") }) {
		t.Errorf("%v", r.lines)
	}
}

// fleetRecorder plays what happens to a fleet, second by second, with the real judgement.
type fleetRecorder struct {
	log    *logtext.FleetLog
	cps    []evcp.CPID
	states map[evcp.CPID]evcp.State
	policy evcp.Policy
	sites  map[evcp.CPID]string
	now    time.Time
	lines  []logtext.LogLine
}

// newFleetRecorder has so many charge points at each site, numbered through.
func newFleetRecorder(said language.Language, sites ...int) *fleetRecorder {
	r := &fleetRecorder{
		log: &logtext.FleetLog{
			Formatter: &logtext.Formatter{Timeout: 900 * time.Millisecond, Zone: time.UTC, RefusalRetry: time.Minute, CentralTimeout: 3 * time.Second, NoDebug: true, Fleet: true, Language: said},
			Singles:   3, Groups: 5, WholeSites: true,
		},
		states: map[evcp.CPID]evcp.State{}, sites: map[evcp.CPID]string{}, now: noon,
		policy: evcp.Policy{Fall: 3, Rise: 1, Instance: "test", Interval: time.Second, Timeout: 900 * time.Millisecond},
	}
	for i, n := range sites {
		for range n {
			cp := evcp.CPID(fmt.Sprintf("CP_%03d", len(r.cps)+1))
			r.cps = append(r.cps, cp)
			r.sites[cp] = fmt.Sprintf("Site %d", i+1)
		}
	}
	return r
}

// all are the charge points from one number to another.
func (r *fleetRecorder) all(from, to int) []evcp.CPID { return r.cps[from-1 : to] }

// observe lets the same happen to charge points, spread over 900 ms, and lets the log write
// what is due meanwhile.
func (r *fleetRecorder) observe(cps []evcp.CPID, all ...evcp.Observation) {
	for i, cp := range cps {
		now := r.now.Add(900 * time.Millisecond * time.Duration(i) / time.Duration(len(cps)))
		for _, o := range all {
			o.CP, o.At = cp, evcp.StampOf(now)
			if o.Kind == evcp.FailureReported || o.Kind == evcp.RecoveryReported {
				o.Incident = r.states[cp].Incident.ID
			}
			r.policy.Site = r.sites[cp]
			next, events := r.policy.Next(r.states[cp], o, nil)
			r.states[cp] = next
			for _, e := range events {
				r.log.Event(e, now)
			}
		}
	}
}

// second ends a second.
func (r *fleetRecorder) second() {
	r.now = r.now.Add(time.Second)
	if next := r.log.Next(); !next.IsZero() && !next.After(r.now) {
		r.lines = append(r.lines, r.log.Lines(r.now)...)
	}
}

// text is the log: what a person and a machine get.
func (r *fleetRecorder) text() string {
	var b strings.Builder
	for _, l := range r.lines {
		cp := ""
		if l.CP != "" {
			cp = string(l.CP) + " "
		}
		fmt.Fprintf(&b, "%s %-5s %s %s%s\n", l.At.UTC().Format(time.TimeOnly), strings.ToLower(slog.Level(l.Level).String()), l.Shape.Mark(), cp, l.Text)
		for _, a := range l.Fields {
			if a.Key != "action" && a.Key != "event_id" {
				fmt.Fprintf(&b, "           %s=%v\n", a.Key, a.Value)
			}
		}
	}
	return b.String()
}

var fleetHistories = map[string]struct {
	sites []int
	play  func(*fleetRecorder)
}{
	// One of thirteen does not answer, then a site of one is mute, then all is well again.
	"fleet-day": {[]int{12, 1}, func(r *fleetRecorder) {
		everyone, sick := r.all(1, 13), r.all(7, 7)
		r.observe(everyone, evcp.Observation{Kind: evcp.Started, Version: "0.2.0"}, evcp.Observation{Kind: evcp.Registering},
			evcp.Observation{Kind: evcp.Registered, Response: "Authentication successful", Latency: 41 * time.Millisecond})
		refused := checked(evcp.ConnectionError, evcp.Refused, "")
		for range 3 {
			r.observe(slices.Concat(r.all(1, 6), r.all(8, 13)), well)
			r.observe(sick, refused)
			r.second()
		}
		r.observe(sick, evcp.Observation{Kind: evcp.FailureReported, Response: "Failure report received", Latency: 2 * time.Millisecond})
		for range 3 {
			r.observe(r.all(13, 13), silent)
			r.second()
		}
		r.observe(r.all(7, 13), well)
		r.second()
		r.second()
		r.observe(everyone, evcp.Observation{Kind: evcp.StallEnded, Gap: 10 * time.Second, Missed: 9})
		r.observe(everyone, evcp.Observation{Kind: evcp.ClockStepped, Gap: 2 * time.Second})
		r.observe(r.all(1, 2), evcp.Observation{Kind: evcp.RegistrationRefused, Response: "denied"})
		r.second()
		r.second()
	}},
	// Ten sites of forty fail at once, and a part of an eleventh; then all recover.
	"fleet-storm": {[]int{40, 40, 40, 40, 40, 40, 40, 40, 40, 40, 40}, func(r *fleetRecorder) {
		everyone, sick := r.all(1, 440), r.all(1, 412)
		r.observe(everyone, evcp.Observation{Kind: evcp.Started, Version: "0.2.0"}, well)
		r.second()
		r.second()
		for range 3 {
			r.observe(sick, silent)
			r.second()
		}
		r.observe(sick, evcp.Observation{Kind: evcp.FailureReported, Response: "ok", Latency: 9 * time.Millisecond})
		r.second()
		r.observe(sick, ko)
		r.second()
		r.observe(sick, ko)
		r.second()
		r.observe(sick, ko)
		r.second()
		r.second()
		r.observe(sick, well, evcp.Observation{Kind: evcp.RecoveryReported, Response: "ok", Latency: 9 * time.Millisecond})
		r.second()
		r.second()
	}},
	// A charge point moves to another site, one is removed; what is left fails as a whole.
	"fleet-reload": {[]int{3, 1}, func(r *fleetRecorder) {
		r.observe(r.cps, evcp.Observation{Kind: evcp.Started}, well)
		r.sites["CP_003"] = "Site 2"
		r.observe(r.all(3, 3), evcp.Observation{Kind: evcp.Reconfigured})
		r.observe(r.all(4, 4), evcp.Observation{Kind: evcp.Stopping, Reason: evcp.ReasonRemoved})
		for range 3 {
			r.observe(r.all(1, 3), ko)
			r.second()
		}
		r.second()
	}},
	// Central refuses the connection of all, and comes back.
	"fleet-central": {[]int{20}, func(r *fleetRecorder) {
		r.observe(r.cps, evcp.Observation{Kind: evcp.Started})
		for _, cp := range r.cps {
			r.log.CentralAway(cp, 0, evcp.Refused, "", r.now)
		}
		r.second()
		r.second()
		for _, cp := range r.cps {
			r.log.CentralBack(cp, 0, 45*time.Second, 1, r.now)
		}
		r.log.NotCentral("CP_001", 0, "HTTP/1.1 403 Forbidden", r.now)
		r.second()
		r.second()
		for _, cp := range r.cps {
			r.log.ReportRejected(cp, 0, "busy", r.now)
		}
		r.lines = append(r.lines, r.log.Rest()...)
	}},
}

// TestFleetTranscripts holds every line of a fleet's log word for word. A line that counts is
// no wider than a terminal.
func TestFleetTranscripts(t *testing.T) {
	for name, h := range fleetHistories {
		for suffix, said := range map[string]language.Language{"": language.English, "-es": language.Spanish} {
			t.Run(name+suffix, func(t *testing.T) {
				r := newFleetRecorder(said, h.sites...)
				h.play(r)
				file, got := "testdata/"+name+suffix+".txt", r.text()
				if os.Getenv("UPDATE_GOLDEN") != "" {
					if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if want, err := os.ReadFile(file); err != nil || got != string(want) {
					t.Errorf("says\n%s\nwant\n%s (%v)", got, want, err)
				}
				for _, l := range r.lines {
					if n := display.Width("12:00:00 ● " + l.Text); said == language.English && l.CP == "" && n > display.Columns {
						t.Errorf("%d columns: %s", n, l.Text)
					}
				}
			})
		}
	}
}

// TestNoChangeVanishes fails 10,000 charge points at 250 sites, in causes and at moments by
// chance, and counts: every failure and every recovery has a line or is in a count, and no
// second has more lines than allowed.
func TestNoChangeVanishes(t *testing.T) {
	for _, l := range []struct{ singles, groups int }{{3, 5}, {100, 100}} {
		sites := make([]int, 250)
		for i := range sites {
			sites[i] = 40
		}
		r := newFleetRecorder(language.English, sites...)
		r.log.Singles, r.log.Groups, r.log.WholeSites = l.singles, l.groups, false
		failures := []evcp.Observation{ko, silent, garbage, checked(evcp.ConnectionError, evcp.Refused, "")}
		r.observe(r.cps, evcp.Observation{Kind: evcp.Started}, well)
		r.second()
		opened := 0
		for second := range 20 {
			for i, cp := range r.cps {
				o := well
				if (i*7+second)%11 < 4 {
					o = failures[i%len(failures)]
				}
				open := r.states[cp].Incident.Open
				r.observe([]evcp.CPID{cp}, o)
				if !open && r.states[cp].Incident.Open {
					opened++
				}
			}
			before := len(r.lines)
			r.second()
			if n := len(r.lines) - before; n > 6*(l.groups+1) {
				t.Errorf("%d lines in a second", n)
			}
		}
		r.lines = append(r.lines, r.log.Rest()...)
		counted := 0
		for _, line := range r.lines {
			if line.Shape == display.Failed && line.Level == logtext.Warn {
				counted += chargePoints(line)
			}
		}
		if counted != opened || opened < 1000 {
			t.Errorf("the log counts %d of %d failures", counted, opened)
		}
	}
}

// chargePoints is how many a line is about.
func chargePoints(l logtext.LogLine) int {
	for _, f := range l.Fields {
		if n, ok := f.Value.(int); ok && f.Key == "charge_points" {
			return n
		}
	}
	return 1
}

// BenchmarkPlainOKs is what the log costs with each check of a fleet that is well.
func BenchmarkPlainOKs(b *testing.B) {
	sites := make([]int, 250)
	for i := range sites {
		sites[i] = 40
	}
	r := newFleetRecorder(language.English, sites...)
	r.observe(r.cps, evcp.Observation{Kind: evcp.Started}, well)
	e := evcp.Event{Action: evcp.HealthCheck, Status: evcp.OK, Epoch: 1, Response: "OK", Latency: time.Millisecond}
	b.ReportAllocs()
	for i := range b.N {
		e.CP = r.cps[i%len(r.cps)]
		r.log.Event(e, r.now)
	}
}

// TestTheWellTakeLittle: of a charge point that is well little more than its id is kept.
func TestTheWellTakeLittle(t *testing.T) {
	const many, most = 10_000, 60 // bytes for each; 100 with a state of its own
	r := newFleetRecorder(language.English, many)
	kept := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	states := map[evcp.CPID]evcp.State{}
	var events []evcp.Event
	for _, cp := range r.cps {
		for _, o := range []evcp.Observation{{Kind: evcp.Started}, {Kind: evcp.Registered}, well} {
			o.CP, o.At = cp, evcp.StampOf(noon)
			states[cp], events = r.policy.Next(states[cp], o, events)
		}
	}
	before := kept()
	for _, e := range events {
		r.log.Event(e, noon)
	}
	r.log.Rest()
	if each := (int64(kept()) - int64(before)) / many; each > most {
		t.Errorf("%d bytes for each charge point", each)
	}
	runtime.KeepAlive(events)
	runtime.KeepAlive(states)
	runtime.KeepAlive(r)
}
