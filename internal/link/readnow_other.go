//go:build !unix

package link

import (
	"net"
	"time"
)

// instantReader reads what arrives within a millisecond.
type instantReader struct{}

func (*instantReader) readNow(conn net.Conn, into []byte) (int, error) {
	return readBriefly(conn, into, time.Millisecond)
}
