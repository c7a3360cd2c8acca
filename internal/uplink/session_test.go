package uplink_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"evcp"
	"evcp/internal/outbox"
	"evcp/internal/simnet"
	"evcp/internal/uplink"
)

// talks is an Uplink of one charge point and a Central that says what it is told to.
// Its time is synctest's.
type talks struct {
	t   *testing.T
	net simnet.Net
	dir string
	box *outbox.Outbox
	up  *uplink.Uplink

	left time.Duration // for the goodbye; 0 is as long as it likes
	took time.Duration // the goodbye

	mu      sync.Mutex // guards what follows
	state   evcp.State
	kept    []evcp.Action
	notices []uplink.Diagnostic
	heard   []string
	says    map[string][]string // the next answers to a message; then a welcome
}

// open makes an Uplink on the folder; change alters how it talks.
func (k *talks) open(change func(*uplink.Options)) {
	k.t.Helper()
	box, err := outbox.Open(k.dir, outbox.Options{Readers: []string{outbox.Central}, Instance: "test"})
	if err != nil {
		k.t.Fatal(err)
	}
	k.box, k.state = box, box.State(cp)
	o := uplink.Options{
		CPs: []evcp.CPID{cp}, Central: "central", Heartbeat: 5 * time.Second, ReportEvery: 30 * time.Second, Interval: time.Second,
		Dialer: &k.net, Facts: box.Facts(), State: box.State,
		Observe: func(o evcp.Observation) bool {
			if o.CP != cp {
				k.t.Errorf("something of %q was observed", o.CP)
			}
			k.judge(o)
			return true
		},
		OnDiagnostic: func(n uplink.Diagnostic) {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.notices = append(k.notices, n)
		},
	}
	if change != nil {
		change(&o)
	}
	k.up = uplink.New(o)
}

// run talks while play goes on, says goodbye, and closes the folder.
func (k *talks) run(play func()) (answered bool, refused error) {
	ctx, stop := context.WithCancel(k.t.Context())
	var talking sync.WaitGroup
	talking.Go(func() { refused = k.up.Run(ctx) })
	play()
	stop()
	talking.Wait()
	bye, cancel := k.t.Context(), func() {}
	if k.left > 0 {
		bye, cancel = context.WithTimeout(bye, k.left)
	}
	defer cancel()
	began := time.Now()
	answered = k.up.Disconnect(bye)
	k.took = time.Since(began).Round(time.Millisecond)
	if err := k.box.Close(k.t.Context()); err != nil {
		k.t.Error(err)
	}
	return answered, refused
}

func (k *talks) judge(o evcp.Observation) {
	k.mu.Lock()
	defer k.mu.Unlock()
	o.CP, o.At = cp, evcp.StampOf(time.Now())
	var made []evcp.Event
	k.state, made = evcp.Policy{Fall: 1, Rise: 1, Instance: "test"}.Next(k.state, o, nil)
	for _, e := range made {
		if e.CP != cp {
			k.t.Errorf("%s of %q", e.Action, e.CP)
		}
		k.kept = append(k.kept, e.Action)
	}
	k.box.Append(outbox.Batch{Generation: k.box.Generation(), CP: cp, Events: made, State: k.state})
}

func (k *talks) engine(s evcp.Status, c evcp.Cause) {
	k.judge(evcp.Observation{Kind: evcp.Checked, Outcome: evcp.Outcome{Status: s, Cause: c}})
}

// central begins to answer, and returns how to end it.
func (k *talks) central() (stop func()) {
	return central(k.t, &k.net, func() {}, func(words string) string {
		k.mu.Lock()
		defer k.mu.Unlock()
		words = strings.TrimPrefix(words, "EV_CP_M CP_001 ")
		k.heard = append(k.heard, words)
		next := k.says[words]
		if len(next) == 0 {
			return welcome
		}
		k.says[words] = next[1:]
		return next[0]
	})
}

// answers says what Central answers to a message next.
func (k *talks) answers(words string, next ...string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.says[words] = next
}

func (k *talks) times(words, story string) (n int) {
	for _, heard := range strings.Split(story, ", ") {
		if heard == words {
			n++
		}
	}
	return n
}

// story is what Central heard since the last time, heartbeats alike only once.
func (k *talks) story() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	heard := k.heard
	k.heard = nil
	return strings.Join(slices.CompactFunc(heard, func(a, b string) bool { return a == b && strings.HasPrefix(a, "heartbeat") }), ", ")
}

