package main

import (
	"sync"

	"evcp/internal/faultproxy"
)

// controlledLink is a link with an impairment, behind which nobody may listen.
type controlledLink struct {
	*faultproxy.Proxy

	mu         sync.Mutex // guards all below
	impairment faultproxy.Impairment
	down       bool // nobody listens behind the link
}

// openLink opens a link to a target; far is one in the network beyond the interface.
func (c *campaign) openLink(target string, far bool, secure *faultproxy.TLS) (*controlledLink, error) {
	free, err := c.ports.Take(1)
	if err != nil {
		return nil, err
	}
	o, listen := faultproxy.Options{TLS: secure}, free[0]
	if far {
		o.Listen, listen = c.network.listenFar, "0.0.0.0:"+portOf(free[0])
	}
	p, err := faultproxy.OpenWith(o, listen, target)
	if err != nil {
		return nil, err
	}
	c.undo(p.Close)
	return &controlledLink{Proxy: p}, nil
}

func (l *controlledLink) impair(i faultproxy.Impairment) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.impairment = i
	return l.apply()
}

func (l *controlledLink) setDown(down bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
	return l.apply()
}

// apply puts it in force. A link refuses when nobody listens behind it: its client would be
// accepted otherwise. Called with mu held.
func (l *controlledLink) apply() error {
	if l.down {
		return l.Set(faultproxy.Impairment{Kind: faultproxy.Refuse})
	}
	return l.Set(l.impairment)
}
