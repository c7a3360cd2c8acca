//go:build unix

package monitor

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"evcp"
	"evcp/internal/outbox"
	"evcp/internal/probe"
)

// benchCPs is a fleet as large as the docs promise.
const benchCPs = 10_000

// instantProber answers every question at once with an OK: what is left of a check is what
// the monitor and the outbox do.
type instantProber struct{ found []probe.Finding }

func (p *instantProber) Adopt(int, probe.Target, time.Duration) {}
func (p *instantProber) Release(int)                            {}
func (p *instantProber) Ready() <-chan struct{}                 { return nil }
func (p *instantProber) Next() time.Time                        { return time.Time{} }
func (p *instantProber) Close()                                 {}

func (p *instantProber) Ask(_ time.Duration, slots ...int) {
	at := time.Now()
	for _, slot := range slots {
		p.found = append(p.found, probe.Finding{Target: slot, At: at, Checked: true, Last: true})
	}
}

func (p *instantProber) Take(into []probe.Finding) []probe.Finding {
	into = append(into, p.found...)
	p.found = p.found[:0]
	return into
}

func (p *instantProber) Judge(probe.Finding, time.Duration) (evcp.Outcome, time.Duration) {
	return evcp.Outcome{Status: evcp.OK, Response: "OK", Latency: 812 * time.Microsecond}, 0
}

// fleetShard is one shard of a fleet that answers at once, with its outbox.
func fleetShard(b *testing.B) (*shard, *outbox.Outbox) {
	b.Helper()
	box, err := outbox.Open(b.TempDir(), outbox.Options{Readers: []string{outbox.Kafka}, Keep: 1 << 20})
	if err != nil {
		b.Fatal(err)
	}
	o := Options{Box: box, Shards: 1, Slept: func() time.Duration { return 0 }, NewProber: func() (probe.Prober, error) { return &instantProber{}, nil }}
	policy := &evcp.Policy{Fall: 3, Rise: 1, Instance: "bench", Interval: time.Second, Timeout: 900 * time.Millisecond}
	for i := range benchCPs {
		o.Targets = append(o.Targets, Target{Policy: policy, Engine: probe.Target{CP: evcp.CPID(fmt.Sprintf("CP_%05d", i))}})
	}
	m, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	s := m.shards[0]
	s.start(time.Now())
	if err := box.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	return s, box
}

// wakeAt is a wake-up at a moment: ticks, questions, findings, judgement, one batch.
func (s *shard) wakeAt(now time.Time) (checks int) {
	s.found = s.prober.Take(s.found[:0])
	s.now = now
	s.tick()
	s.ask()
	s.judgeFound()
	s.endWakeUp()
	return len(s.asked)
}

// BenchmarkCheck is a check without its network: due, judged, encoded, committed and read by
// a cursor that keeps up. cpu-ns/check is the processor's time of all of that. The clock
// of the shard jumps from step to step.
func BenchmarkCheck(b *testing.B) {
	s, box := fleetShard(b)
	ctx, stop := context.WithCancel(b.Context())
	var reading sync.WaitGroup
	reading.Go(func() {
		c := box.Cursor(outbox.Kafka)
		for {
			run, err := c.Next(ctx)
			if err != nil {
				return
			}
			c.Advance(run.ID)
		}
	})
	now, done := time.Now(), 0
	b.ReportAllocs()
	b.ResetTimer()
	began := cpuTime()
	for done < b.N {
		now = now.Add(10 * time.Millisecond)
		done += s.wakeAt(now)
		if box.Stats().Waiting > 1<<20 { // the disk is slower than this loop
			if err := box.Flush(ctx); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(cpuTime()-began)/float64(done), "cpu-ns/check")
	stop()
	reading.Wait()
	if err := box.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkMemory is the heap that one charge point keeps in monitor and outbox, after some
// rounds of checks.
func BenchmarkMemory(b *testing.B) {
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		s, box := fleetShard(b)
		now := time.Now()
		for range 300 {
			now = now.Add(10 * time.Millisecond)
			s.wakeAt(now)
			if box.Stats().Waiting > 1<<20 {
				if err := box.Flush(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		}
		for range 2 {
			if err := box.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
			now = now.Add(10 * time.Millisecond)
			s.wakeAt(now)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/benchCPs, "bytes/CP")
		runtime.KeepAlive(s)
		if err := box.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// cpuTime is what this process has used of its processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
