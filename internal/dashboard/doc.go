// Package dashboard shows EV_Central over HTTP: a list for programs, a stream of
// what changes, and a page for people.
//
//	GET /                the page; embedded, needs nothing from outside
//	GET /api/v1/cps      every charge point, by id
//	GET /api/v1/events   server-sent events: snapshot, then delta and beat
//	GET /healthz, /readyz, /metrics, /api/v1/status
//	                     the process's own face, as internal/status has it
//
// Times are Unix seconds as a number, like those of the events on Kafka; null is
// not known. Everything here only reads: there is nothing to log in for.
//
// A browser that reads slowly delays nobody. All browsers are sent the same frames,
// which are made once; one that is two seconds behind gets a whole snapshot. A frame
// that is not read within ten seconds ends the stream, and so it is with any answer.
// Beyond 256 streams a new one is answered 503 and tries again; so is a list beyond
// 32 that are under way.
package dashboard
