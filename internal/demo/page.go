package demo

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"evcp/internal/dashboard"
)

// page serves Central's dashboard.
type page struct {
	leave context.CancelFunc
	done  sync.WaitGroup
}

func openPage(l net.Listener, h http.Handler) *page {
	ctx, leave := context.WithCancel(context.Background())
	p := &page{leave: leave}
	p.done.Go(func() { _ = dashboard.Serve(ctx, l, h, 300*time.Millisecond) }) // a page that fails ends no demo
	return p
}

// close lets answers under way be finished, for a moment.
func (p *page) close() {
	p.leave()
	p.done.Wait()
}
