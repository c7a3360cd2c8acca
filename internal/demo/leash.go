package demo

import (
	"context"
	"errors"
	"net"
	"sync"
)

// leash is the Dialer of one Monitor. Its line to Central can be cut for good, so
// that the Monitor's end is heard by nobody there: what is left of one that was
// killed is a connection that broke. The Engine stays within reach, or the
// Monitor's last check would speak against it.
type leash struct {
	dialer  net.Dialer
	central string

	mu   sync.Mutex
	conn net.Conn // the newest to Central: a Monitor has no other
	gone bool
}

var errCut = errors.New("the line is cut")

// DialContext is a Monitor's way out.
func (l *leash) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if address == l.central && l.isCut() {
		return nil, errCut
	}
	conn, err := l.dialer.DialContext(ctx, network, address)
	if err == nil && address == l.central {
		return l.hold(conn)
	}
	return conn, err
}

func (l *leash) isCut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.gone
}

func (l *leash) hold(conn net.Conn) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		conn.Close()
		return nil, errCut
	}
	l.conn = conn
	return conn, nil
}

// cut ends the line to Central without a word, and lets no other begin.
func (l *leash) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = true
	if l.conn != nil {
		l.conn.Close()
	}
}
