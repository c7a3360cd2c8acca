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

// TestTranscripts tells the judgement as stories: testdata holds what a Monitor
// learned, and below the line every event that followed from it.
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
	story, want, _ := strings.Cut(string(text), "\n----\n")
	s := newScene()
	for n, line := range strings.Split(story, "\n") {
		if err := s.play(line); err != nil {
			t.Fatalf("%s:%d: %v", file, n+1, err)
		}
	}
	got := s.said.String()
	if *update {
		if err := os.WriteFile(file, []byte(story+"\n----\n"+got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("%s says\n%s\nwant\n%s", file, got, want)
	}
}

// scene is a Monitor on a stage: time moves when a line says so.
type scene struct {
	policy evcp.Policy
	state  evcp.State
	now    evcp.Stamp
	events []evcp.Event
	said   strings.Builder
}

// seedTime is the timestamp in all of the seed's examples.
const seedTime = evcp.Stamp(1640000000 * 1e6)

func newScene() *scene {
	return &scene{policy: evcp.Policy{Fall: 3, Rise: 1, Instance: "bench"}, now: seedTime}
}

func (s *scene) play(line string) error {
	words := strings.Fields(line)
	if len(words) == 0 || strings.HasPrefix(line, "#") {
		return nil
	}
	verb, args := words[0], words[1:]
	switch verb {
	case "policy":
		return s.setPolicy(args)
	case "observe":
		return s.observe(args)
	case "wait":
		d, err := time.ParseDuration(args[0])
		s.now = s.now.Add(d)
		return err
	case "cut":
		return s.cut()
	case "known":
		s.said.WriteString(s.known())
		return nil
	case "shown":
		fmt.Fprintf(&s.said, "shown %s\n", s.state.Shown(s.now, time.Second))
		return nil
	default:
		return s.learn(verb, args)
	}
}

func (s *scene) setPolicy(args []string) error {
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		n, err := strconv.Atoi(value)
		switch name {
		case "fall":
			s.policy.Fall = uint32(n)
		case "rise":
			s.policy.Rise = uint32(n)
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
func (s *scene) observe(args []string) error {
	for _, word := range args {
		o, ok := outcomes[word]
		if !ok {
			return fmt.Errorf("no outcome %q", word)
		}
		s.next(evcp.Observation{Kind: evcp.Checked, Outcome: o})
		s.now = s.now.Add(time.Second)
	}
	return nil
}

// learn plays every other observation: a verb, then its figures or its words.
func (s *scene) learn(verb string, args []string) error {
	text := strings.Join(args, " ")
	o := evcp.Observation{Response: text, Version: text, Reason: text, Latency: 3 * time.Millisecond}
	switch verb {
	case "start":
		o.Kind = evcp.Started
	case "start-anew":
		o.Kind, o.Renumber = evcp.Started, true
	case "stop":
		o.Kind = evcp.Stopping
	case "greeted":
		o.Kind = evcp.Greeted
	case "registering":
		o.Kind = evcp.Registering
	case "registered":
		o.Kind = evcp.Registered
	case "refusal":
		o.Kind = evcp.RegistrationRefused
	case "failure-told", "recovery-told", "late-told":
		return s.told(verb, args)
	case "stood", "clock":
		return s.itself(verb, args)
	case "dropped":
		_, err := fmt.Sscan(text, &o.DroppedEpoch, &o.From, &o.To, &o.Count, &o.Reason)
		o.Kind = evcp.Dropped
		s.next(o)
		return err
	default:
		return fmt.Errorf("no verb %q", verb)
	}
	s.next(o)
	return nil
}

// known is what a restart, and Central's uplink, need of the state.
func (s *scene) known() string {
	i := s.state.Incident
	return fmt.Sprintf("known central=%d ever_accepted=%t incident=%d open=%t told=%d at=%s closed_told=%t\n",
		s.state.Central, s.state.EverAccepted, i.ID.Seq, i.Open, i.Reports, at(i.ReportedAt), i.RecoveryReported)
}

// told plays an answer of Central for the newest incident: repeat, then words.
func (s *scene) told(verb string, args []string) error {
	o := evcp.Observation{Kind: evcp.RecoveryReported, Incident: s.state.Incident.ID, Latency: 2 * time.Millisecond}
	if verb == "late-told" { // of an incident before
		o.Incident.Seq--
	}
	if verb != "recovery-told" {
		o.Kind = evcp.FailureReported
		n, err := strconv.Atoi(args[0])
		if err != nil {
			return err
		}
		o.Repeat, args = uint32(n), args[1:]
	}
	o.Response = strings.Join(args, " ")
	s.next(o)
	return nil
}

// itself plays what the Monitor learns of itself: a gap and what it swallowed,
// or a step of the wall clock.
func (s *scene) itself(verb string, args []string) error {
	gap, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	o := evcp.Observation{Kind: evcp.StallEnded, Gap: gap}
	if verb == "clock" {
		o.Kind = evcp.ClockStepped
		s.now = s.now.Add(gap)
	} else {
		s.now = s.now.Add(gap)
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		o.Missed = uint32(n)
	}
	s.next(o)
	return nil
}

// cut saves the state, forgets everything, reads it back, and compares it with
// the fold of all events as they stand on the topic.
func (s *scene) cut() error {
	saved, err := s.state.AppendBinary(nil)
	if err != nil {
		return err
	}
	var loaded, folded evcp.State
	if err := loaded.UnmarshalBinary(saved); err != nil {
		return err
	}
	for _, e := range s.events {
		read, err := evcp.ParseEvent(e.AppendJSON(nil))
		if err != nil {
			return err
		}
		folded = folded.After(read)
	}
	if loaded != s.state || folded != s.state {
		return fmt.Errorf("state %+v\nsaved %+v\nfolded %+v", s.state, loaded, folded)
	}
	s.state = loaded
	return nil
}

func (s *scene) next(o evcp.Observation) {
	o.CP, o.At = "CP_001", s.now
	var made []evcp.Event
	s.state, made = s.policy.Next(s.state, o, nil)
	s.events = append(s.events, made...)
	for _, e := range made {
		s.said.WriteString(summary(e))
	}
}

// summary is an event as a reader of the story wants it: what is always so is
// left out, and times count from the seed's.
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

func details(e evcp.Event) string {
	switch e.Action {
	case evcp.HealthCheck:
		return fmt.Sprintf(" %s failures=%d %s", e.Status, e.Failures, e.Cause)
	case evcp.EngineFailed:
		return fmt.Sprintf(" incident=%d since=%s cause=%s last_ok=%s", e.Incident.Seq, at(e.Since), e.Cause, at(e.LastOK))
	case evcp.EngineRecovered:
		return fmt.Sprintf(" incident=%d since=%s duration=%s", e.Incident.Seq, at(e.Since), e.Span)
	case evcp.ReportEngineFailure, evcp.ReportEngineRecovery:
		return fmt.Sprintf(" incident=%d repeat=%d %q", e.Incident.Seq, e.Repeat, e.Response)
	case evcp.MonitorStarted:
		return fmt.Sprintf(" resumed=%t last_kept=%s", e.Resumed, at(e.LastKept))
	case evcp.MonitorStalled:
		return fmt.Sprintf(" gap=%s missed=%d", e.Span, e.Missed)
	case evcp.ClockStep:
		return fmt.Sprintf(" offset=%s", e.Span)
	case evcp.EventsDropped:
		return fmt.Sprintf(" %d..%d of %d count=%d %s", e.From, e.To, e.DroppedEpoch, e.Count, e.Reason)
	default:
		return ""
	}
}
