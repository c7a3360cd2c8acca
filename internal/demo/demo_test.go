package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"evcp"
	"evcp/internal/console"
	"evcp/internal/display"
)

// soon is how long a slow machine may take for anything.
const soon = 60 * time.Second

func eventually(t *testing.T, what string, ready func() bool) {
	t.Helper()
	if !until(nil, soon, ready) {
		t.Fatalf("waited in vain: %s", what)
	}
}

// told waits in a scene until the account says so, because a story by the clock
// alone would be too fast for a slow machine.
func told(ready func(figures) bool, then func(*stage)) func(*stage) {
	return func(s *stage) {
		until(nil, soon, func() bool { _, _, _, f := s.desk.look(); return ready(f) })
		then(s)
	}
}

// beating waits until Central knows the heartbeats of a charge point: before the
// first it takes no connection for one that is kept, and misses none.
func beating(n int, then func(*stage)) func(*stage) {
	return func(s *stage) {
		until(nil, soon, func() bool { v, _ := s.central.CP(s.cp(n).id); return !v.LastHeartbeat.IsZero() })
		then(s)
	}
}

// backlog waits until the broker that is frozen is really missed.
func backlog(events int64, then func(*stage)) func(*stage) {
	return func(s *stage) {
		until(nil, soon, func() bool { _, waiting := s.tally(); return waiting >= events })
		then(s)
	}
}

// short is the usual story, as fast as the parts allow.
var short = Story{Round: time.Hour, Scenes: []Scene{
	{act: fails(2)},
	{act: falls(3)},
	{act: beating(4, loses(4))},
	{act: failsTwice(5)},
	{act: (*stage).freeze},
	{act: backlog(30, (*stage).thaw)},
	{act: told(func(f figures) bool { return f.Told == 2 && f.LostTold == 1 }, (*stage).mend)},
}}

// play is one demo under test, seen from outside.
type play struct {
	t      *testing.T
	log    *os.File
	keys   chan rune
	stop   context.CancelFunc
	ended  chan struct{}
	result figures
	err    error
}

func start(t *testing.T, o Options) *play {
	t.Helper()
	log, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	p := &play{t: t, log: log, keys: make(chan rune), stop: stop, ended: make(chan struct{})}
	o.Console = console.Open(console.Options{Out: log})
	o.Interval, o.Keys = 100*time.Millisecond, p.keys
	go func() {
		defer close(p.ended)
		p.result, p.err = run(ctx, o)
	}()
	t.Cleanup(func() { stop(); <-p.ended; log.Close() })
	return p
}

