// Package evcp is the vocabulary and the decisions of EV_CP_M, the monitor of
// electric-vehicle charge points: what a charge point is, what one check of its
// Engine can result in, when failed checks make an incident, and the events that
// record it.
//
// The package only decides: it takes values and returns values. It opens no socket
// and no file, starts no goroutine and reads no clock.
//
// A check becomes events in this order:
//
//	Evidence ──EvidenceRules──▶ Outcome ──▶ Observation ──Policy.Next──▶ State, []Event
//
// EvidenceRules turn what was seen of one check into its Outcome. An Observation is
// anything the Monitor learned from the Engine, from Central or about itself. Next
// applies it to the State of its charge point and makes the events that record it.
// State is the fold of those events and of nothing else, so a history may be cut
// anywhere and continued.
package evcp
