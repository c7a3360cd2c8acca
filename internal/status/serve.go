package status

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Bounds of one connection and of all.
const (
	headerLimit = 5 * time.Second
	answerLimit = 10 * time.Second
	idleLimit   = 2 * time.Minute // longer than any usual scrape interval
	headerSize  = 16 << 10
	maxConns    = 64
	goodbye     = 250 * time.Millisecond
)

// Serve answers on ln until ctx ends; then it gives answers under way a moment
// and closes the rest. It closes ln.
func Serve(ctx context.Context, ln net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: headerLimit, ReadTimeout: headerLimit, WriteTimeout: answerLimit,
		IdleTimeout: idleLimit, MaxHeaderBytes: headerSize,
		ErrorLog: log.New(io.Discard, "", 0), // a stranger who speaks no HTTP is no news
	}
	return ServeUntil(ctx, server, LimitConns(ln, maxConns), goodbye)
}

// ServeUntil serves on ln until ctx ends; then it gives answers under way the time of
// goodbye and closes the rest. It closes ln.
func ServeUntil(ctx context.Context, server *http.Server, ln net.Listener, goodbye time.Duration) error {
	ended := make(chan struct{})
	release := context.AfterFunc(ctx, func() {
		defer close(ended)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
		if server.Shutdown(last) != nil {
			server.Close()
		}
	})
	err := server.Serve(ln)
	if !release() {
		<-ended
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve %s: %w", ln.Addr(), err)
}

// LimitConns is a listener of which at most so many connections are open at once; one that
// comes while they are is closed.
func LimitConns(ln net.Listener, most int) net.Listener {
	return &limitListener{Listener: ln, free: make(chan struct{}, most)}
}

type limitListener struct {
	net.Listener
	free chan struct{}
}

// Accept waits for a connection that has room.
func (f *limitListener) Accept() (net.Conn, error) {
	for {
		c, err := f.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case f.free <- struct{}{}:
			return &limitedConn{Conn: c, leave: sync.OnceFunc(func() { <-f.free })}, nil
		default:
			c.Close()
		}
	}
}

// limitedConn gives its room back when it is closed.
type limitedConn struct {
	net.Conn
	leave func()
}

// Close closes it.
func (c *limitedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
