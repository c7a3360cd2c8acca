// Package ledger computes uptime: three definitions side by side, as pure functions of
// segments, exclusions and a window. Durations are whole microseconds, percentages exact
// fractions that are cut, not rounded, when they are shown. There is no floating point.
package ledger
