package explain_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"evcp"
	"evcp/internal/display"
	"evcp/internal/explain"
	"evcp/internal/language"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func at(after time.Duration) explain.Moment { return explain.MomentOf(noon.Add(after)) }

// sound is a Monitor on a good day.
func sound() explain.MonitorStatus {
	return explain.MonitorStatus{
		Program: "ev-cp-m", Version: "0.1.0", Instance: "site-7", PID: 4711, Now: at(time.Hour), Started: at(0), Healthy: true,
		Totals: explain.TotalsStatus{Total: 3600, Failed: 3, Missed: 1, Last: at(time.Hour - time.Second)},
		Kafka:  &explain.KafkaStatus{Brokers: []string{"localhost:9092"}, Topic: "monitor-events", State: "connected", Since: at(time.Second)},
		Outbox: explain.OutboxStatus{Folder: "/var/lib/ev-cp-m/CP_001", Bytes: 3 << 20, Limit: 512 << 20},
		ChargePoints: []explain.ChargePointStatus{{
			CP: "CP_001", Engine: "localhost:5001", State: "OK", Since: at(time.Minute), LastOK: at(time.Hour - time.Second), Fall: 3, Rise: 1, TimeoutMS: 900,
			Checks: []explain.CheckStatus{{At: at(time.Hour - time.Second), Status: "OK", LatencyMS: 1.2, Response: "OK"}},
			Central: explain.CentralStatus{
				Address: "10.0.0.5:5000", State: "registered", Since: at(time.Second),
				Last:     &explain.MessageStatus{At: at(time.Hour - 3*time.Second), Message: "heartbeat OK", Answered: true, Answer: "OK", LatencyMS: 2},
				Answered: []explain.MessageStatus{{At: at(time.Second), Message: "registration request", Answered: true, Answer: "Authentication successful", LatencyMS: 3}},
			},
			Next: []explain.ScheduleStatus{{At: at(time.Hour), To: "engine", What: "health_check"}, {At: at(time.Hour + 2*time.Second), To: "central", What: "heartbeat"}},
		}},
	}
}

// TestTranscripts holds every kind of day word for word.
func TestTranscripts(t *testing.T) {
	for name, change := range map[string]func(*explain.MonitorStatus){
		"sound":   func(*explain.MonitorStatus) {},
		"faulted": faulted,
		"mute-central": func(d *explain.MonitorStatus) {
			d.ChargePoints[0].Central.Last = &explain.MessageStatus{At: at(time.Hour - 6*time.Second), Message: "heartbeat OK", Cause: "timeout"}
		},
		"alone": alone,
		"no-network": func(d *explain.MonitorStatus) {
			c := &d.ChargePoints[0]
			c.Checks = append(c.Checks, explain.CheckStatus{At: d.Now, Status: "UNKNOWN", Cause: "local", Detail: "no_network"})
			c.Central.State, c.Central.Last = "away", &explain.MessageStatus{At: d.Now, Message: "heartbeat OK", Cause: "local", Detail: "no_network"}
			d.Kafka.State, d.Kafka.Cause, d.Kafka.Detail = "away", "local", "name_server"
		},
		"no-verdict": func(d *explain.MonitorStatus) {
			c := &d.ChargePoints[0]
			c.State, c.Checks = "MONITORING", []explain.CheckStatus{{At: d.Now, Status: "UNKNOWN", Cause: "local", Detail: "of a later version"}}
		},
		"standing-still": func(d *explain.MonitorStatus) {
			d.Healthy, d.Trouble = false, "the watch stands still: no check was completed for 12s"
			d.ChargePoints[0].State, d.ChargePoints[0].Checks, d.ChargePoints[0].Central.Answered = "MONITORING", nil, nil
			d.ChargePoints[0].Central.Last = nil
		},
		"begun": func(d *explain.MonitorStatus) {
			d.Started, d.Totals = d.Now, explain.TotalsStatus{}
			d.Healthy, d.Trouble = false, "no check has been completed yet"
			c := &d.ChargePoints[0]
			c.CP, c.Engine = "ALB-04-001.north-entrance", "engine-04.albacete.example.org:5001"
			c.State, c.Since, c.Checks, c.Next = "MONITORING", 0, nil, c.Next[:1]
			c.Central = explain.CentralStatus{Address: "10.0.0.5:5000", State: "connecting", Since: d.Now}
			d.Kafka.State, d.Kafka.Since, d.Kafka.Pending = "connecting", d.Now, 1
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := sound()
			change(&d)
			for suffix, said := range map[string]language.Language{"": language.English, "-es": language.Spanish} {
				how := explain.View{Zone: time.UTC, Columns: 80, Language: said}
				lines := append(append(explain.StatusLines(d, how), "----"), explain.Lines(d, how)...)
				compare(t, "testdata/"+name+suffix+".txt", strings.Join(lines, "\n")+"\n")
			}
		})
	}
}

