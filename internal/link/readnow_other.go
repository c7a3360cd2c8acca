//go:build !unix

package link

import (
	"net"
	"time"
)

// readNow reads what arrives within a millisecond.
func readNow(conn net.Conn, into []byte) (int, error) {
	return readBriefly(conn, into, time.Millisecond)
}
