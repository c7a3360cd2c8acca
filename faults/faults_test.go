package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"evcp"
	"evcp/internal/engine"
	"evcp/internal/faultproxy"
	"evcp/internal/oracle"
	"evcp/internal/wire"
)

// programs is the folder of the static binaries under trial.
var programs string

// TestMain is also what the campaign starts as its own children.
func TestMain(m *testing.M) {
	if code, ours := playPart(context.Background(), os.Args[1:]); ours {
		os.Exit(code)
	}
	dir, err := os.MkdirTemp("", "faults")
	if err != nil {
		panic(err)
	}
	programs = dir
	build := exec.Command("go", "build", "-o", dir+"/", "evcp/cmd/ev-cp-m", "evcp/cmd/ev-central")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(string(out))
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// The short campaign. EVCP_FAULTS_SEED tries another one.
const (
	shortSeed   = 280
	shortFaults = 14
)

// onTime are the columns that a busy machine alone can fill.
var onTime = []oracle.Column{oracle.MissedIncident, oracle.NotTold, oracle.LateCheck, oracle.WrongAtEnd}

// TestShortCampaign is what make faults does, in less than a minute. Bounds of
// time are not held against a machine that somebody else kept busy; the truth is.
func TestShortCampaign(t *testing.T) {
	defer goleak.VerifyNone(t)
	if testing.Short() {
		t.Skip("half a minute of faults")
	}
	seed := uint64(shortSeed)
	if s := os.Getenv("EVCP_FAULTS_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		seed = n
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "table"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	o := &options{bin: programs, dir: t.TempDir(), seed: seed, faults: shortFaults, monitors: 4, kafka: "fake", every: 700 * ms, out: out}
	plan := newPlan(o.seed, o.faults, o.monitors, o.every)
	came, err := o.playPlan(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	table, _ := os.ReadFile(out.Name()) // it is only shown
	t.Logf("\n%s", table)
	busy := came.busy > came.took/10
	for _, f := range came.verdict.Findings {
		if busy && slices.Contains(onTime, f.Column) {
			t.Logf("the machine was busy for %s of %s; not held against anybody: %s", came.busy, came.took, f)
			continue
		}
		t.Error(f)
	}
	for _, text := range came.also {
		t.Error(text)
	}
	if came.verdict.Questions == 0 || came.verdict.Messages == 0 || came.verdict.Events == 0 {
		t.Errorf("nothing was looked at: %+v", came.verdict)
	}
}

// TestASeedRepeatsItsPlan also holds what a plan promises: no two faults that
// would undo each other at the same time, and every kind of fault, now and then.
func TestASeedRepeatsItsPlan(t *testing.T) {
	const many = 500
	p, again, other := newPlan(7, many, 6, time.Second), newPlan(7, many, 6, time.Second), newPlan(8, many, 6, time.Second)
	if !slices.EqualFunc(p.faults, again.faults, same) || slices.EqualFunc(p.faults, other.faults, same) {
		t.Error("the seed does not make the plan")
	}
	busy := map[lane]time.Duration{}
	kinds := map[kind]int{}
	last := time.Duration(0)
	for _, f := range p.faults {
		if f.at < last {
			t.Errorf("out of order: %s", f)
		}
		last = f.at
		if busy[f.lane()] > f.at {
			t.Errorf("two at once: %s", f)
		}
		busy[f.lane()] = f.at + f.lasts
		kinds[f.kind]++
	}
	if len(kinds) != 8 {
		t.Errorf("only %v", kinds)
	}
}

func same(a, b fault) bool { return a.String() == b.String() }

// TestTheMenuIsTrue holds what the menu tells the oracle of a behaviour to what
// the Engine makes of it.
func TestTheMenuIsTrue(t *testing.T) {
	for _, i := range menu {
		if i.kind != engineFault {
			continue
		}
		if _, err := engine.ParseBehaviour(i.what); err != nil {
			t.Errorf("%s: %v", i.what, err)
		}
		if i.most <= i.least {
			t.Errorf("%s lasts from %s to %s", i.what, i.least, i.most)
		}
	}
}

// TestMessagesAreToldFromChunks pairs questions and answers on two connections.
func TestMessagesAreToldFromChunks(t *testing.T) {
	at := func(n int) time.Time { return time.Unix(1_800_000_000, int64(n)*1000) }
	chunk := func(conn int, up bool, came, passed int, text string) faultproxy.Chunk {
		x := faultproxy.Chunk{Conn: conn, Up: up, Came: at(came), Data: []byte(text)}
		if passed > 0 {
			x.Passed = at(passed)
		}
		return x
	}
	got := messages([]faultproxy.Chunk{
		chunk(1, true, 1, 2, "EV_CP_M CP_001 registration request"), chunk(1, false, 3, 4, "Authentication successful"),
		chunk(1, true, 5, 0, "EV_CP_M CP_001 ENGINE_FAILURE"), chunk(2, true, 6, 7, "EV_CP_M CP_001 heartbeat KO"),
		chunk(1, false, 8, 0, "Failure report received"), chunk(2, true, 9, 9, "GET / HTTP/1.1"),
	}, []faultproxy.Conn{{Left: at(9)}, {}})
	stamp := func(n int) evcp.Stamp { return stampOf(at(n)) }
	want := []oracle.Message{
		{Verb: wire.Registration, Came: stamp(1), Passed: stamp(2), Answered: stamp(3), Told: stamp(4), Left: stamp(9)},
		{Verb: wire.EngineFailure, Came: stamp(5), Answered: stamp(8), Left: stamp(9)},
		{Verb: wire.Heartbeat, Came: stamp(6), Passed: stamp(7)},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestOptionsAreChecked is the wrong usage.
func TestOptionsAreChecked(t *testing.T) {
	for _, args := range [][]string{{}, {"-dir", "x", "-monitors", "0"}, {"-dir", "x", "-faults", "0"}, {"-dir", "x", "-kafka", "none"}, {"-dir", "x", "-scenario", "none"}} {
		var o options
		if err := o.parse(args); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
	var o options
	if err := o.parse([]string{"-show"}); err != nil || o.seed == 0 || o.every != time.Second {
		t.Errorf("%v, seed %d, every %s", err, o.seed, o.every)
	}
}
