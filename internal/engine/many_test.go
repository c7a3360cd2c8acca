package engine

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"evcp"
	"evcp/internal/wire"
)

func cps(t *testing.T, list string) []evcp.CPID {
	t.Helper()
	all, err := ParseCPs(list)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func assign(t *testing.T, e *Engine, assignment string) {
	t.Helper()
	a, err := ParseAssignment(assignment)
	if err == nil {
		err = e.Assign(a)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestManyOnOnePort: the id in the question says which Engine is asked, in each framing, also
// by one connection.
func TestManyOnOnePort(t *testing.T) {
	r := start(t, "ok", func(o *Options) { o.CPs = cps(t, "CP_[0001-0100],CP_X") })
	assign(t, r.Engine, "CP_000* ko")
	assign(t, r.Engine, "CP_0003 slow=10ms")
	assign(t, r.Engine, "CP_X say=BROKEN")
	l := r.dial(t)
	for _, c := range []struct{ cp, want string }{
		{"CP_0001", "KO"}, {"CP_0010", "OK"}, {"CP_0003", "OK"}, {"CP_0009", "KO"}, {"CP_X", "BROKEN"}, {"CP_0100", "OK"},
		{"CP_0101", "KO unknown charge point"}, {"CP_1", "KO unknown charge point"},
	} {
		l.send(t, "EV_CP_M "+c.cp+" health_check")
		l.expect(t, c.want)
		l.send(t, "EV_CP_M "+c.cp+" monitor connection\n")
		l.expect(t, c.want+"\n")
	}
	l.send(t, string(wire.AppendFramed(nil, []byte("EV_CP_M CP_0001 health_check"), wire.STX)))
	l.expect(t, "\x06"+string(wire.AppendFramed(nil, []byte("KO"), wire.STX)))
	if got := r.ask(t, "hello\n"); got != "KO unknown message\n" {
		t.Errorf("no message was answered %q", got)
	}
	var shares []string
	for _, s := range r.Shares() {
		shares = append(shares, fmt.Sprint(s.CPs, " ", s.Behaviour))
	}
	if got := strings.Join(shares, ", "); got != "91 ok, 8 ko, 1 say=BROKEN, 1 slow=10ms" {
		t.Error(got)
	}
}

// TestSequencesOfMany: each charge point has a sequence of its own.
func TestSequencesOfMany(t *testing.T) {
	r := start(t, "intermittent", func(o *Options) { o.CPs = cps(t, "CP_[1-2]") })
	l := r.dial(t)
	for _, want := range strings.Fields("OK OK OK KO KO KO OK") {
		for _, cp := range []string{"CP_1", "CP_2"} {
			l.send(t, "EV_CP_M "+cp+" health_check")
			l.expect(t, want)
		}
	}
}

// TestSlowDelaysNoOther: a connection that waits for its reply holds up no other one.
func TestSlowDelaysNoOther(t *testing.T) {
	r := start(t, "ok", func(o *Options) { o.CPs = cps(t, "CP_[1-2]") })
	assign(t, r.Engine, "CP_1 slow=10m")
	slow, prompt := r.dial(t), r.dial(t)
	slow.send(t, "EV_CP_M CP_1 health_check")
	eventually(t, func() bool { return r.Counts()["slow=10m"].Asked == 1 })
	for range 3 {
		prompt.send(t, "EV_CP_M CP_2 health_check")
		prompt.expect(t, "OK")
	}
}

func TestRefuseOfMany(t *testing.T) {
	r := start(t, "ok", func(o *Options) { o.CPs = cps(t, "CP_[1-2]") })
	l := r.dial(t)
	l.send(t, "EV_CP_M CP_1 health_check")
	l.expect(t, "OK")
	r.SetBehaviour(parse(t, "refuse"))
	l.expectClose(t)
	a, _ := ParseAssignment("CP_1 ok")
	if err := r.Assign(a); err == nil || !strings.Contains(err.Error(), "first choose a behaviour for all") {
		t.Errorf("one of many, while the port is closed: %v", err)
	}
	r.SetBehaviour(parse(t, "ok"))
	if got := r.ask(t, "EV_CP_M CP_2 health_check"); got != "OK" {
		t.Error(got)
	}
}

// TestManyConnectionsAndTheEnd: Serve ends with connections open, quiet, slow or in the middle of a message.
func TestManyConnectionsAndTheEnd(t *testing.T) {
	r := start(t, "ok", func(o *Options) { o.CPs = cps(t, "CP_[1-3]") })
	assign(t, r.Engine, "CP_3 slow=10m")
	for i := range 300 {
		l := r.dial(t)
		switch i % 3 {
		case 0:
			l.send(t, "EV_CP_M CP_1 health_check")
			l.expect(t, "OK")
		case 1:
			l.send(t, "EV_CP_M CP_1 heal")
		case 2:
			l.send(t, "EV_CP_M CP_3 health_check")
		}
	}
	eventually(t, func() bool { return r.Counts()["slow=10m"].Asked == 100 })
}

// TestMonitorsOfManyAreCounted: ten thousand Monitors that come are one line of the log.
func TestMonitorsOfManyAreCounted(t *testing.T) {
	var log strings.Builder
	e := New(Options{CPs: cps(t, "CP_[01-20]"), Log: slog.New(slog.NewTextHandler(&log, nil))})
	e.logEach(e.options.CPs[:8], "one", "%d")
	e.logEach(e.options.CPs[:9], "one", "%d came")
	if got := log.String(); strings.Count(got, "msg=one") != 8 || strings.Count(got, "msg=\"9 came\"") != 1 {
		t.Error(got)
	}
}

// TestShares: a share is stable, near its size, and contains the smaller ones.
func TestShares(t *testing.T) {
	all := cps(t, "CP_[0001-10000]")
	var before []evcp.CPID
	for _, percent := range []int{1, 5, 20, 50, 100} {
		s, err := ParseSelection(fmt.Sprint(percent, "%"))
		if err != nil {
			t.Fatal(err)
		}
		chosen := slices.DeleteFunc(slices.Clone(all), func(cp evcp.CPID) bool { return !s.Has(cp) })
		if n, want := len(chosen), percent*100; n < want*8/10 || n > want*12/10 {
			t.Errorf("%s are %d", s, n)
		}
		for _, cp := range before {
			if !s.Has(cp) {
				t.Errorf("%s is in a smaller share than %s and not in it", cp, s)
			}
		}
		before = chosen
	}
}

func TestParseCPs(t *testing.T) {
	if all := cps(t, "CP_[0001-10000], X"); len(all) != 10001 || all[0] != "CP_0001" || all[9999] != "CP_10000" || all[10000] != "X" {
		t.Error(len(all), all[0], all[9999])
	}
	for list, want := range map[string]string{
		"":                                `"": an id has 1 to 64 of A-Z a-z 0-9 . _ -, as in CP_[0001-0100]`,
		"CP_1,,CP_2":                      `"": an id has 1 to 64`,
		"CP_[1-9],CP_5":                   "CP_5 stands twice",
		"CP_[1-":                          `"CP_[1-": a range is written as [001-012]`,
		"CP 1":                            `"CP 1": an id has 1 to 64`,
		"A[1-100000],B":                   "an Engine has at most 100000 charge points",
		"[1-2]" + strings.Repeat("x", 64): "an id has 1 to 64",
	} {
		if _, err := ParseCPs(list); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", list, err, want)
		}
	}
}

func TestAssignments(t *testing.T) {
	for list, want := range map[string]string{
		"ok":                          "ok",
		"ok, CP_00* ko, 5% slow=1.5s": "ok|CP_00* ko|5% slow=1.5s",
		`CP_1 say="a, b", CP_2 mute`:  `CP_1 say="a, b"|CP_2 mute`,
		"say=NO, NOT OK":              "say=NO, NOT OK",
	} {
		all, err := ParseAssignments(list)
		var got []string
		for _, a := range all {
			got = append(got, a.String())
		}
		if strings.Join(got, "|") != want || err != nil {
			t.Errorf("%q: %q, %v", list, got, err)
		}
	}
	for list, want := range map[string]string{
		"kko":         "no such behaviour; choose ok",
		"CP_1 ko 5s":  `"CP_1 ko 5s": at most two words stand here: which charge points, and how they behave, as in CP_00* ko`,
		"ok, CP_1":    "no such behaviour",
		"CP_1 ko, 5%": "no such behaviour",
		"CP_1 CP_2":   `"CP_1": no such behaviour`,
	} {
		if _, err := ParseAssignments(list); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", list, err, want)
		}
	}
	e := New(Options{})
	a, _ := ParseAssignment("CP_1 ko")
	if err := e.Assign(a); err == nil || !strings.Contains(err.Error(), "ev-cp-e --cps plays many") {
		t.Errorf("of one charge point: %v", err)
	}
}
