package monitor_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"evcp"
	"evcp/internal/bubble"
	"evcp/internal/faultdisk"
	"evcp/internal/monitor"
	"evcp/internal/outbox"
	"evcp/internal/probe"
	"evcp/internal/testbed"
)

// actions are the events of one charge point, without its checks.
func actions(events []evcp.Event, cp evcp.CPID) (all []evcp.Action) {
	for _, e := range events {
		if e.CP == cp && e.Action != evcp.HealthCheck {
			all = append(all, e.Action)
		}
	}
	return all
}

// TestAMonitorWithoutTargets waits for some: all may have been removed when it started.
func TestAMonitorWithoutTargets(t *testing.T) {
	withEngine(t, func(f *fixture) {
		box, err := outbox.Open(f.dir, outbox.Options{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := monitor.New(monitor.Options{
			Box: box, Gate: f.gate, Slept: func() time.Duration { return 0 },
			NewProber: func() (probe.Prober, error) { return probe.New(probe.Portable, probe.Options{}) },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(f.t.Context())
		var running sync.WaitGroup
		running.Go(func() { m.Run(ctx) })
		time.Sleep(10 * time.Second)
		if err := m.Adopt(ctx, monitor.Target{Policy: f.policy(), Engine: f.engineOf("CP_001")}); err != nil {
			t.Error(err)
		}
		time.Sleep(3 * time.Second)
		stop()
		running.Wait()
		if n := len(f.questionsTo("CP_001")); n != 3 {
			t.Errorf("%d checks, want 3", n)
		}
		if err := box.Close(f.t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestTargetsComeAndGo adopts, changes and releases charge points of two shards: the others
// keep their ticks, and a charge point that comes back goes on from its State.
func TestTargetsComeAndGo(t *testing.T) {
	withEngine(t, func(f *fixture) {
		f.fleet, f.shards = 600, 2
		stay, gone, come := evcp.CPID("CP_001"), evcp.CPID("CP_002"), evcp.CPID("CP_NEW")
		ctx := f.t.Context()
		target := func(cp evcp.CPID, p *evcp.Policy) monitor.Target {
			return monitor.Target{Policy: p, Engine: f.engineOf(cp)}
		}
		var released time.Time
		events := f.run(func(m *monitor.Monitor) {
			time.Sleep(3 * time.Second)
			if err := m.Release(ctx, gone, evcp.ReasonRemoved); err != nil {
				t.Error(err)
			}
			released = time.Now()
			if !m.NextCheck(gone).IsZero() || m.Release(ctx, gone, "") == nil || m.Change(ctx, target(gone, f.policy())) == nil {
				t.Error("a released charge point is still monitored")
			}
			if err := m.Adopt(ctx, target(come, f.policy())); err != nil {
				t.Error(err)
			}
			if m.Adopt(ctx, target(come, f.policy())) == nil || m.Adopt(ctx, target(stay, f.policy())) == nil {
				t.Error("a charge point was adopted twice")
			}
			time.Sleep(3 * time.Second)
			slow := f.policy()
			slow.Interval, slow.Site = 2*time.Second, "Puerto"
			if err := m.Change(ctx, target(come, slow)); err != nil {
				t.Error(err)
			}
			if err := m.Change(ctx, target(stay, f.policy())); err != nil { // nothing differs
				t.Error(err)
			}
			time.Sleep(6 * time.Second)
			if err := m.Adopt(ctx, target(gone, f.policy())); err != nil {
				t.Error(err)
			}
			time.Sleep(3 * time.Second)
			if n := m.Missed(); n != 0 {
				t.Errorf("%d ticks missed", n)
			}
		})
		for cp, want := range map[evcp.CPID][]evcp.Action{
			stay: {evcp.MonitorStarted, evcp.MonitorStopped},
			gone: {evcp.MonitorStarted, evcp.MonitorStopped, evcp.MonitorStarted, evcp.MonitorStopped},
			come: {evcp.MonitorStarted, evcp.SettingsChanged, evcp.MonitorStopped},
		} {
			if got := actions(events, cp); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s: %v, want %v", cp, got, want)
			}
			seq, epoch := uint64(0), int64(0)
			for _, e := range events {
				if e.CP == cp {
					if e.Seq != seq+1 || epoch != 0 && e.Epoch != epoch {
						t.Errorf("%s: %d-%d after %d-%d", cp, e.Epoch, e.Seq, epoch, seq)
					}
					seq, epoch = e.Seq, e.Epoch
				}
			}
		}
		for _, at := range f.questionsTo(gone) {
			if since := at.Sub(released); since > 0 && since < 9*time.Second {
				t.Errorf("a released charge point was asked %s later", since)
			}
		}
		if n := len(f.questionsTo(come)); n < 7 || n > 9 { // 3 in 3 s, then one every 2 s for 9 s
			t.Errorf("the changed charge point was asked %d times", n)
		}
		for n := range f.fleet {
			cp := evcp.CPID(fmt.Sprintf("CP_%03d", n+1))
			asked := f.questionsTo(cp)
			for i := 1; cp != gone && i < len(asked); i++ {
				if every := asked[i].Sub(asked[i-1]); (every - time.Second).Abs() > time.Millisecond {
					t.Errorf("%s was asked after %s", cp, every)
				}
			}
		}
	})
}

// TestAChangeWaitsForTheExchange: the check in flight is judged, and then the settings change.
func TestAChangeWaitsForTheExchange(t *testing.T) {
	withEngine(t, func(f *fixture) {
		f.replyDelay.Store(int64(600 * time.Millisecond))
		events := f.run(func(m *monitor.Monitor) {
			time.Sleep(100 * time.Millisecond)
			began, quick := time.Now(), f.policy()
			quick.Fall = 1
			if err := m.Change(f.t.Context(), monitor.Target{Policy: quick, Engine: f.engineOf("CP_001")}); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took != 500*time.Millisecond {
				t.Errorf("the change took %s", took)
			}
			f.reply.Store("KO")
			time.Sleep(2 * time.Second)
		})
		if events[1].Status != evcp.OK || events[2].Action != evcp.SettingsChanged || events[2].Fall != 1 || count(events, evcp.EngineFailed) != 1 {
			t.Errorf("%v", events)
		}
	})
}

// TestAFailureIsCheckedSoon: with RecheckAfter a failure is known before two more intervals
// have passed. Ticks go on as before, and none counts as missed.
func TestAFailureIsCheckedSoon(t *testing.T) {
	for name, tt := range map[string]struct {
		reply  string
		bound  time.Duration // from the first failed check to the incident
		checks int           // in ten seconds
	}{
		"KO":   {"KO", 201 * time.Millisecond, 12},
		"mute": {"", 2*(925+100)*time.Millisecond + 50*time.Millisecond, 11},
	} {
		withEngine(t, func(f *fixture) {
			f.fleet, f.recheckAfter = 1, 100*time.Millisecond
			events := f.run(func(m *monitor.Monitor) {
				time.Sleep(5 * time.Second)
				f.reply.Store(tt.reply)
				time.Sleep(10 * time.Second)
				if n := m.Missed(); n != 0 {
					t.Errorf("%s: %d ticks missed", name, n)
				}
			})
			e, checks := first(events, evcp.EngineFailed), 0
			for _, c := range events {
				if c.Action == evcp.HealthCheck && c.Status.Failed() {
					checks++
				}
			}
			if took := e.At.Sub(e.Since); e.Since == 0 || took > tt.bound {
				t.Errorf("%s: the incident was known after %s", name, took)
			}
			if checks < tt.checks-1 || checks > tt.checks+1 || count(events, evcp.MonitorStalled) != 0 {
				t.Errorf("%s: %d failed checks, %d stalls", name, checks, count(events, evcp.MonitorStalled))
			}
		})
	}
}

func TestMain(m *testing.M) {
	testbed.LimitRapidChecks(20) // some open and refuse a database
	os.Exit(m.Run())
}

// TestTargetsOnABadDisk: whatever comes and goes while the disk refuses and works again, each
// charge point's events are numbered without a gap within an epoch, a later epoch is the
// larger, and what Release has waited for is kept.
func TestTargetsOnABadDisk(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.SliceOfN(rapid.IntRange(0, 1<<16), 4, 14).Draw(rt, "steps")
		dir := t.TempDir()
		bubble.Run(t, func(t *testing.T) {
			d := faultdisk.New(t)
			var m *monitor.Monitor
			box, err := outbox.Open(dir, outbox.Options{
				VFS: d.Name(), Readers: []string{outbox.Kafka},
				Refused: func(g uint64, _ error) { m.Refused(g) },
				Observe: func(o evcp.Observation) bool { return m.Observe(o) },
			})
			if err != nil {
				t.Fatal(err)
			}
			f := newFixture(t)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			go f.engine(ctx)
			target := func(n int) monitor.Target {
				return monitor.Target{Policy: f.policy(), Engine: f.engineOf(cpOf(n))}
			}
			m, err = monitor.New(monitor.Options{
				Targets: []monitor.Target{target(0), target(1)}, Shards: 1, Box: box, Version: "test",
				Slept:     func() time.Duration { return 0 },
				NewProber: func() (probe.Prober, error) { return probe.New(probe.Portable, probe.Options{}) },
			})
			if err != nil {
				t.Fatal(err)
			}
			var running, calls sync.WaitGroup
			runs, end := context.WithCancel(ctx)
			running.Go(func() { m.Run(runs) })
			for _, step := range seed {
				n := step / 8 % 4
				switch step % 8 {
				case 0, 1:
					calls.Go(func() { _ = m.Adopt(ctx, target(n)) })
				case 2, 3:
					calls.Go(func() {
						if m.Release(ctx, cpOf(n), evcp.ReasonRemoved) == nil && box.State(cpOf(n)).Seq == 0 {
							t.Errorf("%s was released, and nothing is kept", cpOf(n))
						}
					})
				case 4:
					d.Refuse(syscall.EIO)
				case 5:
					d.Before(nil)
				case 6:
					f.reply.Store([]string{"OK", "KO"}[step/32%2])
				}
				time.Sleep(time.Duration(step%3000) * time.Millisecond)
			}
			d.Before(nil)
			time.Sleep(2 * time.Minute) // the disk is tried again
			calls.Wait()
			end()
			running.Wait()
			numbered(t, box)
			if err := box.Close(context.Background()); err != nil {
				t.Error(err)
			}
			stop()
			time.Sleep(time.Minute)
		})
	})
}

func cpOf(n int) evcp.CPID { return evcp.CPID(fmt.Sprintf("CP_%03d", n+1)) }

// numbered holds the numbers of everything that is kept to their order.
func numbered(t *testing.T, box *outbox.Outbox) {
	t.Helper()
	if err := box.Flush(context.Background()); err != nil {
		t.Error(err)
	}
	last := map[evcp.CPID]evcp.EventID{}
	stopped := map[evcp.CPID]bool{}
	c := box.Cursor(outbox.Kafka)
	for {
		run, ok, err := c.TryNext()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		for line := range run.Each() {
			e, err := evcp.ParseEvent(line)
			if err != nil {
				t.Fatal(err)
			}
			before := last[e.CP]
			if next := e.Epoch == before.Epoch && e.Seq == before.Seq+1 || e.Epoch > before.Epoch && e.Seq == 1; !next {
				t.Errorf("%s: %d-%d after %d-%d", e.CP, e.Epoch, e.Seq, before.Epoch, before.Seq)
			}
			if stopped[e.CP] && e.Action != evcp.MonitorStarted {
				t.Errorf("%s: %s after monitor_stopped", e.CP, e.Action)
			}
			last[e.CP], stopped[e.CP] = e.ID(), e.Action == evcp.MonitorStopped
		}
	}
	for cp, id := range last {
		if s := box.State(cp); s.Epoch != id.Epoch || s.Seq != id.Seq {
			t.Errorf("%s: state %d-%d, the last event %d-%d", cp, s.Epoch, s.Seq, id.Epoch, id.Seq)
		}
	}
}
