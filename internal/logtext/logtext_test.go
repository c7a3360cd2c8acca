package logtext_test

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"evcp"
	"evcp/internal/language"
	"evcp/internal/logtext"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// recorder makes events with the real judgement and records the log lines they give.
type recorder struct {
	formatter logtext.Formatter
	policy    evcp.Policy
	state     evcp.State
	now       time.Time
	log       strings.Builder
}

func newRecorder() *recorder {
	return &recorder{
		formatter: logtext.Formatter{Timeout: 900 * time.Millisecond, Zone: time.UTC, RefusalRetry: time.Minute, ExitWhenRefused: true, CentralTimeout: 3 * time.Second, Topic: "monitor-events"},
		policy:    evcp.Policy{Fall: 3, Rise: 1, Instance: "test", Interval: time.Second, Timeout: 900 * time.Millisecond}, now: noon,
	}
}

// observe lets the judgement make the events of an observation, a second later.
func (r *recorder) observe(all ...evcp.Observation) {
	for _, o := range all {
		r.now = r.now.Add(time.Second)
		o.CP, o.At = "CP_001", evcp.StampOf(r.now)
		next, events := r.policy.Next(r.state, o, nil)
		r.state = next
		for _, e := range events {
			if l, worth := r.formatter.Event(e); worth {
				r.write(l)
			}
		}
	}
}

// write notes a line as the console is given it; what every line of an event
// carries is left out.
func (r *recorder) write(l logtext.LogLine) {
	fmt.Fprintf(&r.log, "%s %-5s %s %s %s\n", r.now.Format(time.TimeOnly), strings.ToLower(slog.Level(l.Level).String()), l.Shape.Mark(), l.CP, l.Text)
	for _, a := range l.Fields {
		if a.Key != "action" && a.Key != "event_id" {
			fmt.Fprintf(&r.log, "           %s=%v\n", a.Key, a.Value)
		}
	}
}

func checked(s evcp.Status, c evcp.Cause, response string) evcp.Observation {
	return evcp.Observation{Kind: evcp.Checked, Outcome: evcp.Outcome{Status: s, Cause: c, Response: response, Latency: 3 * time.Millisecond}}
}

var (
	well    = checked(evcp.OK, evcp.NoCause, "OK")
	ko      = checked(evcp.KO, evcp.SaidKO, "KO")
	silent  = checked(evcp.ConnectionError, evcp.Timeout, "")
	garbage = checked(evcp.KO, evcp.Protocol, `HTTP/1.1 403 "no"`)
	late    = checked(evcp.Unknown, evcp.Stalled, "")
)

// receipt is Central's answer to a report of the open or the last incident.
func (r *recorder) receipt(k evcp.ObservationKind, repeat uint32, response string) evcp.Observation {
	return evcp.Observation{Kind: k, Incident: r.state.Incident.ID, Repeat: repeat, Response: response, Latency: 2 * time.Millisecond}
}