func (k *talks) noticed() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var all []string
	for _, n := range k.notices {
		all = append(all, fmt.Sprintf("%s %s %q %d", [...]string{"gone", "back", "stranger", "unreceived"}[n.Kind], n.Cause, n.Reply, n.Pending))
	}
	k.notices = nil
	return strings.Join(all, ", ")
}

func (k *talks) want(what, got, want string) {
	k.t.Helper()
	if got != want {
		k.t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

// TestADayWithCentral goes through all that can happen between them.
func TestADayWithCentral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &talks{t: t, dir: t.TempDir(), says: map[string][]string{}}
		k.open(nil)
		var stop func()
		answered, _ := k.run(func() {
			synctest.Wait() // it has asked
			k.engine(evcp.OK, evcp.NoCause)
			time.Sleep(3 * time.Second)
			<-k.up.Attempted()
			k.want("nobody there", k.noticed(), `gone refused "" 0`)
			k.engine(evcp.KO, evcp.SaidKO)
			time.Sleep(time.Second)
			if s := k.up.Status(cp); s.Phase != uplink.Away || k.up.Pending() != 1 || s.Next.String() != "registration request" {
				t.Errorf("%+v, %d waiting", s, k.up.Pending())
			}
			stop = k.central()
			time.Sleep(5 * time.Second)
			k.want("Central came", k.story(), "registration request, ENGINE_FAILURE, heartbeat KO")
			k.want("Central came", k.noticed(), `back  "Authentication successful" 1`)
			if s := k.up.Status(cp); s.Phase != uplink.Registered || s.LastExchange.Message != "heartbeat KO" || s.LastExchange.Reply.Text != "Authentication successful" || s.NextAt.Sub(s.LastExchange.At) != 5*time.Second {
				t.Errorf("%+v", s)
			}

			k.answers("ENGINE_FAILURE", "ERROR database\n", "ERROR database\n")
			time.Sleep(33 * time.Second)
			if story := k.story(); k.times("ENGINE_FAILURE", story) != 3 || k.times("heartbeat KO", story) < 1 {
				t.Errorf("repeated till it was taken: %s", story)
			}
			k.want("not taken", k.noticed(), `unreceived  "ERROR database" 0`)

			k.answers("ENGINE_RECOVERED", "KO not registered\n")
			k.engine(evcp.OK, evcp.NoCause)
			time.Sleep(4 * time.Second)
			k.want("forgotten", k.story(), "ENGINE_RECOVERED, registration request, ENGINE_RECOVERED, heartbeat OK")
			k.want("forgotten", k.noticed(), `unreceived  "KO not registered" 0`)

			k.answers("heartbeat OK", "")
			k.engine(evcp.OK, evcp.NoCause)
			time.Sleep(9 * time.Second)
			k.want("one heartbeat without an answer", k.story(), "heartbeat OK")
			k.want("one heartbeat without an answer", k.noticed(), "")
			figures(t, k.up.Figures())
		})
		k.want("the end", k.story(), "disconnect")
		if !answered {
			t.Error("the goodbye had no answer")
		}
		stop()
		k.want("kept", fmt.Sprint(k.kept), "[register_to_central health_check health_check engine_failed authenticated_with_central report_engine_failure"+
			" report_engine_failure health_check engine_recovered register_to_central authenticated_with_central report_engine_recovery health_check]")
	})
}

func figures(t *testing.T, f uplink.Figures) {
	t.Helper()
	want := map[string]uint64{
		"false received": 2, "false not_taken": 2, "true not_registered": 1, "true received": 1,
	}
	for _, r := range f.Reports {
		if key := fmt.Sprint(r.Recovery, " ", r.Result); r.Count != want[key] {
			t.Errorf("%d reports %s, want %d", r.Count, key, want[key])
		}
	}
	delivered := uint64(0)
	for _, n := range f.Delivery.Counts {
		delivered += n
	}
	if len(f.Reports) != 8 || delivered != 2 || f.Pending != 0 || f.Refused() != 0 || len(f.Sessions) != 4 || f.Sessions[uplink.Registered] != 1 {
		t.Errorf("%+v", f)
	}
}

