package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// spread is one quantity, measured again and again.
type spread []float64

func (s *spread) add(v float64) { *s = append(*s, v) }

// at is the smallest value that a share of p of all values does not exceed; NaN
// of nothing.
func (s spread) at(p float64) float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[max(0, int(math.Ceil(p*float64(len(sorted))))-1)]
}

// median of an even number lies between the two in the middle.
func (s spread) median() float64 {
	if len(s)%2 == 1 || len(s) == 0 {
		return s.at(0.5)
	}
	sorted := slices.Sorted(slices.Values(s))
	return (sorted[len(s)/2-1] + sorted[len(s)/2]) / 2
}

func (s spread) max() float64 { return s.at(1) }

// String is the median with the range it was found in: "412 (398–455)".
func (s spread) String() string {
	return fmt.Sprintf("%s (%s–%s)", figure(s.median()), figure(s.at(0)), figure(s.max()))
}

// figure writes a number as exactly as it was measured: three digits at most.
func figure(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "–"
	case a >= 99.95:
		return fmt.Sprintf("%.0f", v)
	case a >= 9.995:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// megabytes are those of 10^6 bytes, the smaller and stricter ones.
func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }

// verdict compares with a number to hold.
func verdict(is, atMost float64) string {
	if is <= atMost {
		return "holds"
	}
	return "**MISSES**"
}
