// Package central is EV_Central: it registers Monitors, receives their reports and
// heartbeats, and keeps the state of every charge point. The state is decided in
// package cpstate; here are the sockets, the registry and the disk.
//
// What survives: with a state folder, every charge point whose registration was
// accepted, its state, and what was said for it and answered (Words). After a restart each is
// disconnected (central_restarted) until it sends. The time of its last message is
// written when its state changes, once a minute, and at a clean stop; a kill loses
// at most the changes of the last 100 ms.
//
// What never waits: a reply waits for no disk, no log and no page. Those read the
// board at their own pace, from a Position on (Since). A slow reader gets fewer and
// newer deltas; only the list of changes is bounded, at twice the charge points, and
// what a reader missed of it is counted for it. Heartbeats wake neither the log nor the
// disk. One exception: the first registration of a charge point is answered when it is
// on disk, after 200 ms at the latest, and at once while the disk fails.
//
// What happens at the limits: a connection beyond MaxConns is closed at once, and
// logged once a minute; a charge point beyond MaxCPs is denied, unless it is in the
// registry. A message that does not end within 1 KiB is answered KO unknown message,
// and the connection closed. Unregistered peers cause at most 30 log lines a minute.
// Of many charge points that enter a state in one second the first have a log line each, and
// the others are counted in one.
// A disk that fails is tried again every 5 s; meanwhile everything is in memory, and
// Figures says so.
//
// A SecureListener takes TLS. Where clients have certificates, each message is compared with
// the charge points of its connection's certificate, and a charge point that was heard with
// one is refused without. A certificate that is revoked, has expired or whose authority is no
// longer trusted loses its connection within half a second of the file's being read. A
// handshake has 5 s, and its connection counts among MaxConns.
//
// New, then Serve, then Close. All methods may be called by any goroutine at any
// time.
package central
