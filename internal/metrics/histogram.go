// Package metrics counts durations where they are measured, and writes what was
// counted in Prometheus's text format.
//
// Counting is a few atomic additions: it never waits and never allocates. A reading
// is not one moment for all numbers; each of them only rises.
package metrics

import (
	"slices"
	"sync/atomic"
	"time"
)

// Histogram counts durations in buckets with fixed bounds. Make it with NewHistogram; any
// number of goroutines may use it at once.
type Histogram struct {
	bounds []time.Duration
	counts []atomic.Uint64 // one more than bounds: the last has no bound
	sum    atomic.Int64
}

// NewHistogram makes a Histogram of buckets up to and with each bound, and one beyond.
// Bounds rise.
func NewHistogram(bounds ...time.Duration) *Histogram {
	return &Histogram{bounds: bounds, counts: make([]atomic.Uint64, len(bounds)+1)}
}

// Observe counts one duration. One below zero, which only a clock that was set
// can make, counts as zero.
func (h *Histogram) Observe(d time.Duration) {
	d = max(d, 0)
	i, _ := slices.BinarySearch(h.bounds, d)
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

// Distribution is a reading of a Histogram.
type Distribution struct {
	Bounds []time.Duration // read only: all readings share them
	Counts []uint64        // of each bucket by itself; the last is beyond all bounds
	Sum    time.Duration
}

// Read reads it.
func (h *Histogram) Read() Distribution {
	d := Distribution{Bounds: h.bounds, Counts: make([]uint64, len(h.counts)), Sum: time.Duration(h.sum.Load())}
	for i := range h.counts {
		d.Counts[i] = h.counts[i].Load()
	}
	return d
}