func (p *play) text() string {
	b, err := os.ReadFile(p.log.Name())
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

func (p *play) says(pattern string) []string {
	p.t.Helper()
	var found []string
	r := regexp.MustCompile(pattern)
	eventually(p.t, pattern+" in\n"+p.text(), func() bool { found = r.FindStringSubmatch(p.text()); return found != nil })
	return found
}

func (p *play) port(pattern string) uint16 {
	n, err := strconv.ParseUint(p.says(pattern)[1], 10, 16)
	if err != nil {
		p.t.Fatal(err)
	}
	return uint16(n)
}

func (p *play) end() figures {
	p.stop()
	<-p.ended
	switch {
	case errors.Is(p.err, context.DeadlineExceeded):
		p.t.Log(p.err) // a Monitor's end is bounded, and says what a slow disk has not taken in time
	case p.err != nil:
		p.t.Error(p.err)
	}
	return p.result
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

// consumer is somebody else who reads the topic.
type consumer struct {
	mu     sync.Mutex
	events map[evcp.CPID][]evcp.Event
}

func (c *consumer) take(record []byte) {
	e, err := evcp.ParseEvent(record)
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events[e.CP] = append(c.events[e.CP], e)
}

// gapless holds the numbers of each charge point to the promise: one epoch, in
// order, none missing; what came twice came again as a whole.
func (c *consumer) gapless(t *testing.T) {
	t.Helper()
	for cp, all := range c.events {
		next := uint64(1)
		for _, e := range all {
			if e.Epoch != all[0].Epoch || e.Seq > next {
				t.Fatalf("%s: event %d of epoch %d came when %d of %d was due", cp, e.Seq, e.Epoch, next, all[0].Epoch)
			}
			next = e.Seq + 1
		}
	}
}

func (c *consumer) count(cp evcp.CPID, is func(evcp.Event) bool) int {
	n := 0
	for _, e := range c.events[cp] {
		if is(e) {
			n++
		}
	}
	return n
}

// The whole story, twice on the same ports: what a newcomer sees is so, nothing
// is lost, every figure is true, and nothing is left.
func TestTheStoryTwice(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var o Options
	o.Story = short
	for range 2 {
		p := start(t, o)
		page := p.port(`page=http://localhost:(\d+)/`)
		kafka := p.port(`kafka=127.0.0.1:(\d+)`)
		monitors := p.port(`central=127.0.0.1:(\d+)`)
		if o.PagePort != 0 && (page != o.PagePort || kafka != o.KafkaPort || monitors != o.CentralPort) {
			t.Errorf("ports %d, %d, %d: the first play has not given back %d, %d, %d", page, kafka, monitors, o.PagePort, o.KafkaPort, o.CentralPort)
		}
		o.PagePort, o.KafkaPort, o.CentralPort = page, kafka, monitors
		c := &consumer{events: map[evcp.CPID][]evcp.Event{}}
		r, err := openReader(fmt.Sprintf("127.0.0.1:%d", kafka), c.take)
		if err != nil {
			t.Fatal(err)
		}
		p.follow(page)
		p.conclude(c, r)
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

// follow sees the story from its beginning to its good end.
func (p *play) follow(page uint16) {
	t := p.t
	p.says(`msg="6 of 6 activated"`)
	if body := get(t, fmt.Sprintf("http://localhost:%d/", page)); !strings.Contains(body, "<title>") {
		t.Errorf("the page is %q", body)
	}
	eventually(t, "CP_002 faulted", func() bool { return states(t, page)["CP_002"] == "faulted" })
	p.says(`cp=CP_002 msg="faulted: says KO, 3 checks in a row since [0-9:]+" shape=failed`)
	p.says(`cp=CP_003 msg="faulted: no answer in 90ms, 3 checks since [0-9:]+" shape=failed`)
	p.says(`cp=CP_004 msg="disconnected: its Monitor left without a word" shape=gone`)
	p.says(`cp=CP_005 msg="OK again after 2 failed checks; nothing to report" shape=note`)
	p.says(`msg="broker frozen; events wait on disk" shape=gone`)
	p.says(`msg="broker back: \d+ events sent, none lost" shape=note`)
	p.says(`cp=CP_002 msg="activated after [^"]+" shape=up`)
	p.says(`cp=CP_003 msg="activated after [^"]+" shape=up`)
	p.says(`cp=CP_004 msg="activated after [^"]+: its Monitor is back" shape=up`)
	if all := states(t, page); len(all) != 6 {
		t.Errorf("%d charge points: %v", len(all), all)
	}
}

// conclude ends the play and compares what it counted with what the topic has.
func (p *play) conclude(c *consumer, r *reader) {
	t := p.t
	f := p.end()
	r.close()
	c.gapless(t)
	got := figures{Faults: f.Faults, Told: f.Told, Cleared: f.Cleared, FalseAlarms: f.FalseAlarms, Lost: f.Lost, LostTold: f.LostTold, Returned: f.Returned, Gaps: f.Gaps}
	if want := (figures{Faults: 2, Told: 2, Cleared: 2, Lost: 1, LostTold: 1, Returned: 1}); got != want {
		t.Errorf("counted %+v, want %+v\n%s", got, want, p.text())
	}
	if f.Arrived != f.Events || f.Checks == 0 || f.Checks >= f.Events {
		t.Errorf("%d checks; %d of %d events arrived", f.Checks, f.Arrived, f.Events)
	}
	opens := func(e evcp.Event) bool { return e.Action == evcp.EngineFailed }
	if c.count("CP_002", opens) != 1 || c.count("CP_003", opens) != 1 || c.count("CP_005", opens) != 0 {
		t.Error("other incidents than the story's")
	}
	// On a busy machine one of the two may be heard too late, and say something else than KO.
	bad := func(e evcp.Event) bool { return e.Action == evcp.HealthCheck && e.Status != evcp.OK }
	if n := c.count("CP_005", bad); n < 2 {
		t.Errorf("CP_005 failed %d checks", n)
	}
	p.says(fmt.Sprintf(`msg="demo ended" .*checks=%d late=%d faults=2 told=2 cleared=2 false_alarms=0 .*events=%d arrived=%[3]d`, f.Checks, f.Late, f.Events))
}

// Keys: a charge point, then what it shall do. What is no key does nothing.
func TestKeys(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	p := start(t, Options{Story: Story{Round: time.Hour}})
	p.says("6 of 6 activated")
	for _, key := range "kx96m" {
		p.keys <- key
	}
	p.says(`cp=CP_006 msg="is mute from now on, as you asked"`)
	p.says(`cp=CP_006 msg="faulted: no answer`)
	p.keys <- 'o'
	p.says(`cp=CP_006 msg="activated after`)
	if f := p.end(); f.Faults != 1 || f.Told != 1 || f.Cleared != 1 || f.FalseAlarms != 0 {
		t.Errorf("counted %+v", f)
	}
}

// A frozen broker at the end is thawed, and gets what waits for it.
func TestTheEndWhileTheBrokerIsFrozen(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	p := start(t, Options{Story: Story{Round: time.Hour, Scenes: []Scene{
		{act: (*stage).freeze},
		{act: backlog(10, func(s *stage) { s.desk.say("", display.Note, "enough") })},
	}}})
	p.says("msg=enough")
	if f := p.end(); f.Arrived != f.Events || f.Gaps != 0 {
		t.Errorf("counted %+v\n%s", f, p.text())
	}
}
