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
	"evcp/internal/logtext"
	"evcp/internal/uplink"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// day is the log of a Monitor, written down.
type day struct {
	teller logtext.Formatter
	policy evcp.Policy
	state  evcp.State
	now    time.Time
	log    strings.Builder
}

func newDay() *day {
	return &day{
		teller: logtext.Formatter{Timeout: 900 * time.Millisecond, Zone: time.UTC, AskAgain: time.Minute, Lone: true, Topic: "monitor-events"},
		policy: evcp.Policy{Fall: 3, Rise: 1, Instance: "test"}, now: noon,
	}
}

// learn lets the judgement make the events of an observation, a second later.
func (d *day) learn(all ...evcp.Observation) {
	for _, o := range all {
		d.now = d.now.Add(time.Second)
		o.CP, o.At = "CP_001", evcp.StampOf(d.now)
		next, events := d.policy.Next(d.state, o, nil)
		d.state = next
		for _, e := range events {
			if l, worth := d.teller.Event(e); worth {
				d.write(l)
			}
		}
	}
}

// write notes a line as the console is given it; what every line of an event
// carries is left out.
func (d *day) write(l logtext.LogLine) {
	fmt.Fprintf(&d.log, "%s %-5s %s %s %s\n", d.now.Format(time.TimeOnly), strings.ToLower(l.Level.String()), l.Shape.Mark(), l.CP, l.Text)
	for _, a := range l.Attrs {
		if a.Key != "action" && a.Key != "event_id" {
			fmt.Fprintf(&d.log, "           %s\n", a)
		}
	}
}

func checked(s evcp.Status, c evcp.Cause, words string) evcp.Observation {
	return evcp.Observation{Kind: evcp.Checked, Outcome: evcp.Outcome{Status: s, Cause: c, Response: words, Latency: 3 * time.Millisecond}}
}

var (
	well   = checked(evcp.OK, evcp.NoCause, "OK")
	ko     = checked(evcp.KO, evcp.SaidKO, "KO")
	mute   = checked(evcp.ConnectionError, evcp.Timeout, "")
	babble = checked(evcp.KO, evcp.Protocol, `HTTP/1.1 403 "no"`)
	late   = checked(evcp.Unknown, evcp.Stalled, "")
)

// told is Central's answer to the open or the last incident.
func (d *day) told(k evcp.ObservationKind, repeat uint32, words string) evcp.Observation {
	return evcp.Observation{Kind: k, Incident: d.state.Incident.ID, Repeat: repeat, Response: words, Latency: 2 * time.Millisecond}
}

func (d *day) central(n uplink.Diagnostic) {
	n.CP = "CP_001"
	d.write(d.teller.Central(n))
}

