// Package tcp listens on TCP ports that can be listened on again at once.
package tcp

import (
	"context"
	"net"
	"sync/atomic"
)

// ListeningSocket is a listener whose port is free when Close returns. That of a *net.TCPListener
// may not be: a process that is being started has copies of all sockets until it runs its
// program, and the kernel frees a port with the last copy.
type ListeningSocket struct {
	*net.TCPListener
	closed atomic.Bool
}

// Listen is net.Listen for the networks of TCP.
func Listen(ctx context.Context, network, address string) (*ListeningSocket, error) {
	l, err := new(net.ListenConfig).Listen(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &ListeningSocket{TCPListener: l.(*net.TCPListener)}, nil //nolint:errcheck // a TCP listener is nothing else
}

// Accept implements net.Listener.
func (l *ListeningSocket) Accept() (net.Conn, error) { return l.AcceptTCP() }

// AcceptTCP is Accept with the connection's type.
func (l *ListeningSocket) AcceptTCP() (*net.TCPConn, error) {
	c, err := l.TCPListener.AcceptTCP()
	if err != nil && l.closed.Load() {
		return nil, net.ErrClosed // the kernel says EINVAL in the moment before Close returns
	}
	return c, err
}

// Close ends listening in every process that has a copy of the socket.
func (l *ListeningSocket) Close() error {
	l.closed.Store(true)
	stopListening(l.TCPListener)
	return l.TCPListener.Close()
}
