package evcp_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"evcp"
)

var update = flag.Bool("update", false, "write the transcripts anew instead of checking them")

// TestTranscripts runs the files in testdata: each holds observations, and below the
// line the events that must follow.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { runTranscript(t, file) })
	}
}

func runTranscript(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	script, want, _ := strings.Cut(string(text), "\n----\n")
	r := newReplay()
	for n, line := range strings.Split(script, "\n") {
		if err := r.run(line); err != nil {
			t.Fatalf("%s:%d: %v", file, n+1, err)
		}
	}
	got := r.out.String()
	if *update {
		if err := os.WriteFile(file, []byte(script+"\n----\n"+got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("%s gives\n%s\nwant\n%s", file, got, want)
	}
}

// replay runs the lines of a transcript. Time moves only when a line says so.
type replay struct {
	policy evcp.Policy
	state  evcp.State
	now    evcp.Stamp
	events []evcp.Event
	out    strings.Builder
}

// seedTime is the timestamp in all of the seed's examples.
const seedTime = evcp.Stamp(1640000000 * 1e6)

func newReplay() *replay {
	return &replay{policy: evcp.Policy{Fall: 3, Rise: 1, Instance: "bench", Interval: time.Second, Timeout: 900 * time.Millisecond}, now: seedTime}
}

func (r *replay) run(line string) error {
	words := strings.Fields(line)
	if len(words) == 0 || strings.HasPrefix(line, "#") {
		return nil
	}
	verb, args := words[0], words[1:]
	switch verb {
	case "policy":
		return r.setPolicy(args)
	case "observe":
		return r.observe(args)
	case "wait":
		d, err := time.ParseDuration(args[0])
		r.now = r.now.Add(d)
		return err
	case "reload":
		return r.reload()
	case "state":
		r.out.WriteString(r.stateLine())
		return nil
	case "shown":
		fmt.Fprintf(&r.out, "shown %s\n", r.state.Shown(r.now, time.Second))
		return nil
	default:
		return r.observeOther(verb, args)
	}
}

func (r *replay) setPolicy(args []string) error {
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		var err error
		switch name {
		case "fall":
			_, err = fmt.Sscan(value, &r.policy.Fall)
		case "rise":
			_, err = fmt.Sscan(value, &r.policy.Rise)
		case "interval":
			r.policy.Interval, err = time.ParseDuration(value)
		case "timeout":
			r.policy.Timeout, err = time.ParseDuration(value)
		case "site":
			r.policy.Site = value
		default:
			err = fmt.Errorf("no policy %q", name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

var outcomes = map[string]evcp.Outcome{
	"OK":      {Status: evcp.OK, Response: "OK", Latency: 1234 * time.Microsecond},
	"KO":      {Status: evcp.KO, Cause: evcp.SaidKO, Response: "KO"},
	"garbage": {Status: evcp.KO, Cause: evcp.Protocol, Response: `\xff\x00`},
	"timeout": {Status: evcp.ConnectionError, Cause: evcp.Timeout, Latency: 900 * time.Millisecond},
	"refused": {Status: evcp.ConnectionError, Cause: evcp.Refused},
	"unknown": {Cause: evcp.Stalled},
}

// observe makes a check for each word, a second apart.
func (r *replay) observe(args []string) error {
	for _, word := range args {
		o, ok := outcomes[word]
		if !ok {
			return fmt.Errorf("no outcome %q", word)
		}
		r.next(evcp.Observation{Kind: evcp.Checked, Outcome: o})
		r.now = r.now.Add(time.Second)
	}
	return nil
}

// observeOther makes every other observation: a verb, then its numbers or text.
func (r *replay) observeOther(verb string, args []string) error {
	text := strings.Join(args, " ")
	o := evcp.Observation{Response: text, Version: text, Reason: text, Latency: 3 * time.Millisecond}
	switch verb {
	case "start":
		o.Kind = evcp.Started
	case "start-renumbered":
		o.Kind, o.Renumber = evcp.Started, true
	case "reconfigured":
		o.Kind = evcp.Reconfigured
	case "stop":
		o.Kind = evcp.Stopping
	case "greeted":
		o.Kind = evcp.Greeted
	case "registering":
		o.Kind = evcp.Registering
	case "registered":
		o.Kind = evcp.Registered
	case "refused":
		o.Kind = evcp.RegistrationRefused
	case "failure-receipt", "recovery-receipt", "late-receipt":
		return r.receipt(verb, args)
	case "stalled", "clock":
		return r.gap(verb, args)
	case "dropped":
		_, err := fmt.Sscan(text, &o.DroppedEpoch, &o.From, &o.To, &o.Count, &o.Facts, &o.Reason)
		o.Kind = evcp.Dropped
		r.next(o)
		return err
	default:
		return fmt.Errorf("no verb %q", verb)
	}
	r.next(o)
	return nil
}

// stateLine is the part of the state that a restart and the uplink need.
func (r *replay) stateLine() string {
	i := r.state.Incident
	return fmt.Sprintf("state central=%d ever_accepted=%t incident=%d open=%t receipts=%d at=%s recovery_receipt=%t\n",
		r.state.Central, r.state.EverAccepted, i.ID.Seq, i.Open, i.Reports, at(i.ReportedAt), i.RecoveryReported)
}

// receipt makes a receipt of Central for the newest incident: repeat, then text.
func (r *replay) receipt(verb string, args []string) error {
	o := evcp.Observation{Kind: evcp.RecoveryReported, Incident: r.state.Incident.ID, Latency: 2 * time.Millisecond}
	if verb == "late-receipt" { // for the incident before
		o.Incident.Seq--
	}
	if verb != "recovery-receipt" {
		o.Kind = evcp.FailureReported
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		o.Repeat, args = uint32(n), args[1:]
	}
	o.Response = strings.Join(args, " ")
	r.next(o)
	return nil
}

// gap makes a stall, with its length and its missed ticks, or a step of the wall clock.
func (r *replay) gap(verb string, args []string) error {
	gap, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	o := evcp.Observation{Kind: evcp.StallEnded, Gap: gap}
	if verb == "clock" {
		o.Kind = evcp.ClockStepped
		r.now = r.now.Add(gap)
	} else {
		r.now = r.now.Add(gap)
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		o.Missed = uint32(n)
	}
	r.next(o)
	return nil
}

// reload encodes and decodes the state, and compares it with the fold of all events
// as the topic holds them.
func (r *replay) reload() error {
	saved, err := r.state.AppendBinary(nil)
	if err != nil {
		return err
	}
	var loaded, folded evcp.State
	if err := loaded.UnmarshalBinary(saved); err != nil {
		return err
	}
	for _, e := range r.events {
		read, err := evcp.ParseEvent(e.AppendJSON(nil))
		if err != nil {
			return err
		}
		folded = folded.After(read)
	}
	if loaded != r.state || folded != r.state {
		return fmt.Errorf("state %+v\nsaved %+v\nfolded %+v", r.state, loaded, folded)
	}
	r.state = loaded
	return nil
}

func (r *replay) next(o evcp.Observation) {
	o.CP, o.At = "CP_001", r.now
	var made []evcp.Event
	r.state, made = r.policy.Next(r.state, o, nil)
	r.events = append(r.events, made...)
	for _, e := range made {
		r.out.WriteString(summary(e))
	}
}

// summary is one line for an event, without the constant fields; times count from
// seedTime.
func summary(e evcp.Event) string {
	head := fmt.Sprintf("%d %s", e.Seq, e.Action)
	if e.PrevEpoch != 0 {
		head += fmt.Sprintf(" after=%d-%d epoch=%d", e.PrevEpoch, e.PrevSeq, e.Epoch)
	}
	return strings.TrimRight(fmt.Sprintf("%-3s %s", at(e.At), head+details(e)), " ") + "\n"
}

func at(t evcp.Stamp) string {
	if t == 0 {
		return "never"
	}
	return t.Sub(seedTime).String()
}

func settings(e evcp.Event) string {
	return fmt.Sprintf(" interval=%s timeout=%s fall=%d rise=%d", e.Interval, e.Timeout, e.Fall, e.Rise) + siteOf(e)
}

func siteOf(e evcp.Event) string {
	if e.Site == "" {
		return ""
	}
	return " site=" + e.Site
}

func details(e evcp.Event) string {
	switch e.Action {
	case evcp.HealthCheck:
		return fmt.Sprintf(" %s failures=%d %s", e.Status, e.Failures, e.Cause)
	case evcp.EngineFailed:
		return fmt.Sprintf(" incident=%d since=%s cause=%s last_ok=%s%s", e.Incident.Seq, at(e.Since), e.Cause, at(e.LastOK), siteOf(e))
	case evcp.EngineRecovered:
		return fmt.Sprintf(" incident=%d since=%s duration=%s%s", e.Incident.Seq, at(e.Since), e.Span, siteOf(e))
	case evcp.ReportEngineFailure, evcp.ReportEngineRecovery:
		return fmt.Sprintf(" incident=%d repeat=%d %q", e.Incident.Seq, e.Repeat, e.Response)
	case evcp.MonitorStarted:
		return fmt.Sprintf(" resumed=%t last_kept=%s", e.Resumed, at(e.LastKept)) + settings(e)
	case evcp.SettingsChanged:
		return settings(e)
	case evcp.MonitorStalled:
		return fmt.Sprintf(" gap=%s missed=%d", e.Span, e.Missed)
	case evcp.ClockStep:
		return fmt.Sprintf(" offset=%s", e.Span)
	case evcp.EventsDropped:
		return fmt.Sprintf(" %d..%d of %d count=%d facts=%d %s", e.From, e.To, e.DroppedEpoch, e.Count, e.Facts, e.Reason)
	default:
		return ""
	}
}