// histories are observations; the log lines of each are a file in testdata.
var histories = map[string]func(r *recorder){
	"incident": func(r *recorder) {
		r.observe(evcp.Observation{Kind: evcp.Started, Version: "0.1.0"}, evcp.Observation{Kind: evcp.Registering},
			evcp.Observation{Kind: evcp.Registered, Response: "Authentication successful", Latency: 3 * time.Millisecond})
		r.observe(well, well, ko, well, ko, silent, ko)
		r.observe(r.receipt(evcp.FailureReported, 0, "Failure report received"), ko, r.receipt(evcp.FailureReported, 1, "Failure report received"), late, well)
		r.observe(r.receipt(evcp.RecoveryReported, 0, "Recovery report received"), well)
	},
	"causes": func(r *recorder) {
		r.observe(well)
		for _, failure := range []evcp.Observation{silent, garbage, checked(evcp.ConnectionError, evcp.Refused, "")} {
			r.observe(failure, failure, failure, well)
		}
	},
	// The new cause of an open incident is logged once it has stayed for three checks.
	"cause-changes": func(r *recorder) {
		r.observe(well, ko, ko, ko, silent, silent, ko, silent, silent, late, silent, silent, silent, ko, garbage, garbage, garbage, well, silent, silent, silent, silent)
	},
	// What keeps this machine from checking is logged after three checks, and when it ends.
	"local": func(r *recorder) {
		noNetwork, noName := checked(evcp.Unknown, evcp.NoNetwork, ""), checked(evcp.Unknown, evcp.NameServer, "")
		r.observe(well, noNetwork, noNetwork, well, noNetwork, noNetwork, noNetwork, noNetwork, well)
		r.observe(noNetwork, noNetwork, noNetwork, late, noName, noName, noName, ko, ko, ko, noName, noName, noName, well)
		r.write(r.formatter.CentralAway("CP_001", evcp.NoNetwork, ""))
		r.write(r.formatter.KafkaAway(logtext.KafkaOutage{Cause: evcp.NameServer, Reply: "lookup broker: i/o timeout", Ever: true}))
	},
	"central": func(r *recorder) {
		r.write(r.formatter.CentralAway("CP_001", evcp.Refused, ""))
		r.write(r.formatter.NotCentral("CP_001", "HTTP/1.1 403 Forbidden"))
		r.write(r.formatter.CentralBack("CP_001", 90*time.Second, 1))
		r.observe(evcp.Observation{Kind: evcp.Registering}, evcp.Observation{Kind: evcp.Registered, Response: "OK"})
		r.write(r.formatter.ReportRejected("CP_001", "ERROR: busy"))
		r.write(r.formatter.CentralAway("CP_001", evcp.Timeout, ""))
		r.write(r.formatter.CentralBack("CP_001", 3*time.Hour, 2))
	},
	"refusal": func(r *recorder) {
		r.observe(evcp.Observation{Kind: evcp.RegistrationRefused, Response: "Authentication denied: unknown charging point CP_001"})
		r.observe(evcp.Observation{Kind: evcp.Registered, Response: "OK"}, evcp.Observation{Kind: evcp.RegistrationRefused, Response: "Authentication denied"})
		r.formatter.ExitWhenRefused = false // a fleet does not end for one of its charge points
		r.observe(evcp.Observation{Kind: evcp.Registered, Response: "OK"}, evcp.Observation{Kind: evcp.RegistrationRefused, Response: ""})
	},
	"itself": func(r *recorder) {
		r.observe(evcp.Observation{Kind: evcp.StallEnded, Gap: 10200 * time.Millisecond, Missed: 9},
			evcp.Observation{Kind: evcp.ClockStepped, Gap: -time.Hour}, evcp.Observation{Kind: evcp.ClockStepped, Gap: 2 * time.Second},
			evcp.Observation{Kind: evcp.Reconfigured},
			evcp.Observation{Kind: evcp.Dropped, From: 1, To: 1, Count: 1, Reason: "disk bound"})
		r.write(r.formatter.Dropped(1200, 1))
		r.write(r.formatter.Stopped("CP_001", 1, 1, 0, true))
		r.write(r.formatter.Stopped("CP_001", 0, 1, 1, false))
		r.write(r.formatter.Stopped("", 1080, 2000, 0, true))
	},
	"kafka": func(r *recorder) {
		r.write(r.formatter.KafkaAway(logtext.KafkaOutage{Cause: evcp.Refused, Reply: "dial tcp 127.0.0.1:9092: connect: connection refused"}))
		r.write(r.formatter.KafkaConnected(1))
		r.formatter.KafkaTimeout = 2 * time.Second
		r.write(r.formatter.KafkaAway(logtext.KafkaOutage{Cause: evcp.Timeout, Ever: true}))
		r.write(r.formatter.KafkaBack(time.Minute, 60, 0))
		r.write(r.formatter.KafkaBack(time.Minute, 52, 8))
		r.write(r.formatter.KafkaAway(logtext.KafkaOutage{Cause: evcp.SaidKO, Reply: "TOPIC_AUTHORIZATION_FAILED", Ever: true}))
		r.write(r.formatter.KafkaAway(logtext.KafkaOutage{Cause: evcp.DNS, Broker: "kafka:9092", Answering: "127.0.0.1:9092", Ever: true}))
	},
}

// TestTranscripts holds every line of the log word for word, with what machines get.
func TestTranscripts(t *testing.T) {
	for name, play := range histories {
		t.Run(name, func(t *testing.T) {
			compare(t, name, play, language.English, "")
			compare(t, name, play, language.Spanish, "-es")
		})
	}
}

