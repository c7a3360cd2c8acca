package demo

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// page serves Central's dashboard.
type page struct {
	server *http.Server
	leave  context.CancelFunc // ends the streams of open pages
	done   sync.WaitGroup
}

func openPage(l net.Listener, h http.Handler) *page {
	ctx, leave := context.WithCancel(context.Background())
	p := &page{leave: leave, server: &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}}
	p.done.Go(func() { _ = p.server.Serve(l) }) // it says that it was closed
	return p
}

// close lets answers under way be finished, for a moment.
func (p *page) close() {
	p.leave()
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	if p.server.Shutdown(ctx) != nil {
		p.server.Close()
	}
	p.done.Wait()
}
