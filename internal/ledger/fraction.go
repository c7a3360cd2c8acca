package ledger

import (
	"fmt"
	"math/bits"
)

// share is a part of a whole, both in microseconds; a whole of 0 is nothing to measure.
type share struct{ part, whole int64 }

// percent is the share in percent, cut to three decimals; nil of nothing.
func (s share) percent() *string {
	if s.whole <= 0 {
		return nil
	}
	hi, lo := bits.Mul64(uint64(max(min(s.part, s.whole), 0)), 100_000)
	q, _ := bits.Div64(hi, lo, uint64(s.whole)) // the share is at most 1, so it fits
	text := fmt.Sprintf("%d.%03d", q/1000, q%1000)
	return &text
}

// compare compares the share with so many percent: -1, 0 or 1.
func (s share) compare(percent uint64) int {
	ahi, alo := bits.Mul64(uint64(max(s.part, 0)), 100)
	bhi, blo := bits.Mul64(uint64(s.whole), percent)
	switch {
	case ahi == bhi && alo == blo:
		return 0
	case ahi < bhi || ahi == bhi && alo < blo:
		return -1
	}
	return 1
}
