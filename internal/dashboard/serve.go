package dashboard

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"evcp/internal/status"
)

// Bounds of one connection and of all. Descriptors are what Monitors need too, so
// browsers may not take them all.
const (
	headerLimit = 10 * time.Second
	idleLimit   = 2 * time.Minute
	headerSize  = 16 << 10
	maxConns    = 1024
)

// Serve answers browsers with h on ln until ctx ends; then it ends the streams,
// gives answers under way the time of goodbye, and closes the rest. It closes ln.
func Serve(ctx context.Context, ln net.Listener, h http.Handler, goodbye time.Duration) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: headerLimit, IdleTimeout: idleLimit, MaxHeaderBytes: headerSize,
		BaseContext: func(net.Listener) context.Context { return ctx }, // ends the pages' streams
		ErrorLog:    log.New(io.Discard, "", 0),                        // a stranger who speaks no HTTP is no news
	}
	return status.ServeUntil(ctx, server, status.LimitConns(ln, maxConns), goodbye)
}
