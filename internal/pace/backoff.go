package pace

import "time"

// Backoff is a delay that grows with each failed attempt, with full jitter: many
// Monitors that lost the same Central do not come back to it at the same moment.
type Backoff struct {
	First time.Duration // upper bound of the first delay
	Cap   time.Duration // upper bound of every delay
}

// Outage is the Backoff towards Central and Kafka.
var Outage = Backoff{First: 500 * time.Millisecond, Cap: 5 * time.Second}

// Delay is how long to wait after the attempt-th failure in a row, counted from
// 1. chance is a random number in [0, 1).
func (b Backoff) Delay(attempt int, chance float64) time.Duration {
	most := b.Cap
	if attempt < 32 {
		most = min(b.Cap, b.First<<max(attempt-1, 0))
	}
	return time.Duration(chance * float64(most))
}
