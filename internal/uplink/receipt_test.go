package uplink_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"evcp"
	"evcp/internal/outbox"
	"evcp/internal/simnet"
	"evcp/internal/uplink"
)

const cp = evcp.CPID("CP_001")

// life is an Uplink over an outbox on a real disk, and what stands for the monitor.
type life struct {
	t     *testing.T
	net   *simnet.Net
	box   *outbox.Outbox
	state evcp.State
	deaf  bool // the monitor has ended: observations go nowhere
}

func (l *life) judge(o evcp.Observation) {
	var events []evcp.Event
	o.CP, o.At = cp, evcp.StampOf(time.Now())
	l.state, events = evcp.Policy{Fall: 1, Rise: 1, Instance: "test"}.Next(l.state, o, nil)
	l.box.Append(outbox.Batch{Generation: l.box.Generation(), CP: cp, Events: events, State: l.state})
}

// live opens the folder, lets an Uplink talk for a while, and closes it.
func (l *life) live(dir string, first ...evcp.Observation) {
	l.t.Helper()
	box, err := outbox.Open(dir, outbox.Options{Readers: []string{outbox.Central}, Instance: "test"})
	if err != nil {
		l.t.Fatal(err)
	}
	l.box, l.state = box, box.State(cp)
	for _, o := range first {
		l.judge(o)
	}
	u := uplink.New(uplink.Options{
		CPs: []evcp.CPID{cp}, Central: "central", ReportEvery: time.Hour, Interval: time.Second, Dialer: l.net,
		Facts: box.Facts(), State: box.State, OnDiagnostic: func(uplink.Diagnostic) {},
		Observe: func(o evcp.Observation) bool {
			if !l.deaf {
				l.judge(o)
			}
			return !l.deaf
		},
	})
	ctx, cancel := context.WithTimeout(l.t.Context(), time.Second)
	defer cancel()
	if err := u.Run(ctx); err != nil {
		l.t.Error(err)
	}
	u.Disconnect(l.t.Context())
	if err := box.Close(l.t.Context()); err != nil {
		l.t.Error(err)
	}
}

// TestAReceiptIsWhatWasRecorded tells a failure to Central just as the monitor has
// ended: its receipt is recorded nowhere, so that the next life tells it again. One
// that was recorded is told no more.
func TestAReceiptIsWhatWasRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &life{t: t, net: &simnet.Net{}, deaf: true}
		reports := 0
		defer central(t, l.net, func() {}, func(words string) string {
			if strings.HasSuffix(words, "ENGINE_FAILURE") {
				reports++
			}
			return welcome
		})()
		dir := t.TempDir()
		l.live(dir, evcp.Observation{Kind: evcp.Checked, Outcome: evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO}})
		if reports != 1 {
			t.Fatalf("%d reports in the first life, want 1", reports)
		}
		l.deaf = false
		for n := range 2 {
			l.live(dir)
			if reports != 2 {
				t.Fatalf("%d reports after life %d, want 2", reports, n+2)
			}
		}
		if i := l.state.Incident; !i.Open || i.Reports != 1 {
			t.Errorf("incident %+v, want it open and told once", i)
		}
	})
}
