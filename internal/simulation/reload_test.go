package simulation

import (
	"context"
	"errors"
	"time"

	"evcp"
	"evcp/internal/monitor"
	"evcp/internal/oracle"
)

// reload reads the file of the fleet again: a charge point is taken out for a while, or has
// another site. A lone charge point has no such file.
func (l *faultLane) reload() {
	if l.h.lone() {
		return
	}
	cp := l.e.cp
	if l.r.IntN(3) == 0 {
		site := []string{"Puerto", "Sur"}[l.r.IntN(2)]
		l.h.reloaded(func(p *process) error { return p.monitor.Change(context.Background(), p.target(cp, site)) })
		return
	}
	gone := oracle.Window{Kind: oracle.MonitorDown, From: stamp()}
	l.h.setRemoved(cp, true)
	l.h.reloaded(func(p *process) error {
		err := p.monitor.Release(context.Background(), cp, evcp.ReasonRemoved)
		if err == nil {
			limit, cancel := context.WithTimeout(context.Background(), disconnectLimit)
			defer cancel()
			p.uplink.Release(limit, cp, true)
		}
		return err
	})
	l.wait(l.upTo(40 * time.Second))
	l.h.setRemoved(cp, false)
	l.h.reloaded(func(p *process) error {
		err := p.monitor.Adopt(context.Background(), p.target(cp, ""))
		if err == nil {
			p.uplink.Adopt(cp, rules.Interval)
		}
		return err
	})
	gone.To = stamp()
	removed := gone
	removed.Kind = oracle.Removed
	l.e.mu.Lock()
	defer l.e.mu.Unlock()
	l.e.away = append(l.e.away, gone, removed)
}

// reloaded has the Monitor do something. A process that ends meanwhile leaves it to the
// next one, which may have started with the new file already: then it refuses.
func (h *history) reloaded(do func(p *process) error) {
	for {
		h.mu.Lock()
		p := h.process
		h.mu.Unlock()
		if p != nil && !errors.Is(do(p), monitor.ErrStopped) {
			return
		}
		time.Sleep(10 * ms)
	}
}

func (h *history) setRemoved(cp evcp.CPID, to bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.removed[cp] = to
}

func (h *history) isRemoved(cp evcp.CPID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.removed[cp]
}