func compare(t *testing.T, name string, play func(*recorder), said language.Language, suffix string) {
	r := newRecorder()
	r.formatter.Language = said
	play(r)
	file := "testdata/" + name + suffix + ".txt"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(r.log.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.log.String(); got != string(want) {
		t.Errorf("says\n%s\nwant\n%s", got, want)
	}
}

// TestSaysKOAndNoAnswerNeverShareASentence: they send people to different places.
func TestSaysKOAndNoAnswerNeverShareASentence(t *testing.T) {
	r := newRecorder()
	r.observe(well)
	for phrase, failure := range map[string]evcp.Observation{"KO": ko, "no answer": silent} {
		r.log.Reset()
		r.observe(failure, failure, failure, well)
		lines := r.log.String()
		if ko, silence := strings.Contains(lines, "KO"), strings.Contains(lines, "no answer"); ko == silence || !strings.Contains(lines, phrase) {
			t.Errorf("for %q the log has\n%s", phrase, lines)
		}
	}
}

// TestRestoredStateIsKnown restores the state of an open incident: its end counts
// the failures of both processes, and nothing is logged again.
func TestRestoredStateIsKnown(t *testing.T) {
	r := newRecorder()
	r.observe(well, ko, ko, ko)
	r.formatter = logtext.Formatter{Timeout: 900 * time.Millisecond, Zone: time.UTC}
	r.formatter.Restore("CP_001", r.state)
	r.log.Reset()
	r.observe(ko, well, well)
	var said []string
	for line := range strings.Lines(r.log.String()) {
		if _, text, info := strings.Cut(line, " info  "); info {
			said = append(said, strings.TrimSpace(text))
		}
	}
	if want := []string{"● CP_001 OK after 4s and 4 failed checks"}; !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
}

// TestChargePointsAreIndependent mixes the events of two: neither changes the lines
// of the other.
func TestChargePointsAreIndependent(t *testing.T) {
	formatter := logtext.Formatter{Timeout: time.Second, Zone: time.UTC}
	policy := evcp.Policy{Fall: 2, Rise: 1, Instance: "test"}
	states := map[evcp.CPID]evcp.State{}
	said := map[evcp.CPID][]string{}
	for second := range 4 {
		for _, cp := range []evcp.CPID{"WELL", "SICK"} {
			o := well
			if cp == "SICK" && second > 0 {
				o = ko
			}
			o.CP, o.At = cp, evcp.StampOf(noon.Add(time.Duration(second)*time.Second))
			next, events := policy.Next(states[cp], o, nil)
			states[cp] = next
			for _, e := range events {
				if l, worth := formatter.Event(e); worth && l.Level >= logtext.Info {
					said[l.CP] = append(said[l.CP], l.Text)
				}
			}
		}
	}
	first := "OK: the Engine answers in 3 ms"
	if !slices.Equal(said["WELL"], []string{first}) || !slices.Equal(said["SICK"], []string{first, "KO: 2 checks in a row since 12:00:01"}) {
		t.Errorf("%q", said)
	}
}

// TestTroubleOfTheMachineIsLoggedOnce: it is not the trouble of each charge point.
func TestTroubleOfTheMachineIsLoggedOnce(t *testing.T) {
	formatter := logtext.Formatter{Zone: time.UTC}
	policy := evcp.Policy{Fall: 3, Rise: 1}
	states := map[evcp.CPID]evcp.State{}
	var said []string
	for second := range 9 {
		for _, cp := range []evcp.CPID{"A", "B", "C"} {
			o := well
			if second > 1 && second < 6 {
				o = checked(evcp.Unknown, evcp.NoNetwork, "")
			}
			o.CP, o.At = cp, evcp.StampOf(noon.Add(time.Duration(second)*time.Second))
			next, events := policy.Next(states[cp], o, nil)
			states[cp] = next
			for _, e := range events {
				if l, worth := formatter.Event(e); worth && l.Level >= logtext.Info && second > 0 {
					said = append(said, string(l.CP)+" "+l.Text)
				}
			}
		}
	}
	if want := []string{"A not judged: no network, since 12:00:02; the Engine isn't blamed", "C judged again after 4s"}; !slices.Equal(said, want) {
		t.Errorf("%q, want %q", said, want)
	}
}