// compare holds a screen to a file, and to 80 columns but for what peers say.
func compare(t *testing.T, file, got string) {
	t.Helper()
	for line := range strings.Lines(got) {
		if own, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), `"`); utf8.RuneCountInString(own) > 80 {
			t.Errorf("too wide: %s", line)
		}
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("says\n%s\nwant\n%s", got, want)
	}
}

// TestANarrowTerminalLosesNoAdvice: what a narrow screen has no room for comes on
// the next line.
func TestANarrowTerminalLosesNoAdvice(t *testing.T) {
	d := sound()
	faulted(&d)
	wide := strings.Join(explain.StatusLines(d, explain.View{Zone: time.UTC, Columns: 80}), "\n")
	for _, columns := range []int{40, 60} {
		lines := explain.StatusLines(d, explain.View{Zone: time.UTC, Columns: columns})
		if got := strings.Join(lines, "\n"); !slices.Equal(strings.Fields(got), strings.Fields(wide)) {
			t.Errorf("at %d columns it says\n%s", columns, got)
		}
		for _, line := range lines {
			if utf8.RuneCountInString(line) > columns {
				t.Errorf("wider than %d: %s", columns, line)
			}
		}
	}
}

// faulted: an incident is open, and Central did not answer the last report.
func faulted(d *explain.MonitorStatus) {
	c := &d.ChargePoints[0]
	c.State, c.Cause, c.Failures, c.Since = "CONNECTION_ERROR", "timeout", 40, at(59*time.Minute)
	c.Incident = &explain.IncidentStatus{ID: "CP_001-1-2", Since: c.Since, Cause: "timeout", Reports: 1, ReportedAt: at(59*time.Minute + 3*time.Second)}
	c.Checks = []explain.CheckStatus{
		{At: at(-24 * time.Hour), Status: "OK", LatencyMS: 0.4, Response: "OK"},
		{At: at(59 * time.Minute), Status: "KO", Cause: "protocol", LatencyMS: 3, Response: "HTTP/1.1 403 Forbidden", Failures: 39},
		{At: at(time.Hour - 2*time.Second), Status: "UNKNOWN", Cause: "stalled", LatencyMS: 2100, Failures: 39},
		{At: at(time.Hour - time.Second), Status: "CONNECTION_ERROR", Cause: "timeout", LatencyMS: 900, Failures: 40},
	}
	c.Central.Answered = append(c.Central.Answered,
		explain.MessageStatus{At: at(59*time.Minute + 3*time.Second), Message: "ENGINE_FAILURE", Answered: true, Answer: "Failure report received", LatencyMS: 2})
	c.Central.State, c.Central.Since, c.Central.Pending = "away", at(time.Hour-4*time.Second), 1
	c.Central.Last = &explain.MessageStatus{At: at(time.Hour - time.Second), Message: "ENGINE_FAILURE", Repeat: 1, Cause: "refused"}
	c.Next = append(c.Next[:1], explain.ScheduleStatus{At: at(time.Hour + 1500*time.Millisecond), To: "central", What: "registration request"})
	d.Kafka.State, d.Kafka.Cause, d.Kafka.Why, d.Kafka.Pending, d.Kafka.Since = "away", "refused", "dial tcp: refused", 1200, at(40*time.Minute)
	d.Note = "state folder /var/lib/ev-cp-m/CP_001 can't be used: no space left on device; events are kept in memory only"
	d.Outbox.Dropped, d.Outbox.Refused = 17, "no space left on device"
	d.Log = explain.LogStatus{Events: 12, Notices: 1}
}

