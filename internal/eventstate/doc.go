// Package eventstate folds the events of one charge point into what they say of it now: is an
// incident open, since when, why, what came of the last checks. It is the short memory beside
// package history, which keeps everything. Events go in; the next value and what is worth a
// line in a feed come out.
package eventstate
