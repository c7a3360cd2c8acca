// Package outbox keeps events on disk until every reader that must have them has them. It
// owns one folder and the SQLite file in it.
//
// # What survives
//
// Append takes all events of one judgement as one batch, copies them and returns at once;
// it never waits for a disk. One goroutine, the committer, commits what was appended
// within Options.SyncEvery, at once when a batch holds a fact, and within 50 ms when that is
// nothing but a failed check.
//
//   - Kept: committed to SQLite's write-ahead log. Survives kill -9. Readers (Cursor,
//     Tail, State) see only what is kept.
//   - Synced: survives power loss. A commit with a fact is synced; plain OKs are with
//     the next sync, 5 s later at most while checks go on.
//
// What survives is a prefix of the order of Append, cut between batches. After a power
// loss, events may have been shown that were not synced: then the last number can't be
// proven, and Renumber asks for a new epoch.
//
// # Readers
//
// A Cursor reads the kept runs at its own pace. Its position moves by Advance, after the
// receiver's answer, and is saved with a fact or within positionsEvery: a position that is
// lost repeats runs and never skips one. Facts is the reader for Central, with a position
// of its own: the last fact that is settled. Tail is the live reader; it may lose events,
// and counts them.
//
// # Full
//
// Delivered runs beyond Options.Keep are deleted, oldest first. At Options.MaxSize the
// delivered runs go first, then the oldest plain OKs, then the oldest facts. What was not
// delivered is noted in the file and reported through Options.Observe, until an
// events_dropped event that covers it is kept. Facts says which facts went.
//
// While the disk stands still, at most 16 MiB of plain OKs and 64 MiB in all wait in
// memory. What comes then is dropped and reported in the same way; Append says so.
//
// # A disk that refuses
//
// The outbox goes on in memory, at most 32 MiB, under the next generation, and probes the
// disk every 30 s (see mode). What was appended and not kept is discarded: its owner judges
// it again in a new epoch. Cursors read what the disk has as long as it can be read, and
// otherwise pass over it until the disk works again: then events of an older epoch come
// after those of a newer one.
//
// A disk that refuses already at Open is read all the same: States, positions and drops
// are known, and every charge point begins a new epoch.
//
// If memory can't be had either, the outbox ends: Options.Failed is called, and Close
// returns the error.
//
// # A file that can't be used
//
// A file that is corrupt, another program's or a newer version's is put aside under a name
// that says when and why, and is never deleted. Its last numbers are carried over, if they
// can be read.
//
// # Folders of lone charge points
//
// A fleet takes over the folders of the lone charge points that it has: States, events that
// were not delivered, facts that are not settled. That is one transaction; kill -9 in the
// middle loses and doubles nothing. The old files are put aside.
//
// # Where to read
//
//	a batch is taken            append.go, run.go
//	and committed               committer.go, store.go, compact.go
//	it is read                  cursor.go, facts.go, read.go, notify.go (Tail)
//	a process starts            open.go, numbering.go, replay.go (States: snapshot and replay)
//	a fleet takes folders over  takeover.go
//	room is made                trim.go
//	the disk refuses, and back  recovery.go, migrate.go
//	another process reads       history.go
//
// Package sqlite opens the file.
package outbox
