package outbox

import (
	"cmp"
	"slices"
	"time"

	"evcp"
)

// Options say how much is kept and who must have it.
type Options struct {
	MaxSize   int64         // bytes on disk at most, SQLite's log included; 0 is 512 MiB, less than 4 MiB is 4 MiB
	Keep      int64         // bytes of delivered events kept for History; 0 is 64 MiB
	SyncEvery time.Duration // plain OKs wait for a commit at most this long; 0 is 100 ms
	// ChargePoints is how many there will be, about: it shapes a new file and what is in memory.
	ChargePoints int
	// Readers must have an event before it counts as delivered: names of cursors, and
	// Central for Facts.
	Readers []string
	// Instance is the Monitor that uses the folder. When another one did before (the
	// folder was copied, or the machine got a new name), or one of this name on another
	// machine (the whole card was copied), new epochs begin.
	Instance string
	// TakeOver are folders of lone charge points, named by their ids: what is kept in them goes
	// on here. Open returns an error when another process has one of them.
	TakeOver []string
	// Refused is called when the disk refused after Open. Everything appended and
	// not kept is discarded; Append takes only the new generation.
	Refused func(generation uint64, err error)
	// Observe gets an evcp.Dropped observation for events that were given up before every
	// reader had them. False is a Monitor that has stopped; the next one gets it again.
	Observe func(evcp.Observation) bool
	// Failed is called when neither disk nor memory can keep anything: the outbox has ended.
	Failed func(error)
	// Recovered is called when the disk took over again from memory. aside is the new name
	// of a file that had to be put aside for it, or "".
	Recovered func(aside string)
	// LogHeld is called when a transaction of another program begins to make SQLite's log
	// grow, to so many bytes by now, and when that is over.
	LogHeld func(held bool, bytes int64)
	// VFS names the SQLite VFS that is the disk; "" is the operating system's.
	VFS string

	openMemory func() (runStore, error)
	sysfs      string        // where the kernel shows the hardware; "" is /sys
	stuckAfter time.Duration // a commit that takes longer counts as refused
	probeEvery time.Duration // after a refusal the disk is tried again so often
}

// Names of the readers.
const (
	Kafka   = "kafka"
	Central = "central"
)

const (
	mib = 1 << 20

	memorySize   = 32 * mib  // bound of what is kept while the disk refuses
	plainWaiting = 16 * mib  // encoded bytes that wait for a commit, when more plain OKs come
	factsWaiting = 64 * mib  // and when facts come
	runSize      = 256 << 10 // a row is closed when it holds so much
	// failedCheckWait is how old the last commit is at least when failed checks are committed
	// that open no incident.
	failedCheckWait = 50 * time.Millisecond

	syncAtLeast    = 5 * time.Second        // plain OKs are synced with the first commit after this
	positionsEvery = 30 * time.Second       // what a reader has is written at most so often: after a crash it gets this again
	slowDisk       = 200 * time.Millisecond // Central isn't kept waiting longer for a sync
)

func (o Options) withDefaults() Options {
	o.MaxSize = max(cmp.Or(o.MaxSize, 512*mib), 4*mib)
	o.Keep = cmp.Or(o.Keep, 64*mib)
	o.SyncEvery = cmp.Or(o.SyncEvery, 100*time.Millisecond)
	o.sysfs = cmp.Or(o.sysfs, "/sys")
	o.stuckAfter = cmp.Or(o.stuckAfter, 30*time.Second)
	o.probeEvery = cmp.Or(o.probeEvery, 30*time.Second)
	if o.openMemory == nil {
		o.openMemory = openMemory
	}
	o.Readers = slices.Clone(o.Readers)
	return o
}

// Found says what Open found in the folder. It does not change afterwards.
type Found uint8

const (
	// New: nothing was there; a file was made.
	New Found = iota
	// Resumed: a file was there, and is continued.
	Resumed
	// PutAside: a file that can't be used was renamed, and a new one made.
	PutAside
	// Refused: the disk refused; everything is kept in memory until it works.
	Refused
)

// OpenResult is what Open found.
type OpenResult struct {
	Found Found
	File  string // PutAside: the new name of the old file
	Why   string // PutAside, Refused, and a Resumed that must renumber: for people
	// Renumber: the last numbers can't be proven, so new epochs begin.
	Renumber  bool
	TakenOver int // folders of Options.TakeOver that had something
	Replayed  int // events folded on top of the snapshots
	Took      time.Duration
}
