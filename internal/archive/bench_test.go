package archive

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"evcp"
	"evcp/internal/kafka"
)

// origin is the first moment of generated events.
var origin = evcp.StampOf(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))

func openArchive(tb testing.TB, dir string) *Archive {
	tb.Helper()
	a, err := Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// fleet are the records of a fleet that is checked once a second: one batch a second.
type fleet struct {
	policy evcp.Policy
	states []evcp.State
	offset int64
	now    evcp.Stamp
}

func newFleet(n int, interval time.Duration) *fleet {
	return &fleet{policy: evcp.Policy{Fall: 3, Rise: 1, Interval: interval, Timeout: interval * 9 / 10, Instance: "site-7"}, states: make([]evcp.State, n), now: origin}
}

// second is the next check of each charge point. Of a thousand, so many are ill.
func (f *fleet) second(ill int) (b kafka.ReadBatch) {
	started := f.states[0].Epoch != 0
	for i := range f.states {
		cp := evcp.CPID(fmt.Sprintf("CP_%05d", i))
		var events []evcp.Event
		if !started {
			f.states[i], events = f.policy.Next(f.states[i], evcp.Observation{Kind: evcp.Started, CP: cp, At: f.now, Version: "bench"}, events)
		}
		o := evcp.Outcome{Status: evcp.OK, Response: "OK", Latency: 812 * time.Microsecond}
		if i%1000 < ill {
			o = evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO, Response: "KO"}
		}
		f.states[i], events = f.policy.Next(f.states[i], evcp.Observation{Kind: evcp.Checked, CP: cp, At: f.now, Outcome: o}, events)
		for _, e := range events {
			b.Records = append(b.Records, kafka.TopicRecord{Offset: f.offset, Value: e.AppendJSON(nil)})
			f.offset++
		}
	}
	f.now = f.now.Add(f.policy.Interval)
	return b
}

// BenchmarkCatchUp: how many events a second are parsed, folded and committed, without Kafka.
func BenchmarkCatchUp(b *testing.B) {
	f := newFleet(10_000, time.Second)
	var batches []kafka.ReadBatch
	events := 0
	for s := range 20 {
		batches = append(batches, f.second(s%7))
		events += len(batches[s].Records)
	}
	for b.Loop() {
		b.StopTimer()
		a := openArchive(b, b.TempDir())
		b.StartTimer()
		for i, batch := range batches {
			if err := a.Take(batch); err != nil {
				b.Fatal(err)
			}
			if i%10 == 9 {
				if err := a.Commit(); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.StopTimer()
		if err := a.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(events*b.N)/b.Elapsed().Seconds(), "events/s")
}