// TestARefusal ends only a lone Monitor that Central never accepted; any other asks
// again every minute.
func TestARefusal(t *testing.T) {
	const no = "Authentication denied: unknown charging point CP_001"
	for name, tt := range map[string]struct {
		lone, before, greeted, ends bool
	}{
		"lone, for the first time":      {lone: true, ends: true},
		"lone, accepted before":         {lone: true, before: true},
		"lone, accepted in this life":   {lone: true, greeted: true},
		"one of a fleet":                {},
		"one of a fleet, once accepted": {before: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := &talks{t: t, dir: t.TempDir(), says: map[string][]string{}}
				defer k.central()()
				k.open(func(o *uplink.Options) {
					o.StopWhenRefused, o.Heartbeat = tt.lone, 0
					if tt.greeted { // the receipt of the acceptance is never kept
						o.Observe = func(evcp.Observation) bool { return false }
					}
				})
				if tt.before {
					k.judge(evcp.Observation{Kind: evcp.Registered})
					time.Sleep(time.Second) // it is kept
				}
				refusals := []string{no + "\n", no + "\n", no + "\n"}
				if tt.greeted {
					refusals = append([]string{welcome}, refusals...)
					k.answers("ENGINE_FAILURE", "not registered\n")
				}
				k.answers("registration request", refusals...)
				_, err := k.run(func() {
					time.Sleep(time.Second)
					if tt.greeted {
						k.engine(evcp.KO, evcp.SaidKO)
					}
					time.Sleep(118 * time.Second)
					if f := k.up.Figures(); !tt.ends && (f.Refused() != 1 || k.up.Status(cp).Phase.String() != "refused") {
						t.Errorf("%+v", f)
					}
				})
				var refused *uplink.RefusedError
				if errors.As(err, &refused) != tt.ends || err != nil && err.Error() != `Central refused CP_001: "`+no+`"` {
					t.Errorf("ended with %v", err)
				}
				k.mu.Lock()
				defer k.mu.Unlock()
				if !tt.greeted && !slices.Contains(k.kept, evcp.RegistrationRejected) {
					t.Errorf("the refusal was not kept: %v", k.kept)
				}
				asked := len(k.heard)
				if want := map[bool]int{true: 1, false: 2}[tt.ends]; !tt.greeted && asked != want || tt.greeted && asked != 4 {
					t.Errorf("heard %q in two minutes", k.heard)
				}
			})
		})
	}
}

// TestAStranger is told once, however often it is asked.
func TestAStranger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &talks{t: t, dir: t.TempDir(), says: map[string][]string{"registration request": slices.Repeat([]string{"HTTP/1.1 400 Bad Request\n"}, 100)}}
		defer k.central()()
		k.open(func(o *uplink.Options) { o.StopWhenRefused = true })
		answered, err := k.run(func() { time.Sleep(30 * time.Second) })
		if asked := k.times("registration request", k.story()); err != nil || answered || asked < 5 {
			t.Errorf("%v after %d questions, goodbye answered %t", err, asked, answered)
		}
		k.want("stranger", k.noticed(), `stranger  "HTTP/1.1 400 Bad Request" 0`)
		if s := k.up.Status(cp); s.Phase.String() != "connecting" || s.Since.IsZero() || s.LastExchange.Message != "registration request" || k.up.Status("CP_999") != (uplink.SessionStatus{}) {
			t.Errorf("%+v", s)
		}
	})
}

// TestASmallMishap has Central forget the Monitor between two heartbeats, and then leave
// one report without an answer.
func TestASmallMishap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &talks{t: t, dir: t.TempDir(), says: map[string][]string{"heartbeat MONITORING": {"OK\n", "KO not registered\n"}, "ENGINE_FAILURE": {""}}}
		defer k.central()()
		k.open(nil)
		k.run(func() {
			time.Sleep(7 * time.Second)
			k.want("forgotten", k.story(), "registration request, heartbeat MONITORING, registration request, heartbeat MONITORING")
			k.want("forgotten", k.noticed(), "")
			k.engine(evcp.KO, evcp.SaidKO)
			time.Sleep(4 * time.Second)
			k.want("no answer", k.story(), "ENGINE_FAILURE, registration request, ENGINE_FAILURE, heartbeat KO")
			k.want("no answer", k.noticed(), `gone timeout "" 0, back  "Authentication successful" 1`)
			for _, r := range k.up.Figures().Reports {
				want := map[string]uint64{"false unanswered": 1, "false received": 1}[fmt.Sprint(r.Recovery, " ", r.Result)]
				if r.Count != want {
					t.Errorf("%d reports %s, want %d", r.Count, r.Result, want)
				}
			}
		})
	})
}
