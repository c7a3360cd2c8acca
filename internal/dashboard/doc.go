// Package dashboard serves EV_Central over HTTP: a list for programs, a stream of
// changes, and a page for people.
//
//	GET /                the page; embedded, loads nothing from other hosts; at /cp/ID,
//	                     /incidents, /uptime, /table, /audit and /signin it shows something else
//	GET /api/v1/cps      every charge point, by id; ?state=faulted and others filter
//	GET /api/v1/cps/ID   one of them: now, and what the events say
//	GET /api/v1/cps/ID/segments, /api/v1/cps/ID/incidents, /api/v1/incidents
//	                     pages of the past
//	GET /api/v1/uptime   what ev-central report says as JSON
//	GET /api/v1/events   server-sent events: parts, snapshot, then delta and beat
//	GET, POST, DELETE /api/v1/session
//	                     who asks; sign in and out
//	GET /api/v1/maintenance, /api/v1/exclusions, /api/v1/ports, /api/v1/users, /api/v1/audit
//	                     what people entered, and the requests that change it (write.go)
//	GET /healthz, /readyz, /metrics, /api/v1/status
//	                     health and metrics of the process, as in internal/status
//
// Times are Unix seconds as a number, like those of the events on Kafka; null means
// not known. Those of the past, and of what people enter, are RFC 3339 in UTC, as in reports.
//
// Each handler is guarded by itself, not by its path: forReaders for what is read, forWriters for
// what changes something (auth.go). A change and its line in the audit log are one transaction
// (write.go).
//
// A browser that reads slowly delays nobody. All browsers are sent the same frames,
// which are made once; one that is 500 frames or 8 MB behind gets a whole snapshot. A frame
// that is not read within ten seconds ends the stream; the same holds for any answer.
// Beyond 256 streams a new one is answered 503 and tries again; so is a list beyond
// 32 at once, and an answer about the past beyond 4.
package dashboard
