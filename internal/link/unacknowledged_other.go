//go:build !linux

package link

import "syscall"

// limitUnacknowledged does nothing where there is no TCP_USER_TIMEOUT: the deadline of the
// next read finds a dead connection.
func limitUnacknowledged(string, string, syscall.RawConn) error { return nil }
