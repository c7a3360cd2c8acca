package probe_test

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"evcp"
	"evcp/internal/probe"
)

// TestReleaseBreaksOff ends an exchange without a finding; the slot may be used again at
// once, and no finding of the old target comes for the new one.
func TestReleaseBreaksOff(t *testing.T) {
	withEngine(t, mute, func(fx *fixture) {
		for _, after := range []time.Duration{50 * time.Millisecond, 500 * time.Millisecond} {
			fx.probe.Ask(fx.sleptNow(), 0)
			time.Sleep(after)
			fx.probe.Release(0)
			fx.probe.Adopt(0, probe.Target{
				CP: "CP_002", Address: "nobody:1", Dialer: fx.net, Rules: evcp.EvidenceRules{Timeout: tau, Grace: grace},
			}, fx.sleptNow())
			if f := fx.ask(); len(f) != 1 || f[0].Evidence.Reply.Cause != evcp.Refused {
				t.Errorf("found %+v", f)
			}
			time.Sleep(2 * time.Second)
			if f := fx.probe.Take(nil); len(f) != 0 {
				t.Errorf("found %+v", f)
			}
			fx.probe.Release(0)
			fx.probe.Adopt(0, probe.Target{
				CP: "CP_001", Address: "engine:1", Dialer: fx.net, Greet: true, Rules: evcp.EvidenceRules{Timeout: tau, Grace: grace},
			}, fx.sleptNow())
		}
	})
}

// TestReleaseForgetsWhatWasFound: a finding that nobody has taken goes with its target.
func TestReleaseForgetsWhatWasFound(t *testing.T) {
	withEngine(t, replies("OK"), func(fx *fixture) {
		fx.probe.Ask(fx.sleptNow(), 0)
		time.Sleep(time.Second)
		fx.probe.Release(0)
		if f := fx.probe.Take(nil); len(f) != 0 {
			t.Errorf("found %+v", f)
		}
	})
}

// TestAdoptChangesATarget: a new timeout keeps the connection, and a new CP id does not.
func TestAdoptChangesATarget(t *testing.T) {
	var dials atomic.Int32
	var late atomic.Int64
	engine := func(c net.Conn) {
		dials.Add(1)
		for {
			if _, ok := read(c); !ok {
				return
			}
			time.Sleep(time.Duration(late.Load()))
			c.Write([]byte("OK"))
		}
	}
	withEngine(t, engine, func(fx *fixture) {
		fx.want(evcp.OK, evcp.NoCause, "OK")
		changed := probe.Target{
			CP: "CP_001", Address: "engine:1", Dialer: fx.net, Greet: true, Rules: evcp.EvidenceRules{Timeout: 3 * tau, Grace: grace},
		}
		fx.probe.Adopt(0, changed, fx.sleptNow())
		late.Store(int64(2 * tau))
		if r := fx.want(evcp.OK, evcp.NoCause, "OK"); r.greeted || dials.Load() != 1 {
			t.Errorf("greeted again is %t, %d connections", r.greeted, dials.Load())
		}
		late.Store(0)
		changed.CP = "CP_002"
		fx.probe.Adopt(0, changed, fx.sleptNow())
		if r := fx.want(evcp.OK, evcp.NoCause, "OK"); !r.greeted || dials.Load() != 2 {
			t.Errorf("greeted is %t, %d connections", r.greeted, dials.Load())
		}
	})
}
