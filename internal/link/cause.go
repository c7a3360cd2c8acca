package link

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"evcp"
)

// CauseOf names why a dial, a write or a read failed: the one place where errors
// of the network become a closed set.
func CauseOf(err error) evcp.Cause {
	var dns *net.DNSError
	switch {
	case err == nil:
		return evcp.NoCause
	case errors.As(err, &dns):
		return evcp.DNS
	case errors.Is(err, syscall.ECONNREFUSED):
		return evcp.Refused
	case is(err, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED):
		return evcp.Reset
	case is(err, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.ENETDOWN):
		return evcp.Unreachable
	case is(err, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL, syscall.EACCES, syscall.EPERM):
		return evcp.Local
	case is(err, os.ErrDeadlineExceeded, context.DeadlineExceeded, syscall.ETIMEDOUT):
		return evcp.Timeout
	case is(err, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, io.ErrClosedPipe):
		return evcp.Closed
	default:
		return evcp.Other
	}
}

func is(err error, targets ...error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
