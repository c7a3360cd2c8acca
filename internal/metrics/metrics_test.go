package metrics_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"evcp/internal/metrics"
)

func TestBucketsIncludeTheirBound(t *testing.T) {
	h := metrics.NewHistogram(time.Millisecond, time.Second)
	for _, d := range []time.Duration{-time.Hour, 0, time.Millisecond, time.Millisecond + 1, time.Second, time.Second + 1, time.Hour} {
		h.Observe(d)
	}
	got := h.Read()
	if want := []uint64{3, 2, 2}; !slices.Equal(got.Counts, want) {
		t.Errorf("counts %v, want %v", got.Counts, want)
	}
	if want := time.Millisecond*2 + 1 + time.Second*2 + 1 + time.Hour; got.Sum != want {
		t.Errorf("sum %s, want %s", got.Sum, want)
	}
}

func TestConcurrentObserve(t *testing.T) {
	const sides, each = 8, 1000
	h := metrics.NewHistogram(time.Millisecond)
	var all sync.WaitGroup
	for range sides {
		all.Go(func() {
			for range each {
				h.Observe(time.Microsecond)
			}
		})
	}
	all.Wait()
	if got := h.Read(); got.Counts[0] != sides*each || got.Sum != sides*each*time.Microsecond {
		t.Errorf("%d observed, %s in all", got.Counts[0], got.Sum)
	}
}

func TestObservingAllocatesNothing(t *testing.T) {
	h := metrics.NewHistogram(time.Millisecond, time.Second)
	if n := testing.AllocsPerRun(100, func() { h.Observe(time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
