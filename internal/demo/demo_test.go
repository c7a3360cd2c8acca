package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"

	"evcp"
	"evcp/internal/console"
	"evcp/internal/display"
	"evcp/internal/language"
	"evcp/internal/testbed"
)

// TestMain is also the child process of a fleet.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == EnginesArgument {
		if err := PlayEngines(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// soon is the longest that anything may take, on a slow machine too.
const soon = 60 * time.Second

func eventually(t *testing.T, what string, ready func() bool) {
	t.Helper()
	if !within(t.Context(), soon, ready) {
		t.Fatalf("did not happen in %s: %s", soon, what)
	}
}

// afterwards delays a step until ready, because times fixed beforehand would be too
// early on a slow machine.
func afterwards(ready func(*env) bool, step func(*env)) func(*env) {
	return func(e *env) {
		within(context.Background(), soon, func() bool { return ready(e) })
		step(e)
	}
}

// hasHeartbeat: before a charge point's first heartbeat, Central expects no
// connection of it and misses none.
func hasHeartbeat(n int) func(*env) bool {
	return func(e *env) bool {
		v, _ := e.central.CP(e.cp(n).id)
		return !v.LastHeartbeat.IsZero()
	}
}

// hasBacklog: the events are pending because the broker is frozen.
func hasBacklog(events int64) func(*env) bool {
	return func(e *env) bool {
		_, pending := e.monitorStats()
		return pending >= events
	}
}

func allFaultsShown(e *env) bool {
	f := e.aggregator.figures()
	return f.FaultsShown == 2 && f.KillsShown == 1
}

// short is the default script, as fast as the parts allow.
var short = Script{Round: time.Hour, Steps: []ScriptStep{
	{act: replyKO(2)},
	{act: goMute(3)},
	{act: afterwards(hasHeartbeat(4), killMonitor(4))},
	{act: failTwice(5)},
	{act: (*env).freezeBroker},
	{act: afterwards(hasBacklog(30), (*env).thawBroker)},
	{act: afterwards(allFaultsShown, (*env).restoreAll)},
}}

// runningDemo is a demo under test, seen from outside.
type runningDemo struct {
	t      *testing.T
	log    *os.File
	keys   chan rune
	stop   context.CancelFunc
	ended  chan struct{}
	result figures
	err    error
}

func start(t *testing.T, folder string, o Options) *runningDemo {
	t.Helper()
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	d := &runningDemo{t: t, log: log, keys: make(chan rune), stop: stop, ended: make(chan struct{})}
	o.Console = console.Open(console.Options{Out: log})
	o.Interval, o.Keys = cmp.Or(o.Interval, 100*time.Millisecond), d.keys
	go func() {
		defer close(d.ended)
		d.result, d.err = run(ctx, context.Background(), o)
	}()
	t.Cleanup(func() { stop(); <-d.ended; log.Close() })
	return d
}

func (d *runningDemo) text() string {
	b, err := os.ReadFile(d.log.Name())
	if err != nil {
		d.t.Fatal(err)
	}
	return string(b)
}

func (d *runningDemo) logs(pattern string) []string {
	d.t.Helper()
	var found []string
	r := regexp.MustCompile(pattern)
	eventually(d.t, pattern+" in\n"+d.text(), func() bool { found = r.FindStringSubmatch(d.text()); return found != nil })
	return found
}

func (d *runningDemo) port(pattern string) uint16 {
	n, err := strconv.ParseUint(d.logs(pattern)[1], 10, 16)
	if err != nil {
		d.t.Fatal(err)
	}
	return uint16(n)
}

func (d *runningDemo) end() figures {
	d.stop()
	<-d.ended
	switch {
	case errors.Is(d.err, context.DeadlineExceeded):
		d.t.Log(d.err) // stopping a Monitor is bounded, and fails when a slow disk takes longer
	case d.err != nil:
		d.t.Error(d.err)
	}
	return d.result
}

func get(t *testing.T, url string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: soon}
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, answer.Status, err)
	}
	return string(body)
}

