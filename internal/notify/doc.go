// Package notify tells people of charge points that are not well: it follows Central's
// board, has internal/alert decide what is told, keeps that on disk and sends it.
//
// What is decided is on disk before it is sent, together with the incidents that were told:
// a kill loses nothing, and repeats at most the message that was being sent. While the disk
// refuses, or hangs, it goes on in memory.
//
// Each receiver has a queue of its own, at most one request at a time, and a growing pause
// between attempts; so one that is slow or away delays no other. Nothing here ever waits on
// Central's side: the board is read, once a second.
package notify
