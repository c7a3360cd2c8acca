// Package outbox keeps what happened, on disk, until everybody who must have it
// has it. It owns one folder and the SQLite file in it.
//
// # What survives
//
// Append takes all events of one judgement as one batch, copies them and returns
// at once; it never waits for a disk. One goroutine, the keeper, commits what was
// appended within Options.SyncEvery, and at once when a batch holds a fact.
//
//   - Kept: committed to SQLite's write-ahead log. Survives kill -9. Only what is
//     kept is shown to anybody: cursors, tails, State.
//   - Synced: survives power loss. A commit with a fact is synced at once; plain
//     OKs with the next sync, 5 s later at most while checks go on.
//
// What survives is a prefix of the order of Append, cut between batches. After a
// crash of the machine the tail of that prefix may be one that was shown but not
// synced; then the last number can't be proven and Renumber asks for a new epoch.
//
// # Readers
//
// A Cursor walks the kept runs at its own pace. Its position moves by Advance,
// after the receiver's answer, and reaches the disk with a later commit: losing
// it repeats runs and never skips one. Facts is the reader for Central; Tail is
// the live one, which may lose events and counts them.
//
// # Full
//
// Delivered runs beyond Options.Keep go, oldest first. At Options.MaxSize the
// delivered ones go first, then the oldest plain OKs, then the oldest facts. What
// was not delivered is noted in the file and told through Options.Observe until an
// events_dropped event that covers it is kept.
//
// While the disk stands still at most 16 MiB of plain OKs and 64 MiB in all wait
// in memory; what comes then is dropped and told in the same way.
//
// # A disk that refuses
//
// The outbox goes on in memory, at most 32 MiB, under the next generation, and
// tries the disk again every 30 s. What was appended and not kept is void: its
// owner judges it again under a new epoch. Cursors read what the disk has as long as
// it can be read, and pass over it otherwise until the disk is well: then an older
// epoch comes after a newer one.
//
// A disk that refuses already at Open is read all the same: states, positions and
// drops are known, and everybody begins a new epoch.
//
// # A file that can't be used
//
// A file that is corrupt, another program's or a newer version's is put aside under a
// name that says when and why, and is never deleted. Its last numbers are carried
// over, if they can be read.
//
// # Where to read
//
// What happens is in the file of its name:
//
//	a batch comes in    append → load, run → keeper → commit → kept
//	it goes out         cursor, read (recent, or reading from the disk); facts; tail; latest
//	a Monitor starts    open → resume (proof, host), replay
//	it stops            finish, snapshot, waypoint
//	room is made        trim → loss, drops
//	the disk refuses    refuse
//	and is well again   heal → move
//	somebody looks in   look
//
// The file itself, and the ways to open it, are internal/sqlite.
package outbox
