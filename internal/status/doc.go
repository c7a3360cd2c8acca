// Package status is a process's own face: what it tells of itself to a person, to
// a metrics collector, and to whoever restarts it.
//
//	GET /metrics          Prometheus text format 0.0.4
//	GET /healthz          200 while the process does its work, else 503 and why
//	GET /readyz           200 once it does its work, else 503 and why
//	GET /api/v1/status    all there is to know, as JSON
//
// Everything is read at the moment of the question: a face that nobody looks at
// costs nothing. Nothing here changes anything and no request has a body, so the
// only thing to defend is the process itself: headers are bounded in size and
// time, an answer must be taken within ten seconds, at most 64 connections are
// open at once, and whoever comes then is closed.
//
// The same face stands behind a TCP address that somebody opened (--http) and
// behind a Unix socket in the state folder, which is always there and belongs to
// the user of the process alone (mode 0600).
package status