// states asks Central's API.
func states(t *testing.T, page uint16) map[string]string {
	t.Helper()
	var all []struct {
		CP    string `json:"cp_id"`
		State string
	}
	if err := json.Unmarshal([]byte(get(t, fmt.Sprintf("http://localhost:%d/api/v1/cps", page))), &all); err != nil {
		t.Fatal(err)
	}
	states := map[string]string{}
	for _, cp := range all {
		states[cp.CP] = cp.State
	}
	return states
}

// oneEpoch fails the test if a charge point's events have more than one epoch.
func oneEpoch(t *testing.T, events []evcp.Event) {
	t.Helper()
	epochs := map[evcp.CPID]int64{}
	for _, e := range events {
		if first, seen := epochs[e.CP]; seen && e.Epoch != first {
			t.Fatalf("%s: epoch %d after %d", e.CP, e.Epoch, first)
		}
		epochs[e.CP] = e.Epoch
	}
}

func count(events []evcp.Event, cp evcp.CPID, is func(evcp.Event) bool) int {
	n := 0
	for _, e := range events {
		if e.CP == cp && is(e) {
			n++
		}
	}
	return n
}

// The whole script, twice on the same ports: every announced effect is seen,
// nothing is lost, every figure is true, and no file is left.
func TestScriptTwice(t *testing.T) {
	logs, dir := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", dir)
	o := Options{Script: short, PagePort: freePort(t), KafkaPort: freePort(t), CentralPort: freePort(t)}
	for _, run := range []string{"first", "second"} {
		t.Run(run, func(t *testing.T) {
			o.Past = run == "second"
			d := start(t, logs, o)
			page := d.port(`page=http://localhost:(\d+)/`)
			kafka := d.port(`kafka=127.0.0.1:(\d+)`)
			central := d.port(`central=127.0.0.1:(\d+)`)
			if page != o.PagePort || kafka != o.KafkaPort || central != o.CentralPort {
				t.Errorf("ports %d, %d, %d: the first run has not released %d, %d, %d", page, kafka, central, o.PagePort, o.KafkaPort, o.CentralPort)
			}
			consumer := &testbed.Testbed{T: t, BrokerAddr: fmt.Sprintf("127.0.0.1:%d", kafka), Topic: topic}
			r := consumer.ReadTopic()
			d.checkLog(page)
			d.checkCounts(r, o.Past)
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// freePort is one that no connection of other programs takes between two runs.
func freePort(t *testing.T) uint16 {
	t.Helper()
	n, err := strconv.ParseUint(testbed.Port(testbed.FreeAddr(t)), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(n)
}

// checkLog waits for every line of the script, from the first to the last.
func (d *runningDemo) checkLog(page uint16) {
	t := d.t
	d.logs(`msg="6 of 6 activated"`)
	if body := get(t, fmt.Sprintf("http://localhost:%d/", page)); !strings.Contains(body, "<title>") {
		t.Errorf("the page is %q", body)
	}
	eventually(t, "CP_002 faulted", func() bool { return states(t, page)["CP_002"] == "faulted" })
	d.logs(`cp=CP_002 msg="faulted: says KO, 3 checks in a row since [0-9:]+" shape=failed`)
	d.logs(`cp=CP_003 msg="faulted: no answer in 90ms, 3 checks since [0-9:]+" shape=failed`)
	d.logs(`cp=CP_004 msg="disconnected: its Monitor left without a word" shape=gone`)
	d.logs(`cp=CP_005 msg="OK again after 2 failed checks; nothing to report" shape=note`)
	d.logs(`msg="broker frozen; events wait on disk" shape=gone`)
	d.logs(`msg="broker back: \d+ events sent, none lost" shape=note`)
	d.logs(`cp=CP_002 msg="activated after [^"]+" shape=up`)
	d.logs(`cp=CP_003 msg="activated after [^"]+" shape=up`)
	d.logs(`cp=CP_004 msg="activated after [^"]+: its Monitor is back" shape=up`)
	eventually(t, "the history of CP_002", func() bool {
		past := get(t, fmt.Sprintf("http://localhost:%d/api/v1/cps/CP_002/incidents", page))
		return strings.Contains(past, `"cause": "said_ko"`) && strings.Contains(past, `"open": false`)
	})
	if all := states(t, page); len(all) != 6 {
		t.Errorf("%d charge points: %v", len(all), all)
	}
}

// checkCounts ends the demo and compares what it counted with the topic.
func (d *runningDemo) checkCounts(r *testbed.TopicReader, withPast bool) {
	t := d.t
	eventually(t, "the topic is read as far as the Monitors' events", func() bool {
		all := r.Records()
		return len(all) > 0 && all[len(all)-1].Event.Instance != pastInstance
	})
	f := d.end()
	r.CheckSequence()
	past, events := 0, r.Events()
	events = slices.DeleteFunc(events, func(e evcp.Event) bool {
		if e.Instance == pastInstance {
			past++
		}
		return e.Instance == pastInstance
	})
	if (past > 0) != withPast {
		t.Errorf("%d events of a past", past)
	}
	oneEpoch(t, events)
	got := figures{Faults: f.Faults, FaultsShown: f.FaultsShown, Cleared: f.Cleared, FalseAlarms: f.FalseAlarms, Killed: f.Killed, KillsShown: f.KillsShown, Returned: f.Returned, Missing: f.Missing}
	if want := (figures{Faults: 2, FaultsShown: 2, Cleared: 2, Killed: 1, KillsShown: 1, Returned: 1}); got != want {
		t.Errorf("counted %+v, want %+v\n%s", got, want, d.text())
	}
	if f.Arrived != f.Events || f.Checks == 0 || f.Checks >= f.Events {
		t.Errorf("%d checks; %d of %d events arrived", f.Checks, f.Arrived, f.Events)
	}
	opens := func(e evcp.Event) bool { return e.Action == evcp.EngineFailed }
	if count(events, "CP_002", opens) != 1 || count(events, "CP_003", opens) != 1 || count(events, "CP_005", opens) != 0 {
		t.Error("other incidents than the script's")
	}
	// On a busy machine a KO may arrive after the timeout, and the check is then no KO.
	bad := func(e evcp.Event) bool { return e.Action == evcp.HealthCheck && e.Status != evcp.OK }
	if n := count(events, "CP_005", bad); n < 2 {
		t.Errorf("CP_005 failed %d checks", n)
	}
	d.logs(fmt.Sprintf(`msg="demo ended" .*checks=%d late=%d faults=2 told=2 cleared=2 false_alarms=0 .*events=%d arrived=%[3]d`, f.Checks, f.Late, f.Events))
}

// A digit chooses a charge point, a letter sets its behaviour, other keys do nothing.
func TestKeys(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	d := start(t, t.TempDir(), Options{Script: Script{Round: time.Hour}})
	d.logs("6 of 6 activated")
	for _, key := range "kx96m" {
		d.keys <- key
	}
	d.logs(`cp=CP_006 msg="is mute from now on, as you asked"`)
	d.logs(`cp=CP_006 msg="faulted: no answer`)
	d.keys <- 'o'
	d.logs(`cp=CP_006 msg="activated after`)
	if f := d.end(); f.Faults != 1 || f.FaultsShown != 1 || f.Cleared != 1 || f.FalseAlarms != 0 {
		t.Errorf("counted %+v", f)
	}
}

// A broker that is frozen at the end is thawed, and takes the pending events.
func TestEndWhileTheBrokerIsFrozen(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	d := start(t, t.TempDir(), Options{Script: Script{Round: time.Hour, Steps: []ScriptStep{
		{act: (*env).freezeBroker},
		{act: afterwards(hasBacklog(10), func(e *env) { e.aggregator.logf("", display.Note, "enough") })},
	}}})
	d.logs("msg=enough")
	if f := d.end(); f.Arrived != f.Events || f.Missing != 0 {
		t.Errorf("counted %+v\n%s", f, d.text())
	}
}

func TestSummary(t *testing.T) {
	well := figures{Lasted: 90 * time.Second, Checks: 495, Faults: 2, FaultsShown: 2, Cleared: 2, Killed: 1, KillsShown: 1, Returned: 1, Events: 540, Arrived: 540}
	for name, c := range map[string]struct {
		change func(*figures)
		want   string
	}{
		"as it should be": {func(*figures) {}, "1m30s, 495 checks, 0 late. 2 faults and 1 lost Monitor, each told once and\n" +
			"cleared once. 0 false alarms. All 540 events reached the topic."},
		"nothing yet": {func(f *figures) { *f = figures{Lasted: 4 * time.Second, Checks: 1, Events: 1, Arrived: 1} },
			"4s, 1 check, 0 late. No fault and no lost Monitor. 0 false alarms. All 1 event\nreached the topic."},
		"in the middle": {func(f *figures) { f.Cleared, f.Returned = 1, 0 },
			"1m30s, 495 checks, 0 late. 2 faults and 1 lost Monitor, each told once; 2 not\ncleared yet. 0 false alarms. All 540 events reached the topic."},
		"one": {func(f *figures) {
			f.Faults, f.FaultsShown, f.Cleared, f.Killed, f.KillsShown, f.Returned = 1, 1, 1, 0, 0, 0
		},
			"1m30s, 495 checks, 0 late. 1 fault and 0 lost Monitors, told once and cleared\nonce. 0 false alarms. All 540 events reached the topic."},
		"one that lasts": {func(f *figures) {
			f.Faults, f.FaultsShown, f.Cleared, f.Killed, f.KillsShown, f.Returned = 1, 1, 0, 0, 0, 0
		},
			"1m30s, 495 checks, 0 late. 1 fault and 0 lost Monitors, told once, not cleared\nyet. 0 false alarms. All 540 events reached the topic."},
		"not told": {func(f *figures) { f.FaultsShown, f.FalseAlarms = 3, 1 },
			"1m30s, 495 checks, 0 late. 2 faults and 1 lost Monitor; told 3 and 1, cleared 2\nand 1. 1 false alarm. All 540 events reached the topic."},
		"late and lost": {func(f *figures) { f.Late, f.Arrived, f.Missing = 7, 538, 2 },
			"1m30s, 495 checks, 7 late. 2 faults and 1 lost Monitor, each told once and\ncleared once. 0 false alarms. Only 538 of 540 events reached the topic."},
	} {
		f := well
		c.change(&f)
		lines := f.summary(language.English, display.Columns-1)
		if got := strings.Join(lines[:len(lines)-1], "\n"); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

func TestBannerShowsTheScript(t *testing.T) {
	want := `Every 110 s the same story:
  0:10  CP_002 answers KO            red after 3 failed checks
  0:20  CP_003 stops answering       red after 3 timeouts, at most 3.9 s
  0:30  CP_004 loses its Monitor     grey a second later
  0:40  CP_005 fails two checks      stays green: two are not three
  0:45  CP_006 is in maintenance     orange; watched all the same
  0:50  the broker freezes for 15 s  nothing is late, nothing is lost
  1:15  all is well again
  1:25  the site Station goes dark   one row for its three
  1:40  and is back`
	if got := strings.Join(defaultScript.lines(language.English), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, line := range append(defaultScript.lines(language.English), introduction(language.English, LoneCPs, 80)...) {
		if n := utf8.RuneCountInString(line); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// TestFleet: the Engines of three hundred charge points are played by a child process, and one
// Monitor watches them. Some fail and recover, a fifth goes mute, keys choose a share; every
// figure is true, and neither a file nor a process is left.
func TestFleet(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	const cps, ko1, muted = 300, 3, 60
	faults := func(n int) func(*env) bool {
		return func(e *env) bool { return e.aggregator.figures().FaultsShown == n }
	}
	cleared := func(n int) func(*env) bool {
		return func(e *env) bool { return e.aggregator.figures().Cleared == n }
	}
	d := start(t, t.TempDir(), Options{CPs: cps, Interval: time.Second, Script: Script{Round: time.Hour, Steps: []ScriptStep{
		{act: assignShare(0, 1, ko)},
		{act: afterwards(faults(ko1), assignShare(20, 40, mute))},
		{act: afterwards(faults(ko1+muted), (*env).freezeBroker)},
		{act: afterwards(hasBacklog(cps), (*env).thawBroker)},
		{act: (*env).restoreAll},
		{act: afterwards(cleared(ko1+muted), func(e *env) { e.aggregator.logf("", display.Note, "all cleared") })},
	}}})
	page := d.port(`page=http://localhost:(\d+)/`)
	d.logs(`msg="300 of 300 activated"`)
	d.logs(`cp=CP_001 msg="faulted: says KO, 3 checks in a row since`)
	d.logs(`cp=CP_0[6-9]\d msg="faulted: no answer in 900ms, 3 checks since`)
	d.logs(`msg="broker back: \d+ events sent, none lost"`)
	d.logs(`msg="\d+ more (failed|activated) in this second"`)
	d.logs(`msg="all cleared"`)
	for cp, state := range states(t, page) {
		if state != "activated" {
			t.Errorf("%s is %s", cp, state)
		}
	}
	for _, key := range "k1k" { // the first comes without a share
		d.keys <- key
	}
	d.logs(`msg="1 percent of them: answers KO from now on, as you asked"`)
	d.logs(`(?s)all cleared(.*msg="faulted: says KO){3}`) // one percent; with fewer some would not be shown yet
	f := d.end()
	if f.FaultsShown != f.Faults || f.Faults <= ko1+muted || f.Cleared != ko1+muted || f.FalseAlarms != 0 || f.Missing != 0 || f.Arrived != f.Events {
		t.Errorf("counted %+v\n%s", f, d.text())
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestEnginesRememberTheirOKs: the process of the Engines knows when one has replied OK.
func TestEnginesRememberTheirOKs(t *testing.T) {
	began := time.Now()
	p, end, err := startEngines(enginesOptions{CPs: "CP_[001-002]", Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(cp string) string {
		conn, err := net.Dial("tcp", p.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "EV_CP_M "+cp+" health_check\n"); err != nil {
			t.Fatal(err)
		}
		var reply [16]byte
		n, err := conn.Read(reply[:])
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(reply[:n]))
	}
	if _, err := p.do(order{Assign: "CP_002 ko"}); err != nil {
		t.Fatal(err)
	}
	if one, two := ask("CP_001"), ask("CP_002"); one != "OK" || two != "KO" {
		t.Fatalf("replies %q and %q", one, two)
	}
	answered := func(cp evcp.CPID, from, to time.Time) bool {
		r, err := p.do(order{Recall: &okQuestion{cp, from, to}})
		if err != nil {
			t.Fatal(err)
		}
		return r.AnsweredOK
	}
	// Observe comes after the reply.
	eventually(t, "CP_001 has answered OK", func() bool { return answered("CP_001", began, time.Now()) })
	if answered("CP_002", began, time.Now()) || answered("CP_001", time.Now(), time.Now().Add(time.Hour)) {
		t.Error("an OK that was not sent")
	}
	if _, err := p.do(order{Assign: "CP_003 ko"}); err == nil {
		t.Error("a charge point that is not there behaves")
	}
	if err := end(); err != nil {
		t.Error(err)
	}
}

// TestLineFold: of a storm a few lines are written, and the others counted once.
func TestLineFold(t *testing.T) {
	var f lineFold
	at := time.Unix(1000, 0)
	storm := []unwrittenLine{{shape: display.Note, text: "about all"}}
	for range 20 {
		storm = append(storm, unwrittenLine{"CP_1", display.Failed, "failed"})
	}
	texts := func(lines []unwrittenLine) (all []string) {
		for _, l := range lines {
			all = append(all, l.text)
		}
		return all
	}
	if got := texts(f.take(language.English, storm, at)); len(got) != 1+linesPerSecond || got[0] != "about all" {
		t.Errorf("written %q", got)
	}
	if got := f.take(language.English, storm[1:], at.Add(time.Second/2)); len(got) != 0 {
		t.Errorf("written %q", texts(got))
	}
	if got := texts(f.take(language.English, storm[:1], at.Add(time.Second))); len(got) != 2 || got[0] != "34 more failed in this second" {
		t.Errorf("written %q", got)
	}
	if got := f.take(language.English, nil, at.Add(3*time.Second)); len(got) != 0 {
		t.Errorf("written %q", texts(got))
	}
}