// alone: no brokers, Central refuses, two checks failed.
func alone(d *explain.MonitorStatus) {
	d.Kafka = nil
	c := &d.ChargePoints[0]
	c.Failures = 2
	c.Checks = append(c.Checks, explain.CheckStatus{At: at(time.Hour - time.Second), Status: "KO", Cause: "said_ko", LatencyMS: 1, Response: "KO", Failures: 2})
	c.Central.State = "refused"
	c.Central.Answered[0].Answer = `Authentication denied: "CP_001"`
}

func TestADocumentComesBackAsItWent(t *testing.T) {
	d := sound()
	faulted(&d)
	first, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var back explain.MonitorStatus
	if err := json.Unmarshal(first, &back); err != nil {
		t.Fatal(err)
	}
	second, err := json.Marshal(back)
	if err != nil || !bytes.Equal(first, second) {
		t.Errorf("%v\n%s\n%s", err, first, second)
	}
	for _, c := range []struct {
		m    explain.Moment
		want string
	}{{0, "null"}, {explain.Moment(1795507365_864184), "1795507365.864184"}, {explain.Moment(1_000_000), "1"}} {
		if b, err := json.Marshal(c.m); err != nil || string(b) != c.want {
			t.Errorf("%s, want %s", b, c.want)
		}
	}
	if explain.MomentOf(time.Time{}) != 0 || explain.Moment(7).Stamp() != evcp.Stamp(7) {
		t.Error("never is no moment")
	}
}

// FuzzDocument lets a process of any version, or a stranger on the socket, say
// anything: what is printed is printable, and no line is wider than a terminal.
func FuzzDocument(f *testing.F) {
	for _, change := range []func(*explain.MonitorStatus){func(*explain.MonitorStatus) {}, faulted, alone} {
		d := sound()
		change(&d)
		seed, err := json.Marshal(d)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed)
	}
	f.Add([]byte(`{"fleet":{"not_well":[{"cp_id":"\u001b[2J","site":"\u202e","state":"KO","since":-1e18,"last_report_answered":1}],"sites":[{"site":"\n","ok":-1}],"central":{"sessions":{"away":1},"last":{}}}}`))
	f.Add([]byte(`{"charge_points":[{"since":1e300},{"last_checks":[{"latency_ms":-1e300,"at":-1e18,"cause":"\u001b[2J"}],"next":[{}]}],"started":1e11}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var d explain.MonitorStatus
		if json.Unmarshal(body, &d) != nil {
			return
		}
		style := display.Style{}
		for _, line := range explain.Lines(d, explain.View{Zone: time.UTC, Columns: 80}) {
			shown := style.Line(line, 80)
			if utf8.RuneCountInString(shown) > 80 || strings.ContainsAny(shown, "\n\r\x1b\x00") {
				t.Errorf("%q", shown)
			}
		}
	})
}

// TestLongIDsAndOrder: the columns of all rows begin in the same cell, and CP_2 stands before CP_10.
func TestLongIDsAndOrder(t *testing.T) {
	d := sound()
	d.ChargePoints = nil
	for _, id := range []evcp.CPID{"CP_10", "ALB-04-001.north", "CP_2"} {
		c := sound().ChargePoints[0]
		c.CP = id
		d.ChargePoints = append(d.ChargePoints, c)
	}
	var ids []string
	for _, line := range explain.StatusLines(d, explain.View{Zone: time.UTC, Columns: 80}) {
		if strings.Contains(line, "localhost:5001") {
			ids = append(ids, strings.Fields(line)[1])
		}
		for _, address := range []string{"localhost:5001", "10.0.0.5:5000", "localhost:9092", "site-7"} {
			if i := strings.Index(line, address); i >= 0 && utf8.RuneCountInString(line[:i]) != len("  x ALB-04-001.north ") {
				t.Errorf("%s begins elsewhere: %s", address, line)
			}
		}
	}
	if want := []string{"ALB-04-001.north", "CP_2", "CP_10"}; !slices.Equal(ids, want) {
		t.Errorf("in the order %v", ids)
	}
}