// days are the stories; each has its file in testdata.
var days = map[string]func(d *day){
	"incident": func(d *day) {
		d.learn(evcp.Observation{Kind: evcp.Started, Version: "0.1.0"}, evcp.Observation{Kind: evcp.Registering},
			evcp.Observation{Kind: evcp.Registered, Response: "Authentication successful", Latency: 3 * time.Millisecond})
		d.learn(well, well, ko, well, ko, mute, ko)
		d.learn(d.told(evcp.FailureReported, 0, "Failure report received"), ko, d.told(evcp.FailureReported, 1, "Failure report received"), late, well)
		d.learn(d.told(evcp.RecoveryReported, 0, "Recovery report received"), well)
	},
	"causes": func(d *day) {
		d.learn(well)
		for _, failure := range []evcp.Observation{mute, babble, checked(evcp.ConnectionError, evcp.Refused, "")} {
			d.learn(failure, failure, failure, well)
		}
	},
	// An incident that fails in another way is told once it stays so.
	"turns": func(d *day) {
		d.learn(well, ko, ko, ko, mute, mute, ko, mute, mute, late, mute, mute, mute, ko, babble, babble, babble, well, mute, mute, mute, mute)
	},
	"central": func(d *day) {
		d.central(uplink.Diagnostic{Kind: uplink.OutageBegan, Cause: evcp.Refused})
		d.central(uplink.Diagnostic{Kind: uplink.NotCentral, Reply: "HTTP/1.1 403 Forbidden"})
		d.central(uplink.Diagnostic{Kind: uplink.OutageEnded, Outage: 90 * time.Second, Pending: 1})
		d.learn(evcp.Observation{Kind: evcp.Registering}, evcp.Observation{Kind: evcp.Registered, Response: "OK"})
		d.central(uplink.Diagnostic{Kind: uplink.ReportRejected, Reply: "ERROR: busy"})
		d.central(uplink.Diagnostic{Kind: uplink.OutageBegan, Cause: evcp.Timeout})
		d.central(uplink.Diagnostic{Kind: uplink.OutageEnded, Outage: 3 * time.Hour, Pending: 2})
	},
	"refusal": func(d *day) {
		d.learn(evcp.Observation{Kind: evcp.RegistrationRefused, Response: "Authentication denied: unknown charging point CP_001"})
		d.learn(evcp.Observation{Kind: evcp.Registered, Response: "OK"}, evcp.Observation{Kind: evcp.RegistrationRefused, Response: "Authentication denied"})
		d.teller.Lone = false // a fleet does not end for one of its charge points
		d.learn(evcp.Observation{Kind: evcp.Registered, Response: "OK"}, evcp.Observation{Kind: evcp.RegistrationRefused, Response: ""})
	},
	"itself": func(d *day) {
		d.learn(evcp.Observation{Kind: evcp.StallEnded, Gap: 10200 * time.Millisecond, Missed: 9},
			evcp.Observation{Kind: evcp.ClockStepped, Gap: -time.Hour}, evcp.Observation{Kind: evcp.ClockStepped, Gap: 2 * time.Second},
			evcp.Observation{Kind: evcp.Dropped, From: 1, To: 1, Count: 1, Reason: "disk bound"})
		d.write(d.teller.Dropped(1200, 1))
		d.write(d.teller.Stopped("CP_001", true, 0, true))
		d.write(d.teller.Stopped("CP_001", false, 1, false))
	},
	"kafka": func(d *day) {
		d.write(d.teller.KafkaAway(evcp.Refused, "dial tcp 127.0.0.1:9092: connect: connection refused", false))
		d.write(d.teller.KafkaConnected(1))
		d.teller.KafkaWait = 2 * time.Second
		d.write(d.teller.KafkaAway(evcp.Timeout, "", true))
		d.write(d.teller.KafkaBack(time.Minute, 60))
		d.write(d.teller.KafkaAway(evcp.SaidKO, "TOPIC_AUTHORIZATION_FAILED", true))
	},
}

// TestDays holds every line of the log word for word, with what machines get.
func TestDays(t *testing.T) {
	for name, story := range days {
		t.Run(name, func(t *testing.T) {
			d := newDay()
			story(d)
			file := "testdata/" + name + ".txt"
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(file, []byte(d.log.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := d.log.String(); got != string(want) {
				t.Errorf("says\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestSaysKOAndNoAnswerNeverShareASentence: they send people to different places.
func TestSaysKOAndNoAnswerNeverShareASentence(t *testing.T) {
	d := newDay()
	d.learn(well)
	for _, failure := range []evcp.Observation{ko, mute} {
		d.log.Reset()
		d.learn(failure, failure, failure, well)
		if said := d.log.String(); strings.Contains(said, "KO") && strings.Contains(said, "no answer") {
			t.Error(said)
		}
	}
}

// TestAnEarlierLifeIsKnown resumes in the middle of an incident: its end counts
// the failures of both lives, and nothing is told anew.
func TestAnEarlierLifeIsKnown(t *testing.T) {
	d := newDay()
	d.learn(well, ko, ko, ko)
	d.teller = logtext.Formatter{Timeout: 900 * time.Millisecond, Zone: time.UTC}
	d.teller.Restore("CP_001", d.state)
	d.log.Reset()
	d.learn(ko, well, well)
	var said []string
	for line := range strings.Lines(d.log.String()) {
		if _, text, info := strings.Cut(line, " info  "); info {
			said = append(said, strings.TrimSpace(text))
		}
	}
	if want := []string{"● CP_001 OK after 4s and 4 failed checks"}; !slices.Equal(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
}

// TestTwoChargePointsAreTwoStories mixes them: neither changes what is said of the
// other.
func TestTwoChargePointsAreTwoStories(t *testing.T) {
	teller := logtext.Formatter{Timeout: time.Second, Zone: time.UTC}
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
				if l, worth := teller.Event(e); worth && l.Level >= slog.LevelInfo {
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
