package outbox

import "time"

// Found says what Open found in the folder.
type Found uint8

const (
	// New: nothing was there; a file was made.
	New Found = iota
	// Resumed: the history goes on.
	Resumed
	// PutAside: a file that can't be used was renamed, and a new one made.
	PutAside
	// Refused: the disk refused; everything is kept in memory only.
	Refused
)

// OpenResult is what Open found.
type OpenResult struct {
	Found Found
	File  string // PutAside: the new name of the old file
	Why   string // PutAside, Refused, and a Resumed that must renumber: for people
	// Renumber: the last numbers can't be proven, so new epochs begin.
	Renumber bool
	Replayed int // events folded on top of the snapshots
	Took     time.Duration
}
