package outbox

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"evcp"
)

// BenchmarkAppend is what a check costs its owner: one plain OK appended while
// the committer commits in the background. bytes/event is what goes through write(2)
// for each, with logs and checkpoints.
func BenchmarkAppend(b *testing.B) {
	o, err := Open(b.TempDir(), Options{Readers: []string{Kafka, Central}, Keep: 8 * mib})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() { defer close(done); deliver(ctx, o.Cursor(Kafka)) }()
	state, events := policy.Next(evcp.State{}, evcp.Observation{CP: "CP_001", Kind: evcp.Checked, At: evcp.StampOf(time.Now()), Outcome: ok()}, nil)
	batch := batchOf(o, 1, events, state)
	before := writtenBytes()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		o.Append(batch)
		if n%1024 == 0 && o.Stats().Waiting > 8*mib {
			b.StopTimer()
			_ = o.Flush(ctx)
			b.StartTimer()
		}
		events[0].Seq++
		batch.Judged[0].State.Seq++
	}
	b.StopTimer()
	if err := o.Flush(ctx); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(writtenBytes()-before)/float64(b.N), "bytes/event")
	stop()
	<-done
	if err := o.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
}

func deliver(ctx context.Context, c *Cursor) {
	for {
		run, err := c.Next(ctx)
		if err != nil {
			return
		}
		c.Advance(run.ID)
	}
}

// BenchmarkLoneCheck is a whole commit for one check: what a lone monitor pays
// once a second.
func BenchmarkLoneCheck(b *testing.B) {
	w := newTestBox(childT{}, b.TempDir(), Options{})
	c := w.box.Cursor(Kafka)
	before := writtenBytes()
	b.ReportAllocs()
	for b.Loop() {
		w.check("CP_001", ok())
		w.flush()
		c.Advance(w.next(c).ID)
		w.written = w.written[:0]
	}
	b.ReportMetric(float64(writtenBytes()-before)/float64(b.N), "bytes/event")
	w.close()
}

// writtenBytes is what this process has written so far.
func writtenBytes() int64 {
	text, _ := os.ReadFile("/proc/self/io")
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "wchar: "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			return n
		}
	}
	return 0
}

// BenchmarkOpen is a restart after kill -9 with as much to replay as there can be
// for a lone monitor.
func BenchmarkOpen(b *testing.B) {
	w := newTestBox(childT{}, b.TempDir(), Options{})
	for range snapshotRuns - 1 {
		w.check("CP_001", ok())
		w.flush()
	}
	crashed := b.TempDir()
	copyFiles(b, w.dir, crashed)
	w.close()
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		copyFiles(b, crashed, dir)
		b.StartTimer()
		v := newTestBox(childT{}, dir, Options{})
		b.StopTimer()
		v.close()
		b.StartTimer()
	}
}
