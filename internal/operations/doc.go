// Package operations keeps what people enter about charge points: who has taken an incident,
// maintenance windows, and the ports. It lies in board.db, and all that is read often is in
// memory as well.
//
// What somebody enters about a charge point is an Overlay: it is shown over what is known of
// it, and changes nothing of that. Owners and windows end by time; whoever shows them is told
// of that as of any other change (Store.Run, Store.Watch, Store.Since).
package operations
