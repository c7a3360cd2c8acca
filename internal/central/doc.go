// Package central is EV_Central: it registers Monitors, hears their reports and
// heartbeats, and keeps the state of every charge point. What it believes is
// decided in package standing; here are the sockets, the registry and the disk.
//
// What survives: with a state folder, every charge point that was ever told that
// its registration is accepted, its state and the history of its states. After a
// restart each is disconnected (central_restarted) until it speaks. The time of its
// last word is written when its state changes, once a minute, and at a clean stop;
// a kill loses at most the changes of the last 100 ms.
//
// What never waits: an answer waits for no disk, no log and no page. Those read
// the board at their own pace, through cursors (Since), and a slow one gets fewer
// and newer pictures; only the list of changes is bounded, and what a reader
// missed of it is counted for it. One exception: the first registration of a charge
// point is answered when it is on disk, after 200 ms at the latest, and without a
// wait while the disk refuses.
//
// What "full" does: a connection beyond MaxConns is closed at once, and the log
// says so once a minute; a charge point beyond MaxCPs is denied, unless it is in the
// registry. 1 KiB without an end is answered KO unknown message, and the connection
// closed. Strangers bring 30 lines a minute into the log. A disk that refuses is
// tried again every 5 s; meanwhile everything is in memory, and Figures says so.
//
// New, then Serve, then Close. All methods may be called by anyone at any time.
package central
