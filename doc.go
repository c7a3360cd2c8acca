// Package evcp is the vocabulary and the judgement of EV_CP_M, the monitor of
// electric-vehicle charge points: what a charge point is, what one check of its
// Engine can say, when that makes an incident, and the events that record it.
//
// The package only decides. Values go in and values come out; it opens no socket
// and no file, starts no goroutine and reads no clock. It would make sense
// unchanged if every technology around it were replaced.
//
// The path of a fact is one line:
//
//	Hearing ──▶ Outcome ──▶ Observation ──▶ Policy.Next ──▶ State, []Event
//
// A Hearing judges the evidence of one check and blames the Monitor first. An
// Observation is anything the Monitor learned, of the Engine, of Central or of
// itself. Next folds it into the State of its charge point and makes the events
// that tell the world. State is the fold of those events and of nothing else, so
// a history may be cut anywhere and continued.
package evcp
