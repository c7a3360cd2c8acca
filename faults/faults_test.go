package main

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"evcp"
	"evcp/internal/faultproxy"
	"evcp/internal/oracle"
	"evcp/internal/testbed"
	"evcp/internal/wire"
)

// programs is the folder of the static binaries under trial.
var programs string

// TestMain also runs the subcommands that a campaign starts as its children.
func TestMain(m *testing.M) {
	if code, done := runSubcommand(context.Background(), os.Args[1:]); done {
		os.Exit(code)
	}
	dir, err := testbed.Build("evcp/cmd/ev-cp-m", "evcp/cmd/ev-central")
	if err != nil {
		panic(err)
	}
	programs = dir
	os.Exit(m.Run())
}

// TestSeedRepeatsPlan also checks that a plan is in order of time, that a resource has at
// most one fault at a time, and that all domains occur.
func TestSeedRepeatsPlan(t *testing.T) {
	const many = 500
	p, again, other := newPlan(7, many, subjects{groups: 6}, time.Second), newPlan(7, many, subjects{groups: 6}, time.Second), newPlan(8, many, subjects{groups: 6}, time.Second)
	if !slices.EqualFunc(p.faults, again.faults, same) || slices.EqualFunc(p.faults, other.faults, same) {
		t.Error("the seed does not make the plan")
	}
	busy := map[resource]time.Duration{}
	domains := map[faultDomain]int{}
	last := time.Duration(0)
	for _, f := range p.faults {
		if f.at < last {
			t.Errorf("out of order: %s", f)
		}
		last = f.at
		if busy[f.resource()] > f.at {
			t.Errorf("two at once: %s", f)
		}
		busy[f.resource()] = f.at + f.lasts
		domains[f.domain]++
	}
	if len(domains) != 8 {
		t.Errorf("only %v", domains)
	}
}

// TestPlanOfAFleet: what the charge points of a fleet share fails for everybody, and groups
// are taken out of its file.
func TestPlanOfAFleet(t *testing.T) {
	removed := 0
	for _, f := range newPlan(7, 500, subjects{groups: 10, fleet: true}, time.Second).faults {
		everybody := f.domain != engineFault && f.domain != engineLink && f.domain != reloadFault
		if everybody != (f.cp == -1) {
			t.Errorf("happens to %d: %s", f.cp, f)
		}
		if f.domain == reloadFault {
			removed++
		}
	}
	if removed == 0 {
		t.Error("no group is removed")
	}
}

func same(a, b plannedFault) bool { return a.String() == b.String() }

// TestCatalogue checks that the Engine knows every behaviour, and that durations are ranges.
func TestCatalogue(t *testing.T) {
	for _, e := range catalogue {
		if e.domain != engineFault {
			continue
		}
		if _, err := e.behaviour(); err != nil {
			t.Errorf("%s: %v", e.name, err)
		}
		if e.most <= e.least {
			t.Errorf("%s lasts from %s to %s", e.name, e.least, e.most)
		}
	}
}

// TestMessages pairs messages and answers on two connections.
func TestMessages(t *testing.T) {
	at := func(n int) time.Time { return time.Unix(1_800_000_000, int64(n)*1000) }
	chunk := func(conn int, up bool, came, passed int, text string) faultproxy.Chunk {
		x := faultproxy.Chunk{Conn: conn, Up: up, Received: at(came), Data: []byte(text)}
		if conn == 1 {
			x.Closed = at(9)
		}
		if passed > 0 {
			x.Forwarded = at(passed)
		}
		return x
	}
	got := messages([]faultproxy.Chunk{
		chunk(1, true, 1, 2, "EV_CP_M CP_001 registration request"), chunk(1, false, 3, 4, "Authentication successful"),
		chunk(1, true, 5, 0, "EV_CP_M CP_001 ENGINE_FAILURE"), chunk(2, true, 6, 7, "EV_CP_M CP_001 heartbeat KO"),
		chunk(1, false, 8, 0, "Failure report received"), chunk(2, true, 9, 9, "GET / HTTP/1.1"),
	})
	stamp := func(n int) evcp.Stamp { return stampOf(at(n)) }
	want := []oracle.CentralMessage{
		{Verb: wire.Registration, Sent: stamp(1), Forwarded: stamp(2), Answered: stamp(3), Returned: stamp(4), Closed: stamp(9)},
		{Verb: wire.EngineFailure, Sent: stamp(5), Answered: stamp(8), Closed: stamp(9)},
		{Verb: wire.Heartbeat, Sent: stamp(6), Forwarded: stamp(7)},
	}
	if !slices.Equal(got["CP_001"], want) || len(got) != 1 {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestOptions refuses wrong usage, and fills in the seed and the time between faults.
func TestOptions(t *testing.T) {
	for _, args := range [][]string{{}, {"-dir", "x", "-monitors", "0"}, {"-dir", "x", "-faults", "0"}, {"-dir", "x", "-kafka", "none"}, {"-dir", "x", "-kafka", "real", "-tls"}, {"-dir", "x", "-scenario", "none"}, {"-dir", "x", "-probe", "none"}, {"-dir", "x", "-fleet", "-scenario", "stops", "-monitors", "9"}, {"-dir", "x", "-fleet", "-monitors", "1001"}} {
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
