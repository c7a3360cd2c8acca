package engine

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"evcp/internal/wait"
)

// door is the listening socket and everything that came in by it. It can be shut
// and opened again; shut, it leaves nothing connected.
type door struct {
	listen func() (net.Listener, error)

	mu      sync.Mutex
	serving bool                  // between start and stop
	wanted  bool                  // it is to be open
	l       net.Listener          // nil: shut
	inside  map[net.Conn]struct{} // the open connections
	changed chan struct{}         // closed at every change of the above
}

// reopenEvery is how often a port is tried that somebody else has taken.
const reopenEvery = 100 * time.Millisecond

func newDoor(listen func() (net.Listener, error)) *door {
	return &door{listen: listen, inside: map[net.Conn]struct{}{}, changed: make(chan struct{})}
}

// start opens the door even if it is to be shut at once: a port that can't be had
// must be known now.
func (d *door) start(wanted bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	l, err := d.listen()
	if err != nil {
		return err
	}
	d.l, d.serving, d.wanted = l, true, wanted
	if !wanted {
		d.shut()
	}
	return nil
}

// set opens or shuts the door. It is done when set returns, but for a port that
// somebody took: next keeps trying.
func (d *door) set(wanted bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.serving {
		return
	}
	d.wanted = wanted
	if wanted {
		_ = d.open() // next tries again, and tells
	} else {
		d.shut()
	}
	d.wake()
}

// stop shuts the door for good.
func (d *door) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.serving, d.wanted = false, false
	d.shut()
	d.wake()
}

// wake is called with d.mu held.
func (d *door) wake() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// open is called with d.mu held.
func (d *door) open() error {
	if d.l != nil {
		return nil
	}
	l, err := d.listen()
	if err == nil {
		d.l = l
	}
	return err
}

// shut is called with d.mu held.
func (d *door) shut() {
	if d.l != nil {
		d.l.Close()
		d.l = nil
	}
	for c := range d.inside {
		c.Close()
	}
}

// next accepts the next connection, however often the door is shut and opened
// meanwhile. It fails only when ctx is done. tell hears of a port that can't be
// had, once for each time that it can't.
func (d *door) next(ctx context.Context, tell func(error)) (net.Conn, error) {
	for ctx.Err() == nil {
		l, changed, err := d.current()
		if err != nil {
			tell(err)
			tell = func(error) {}
		}
		if l == nil {
			pauseFor(ctx, changed, err != nil)
			continue
		}
		if c, err := l.Accept(); err == nil && d.enter(c, l) {
			return c, nil
		} else if err != nil && !errors.Is(err, net.ErrClosed) {
			wait.For(ctx, reopenEvery) // no file descriptor is free, or alike
		}
	}
	return nil, ctx.Err()
}

// current is the open socket, or none and what to wait for.
func (d *door) current() (net.Listener, <-chan struct{}, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.wanted {
		return nil, d.changed, nil
	}
	err := d.open()
	return d.l, d.changed, err
}

func pauseFor(ctx context.Context, changed <-chan struct{}, retry bool) {
	var again <-chan time.Time
	if retry {
		again = time.After(reopenEvery)
	}
	select {
	case <-ctx.Done():
	case <-changed:
	case <-again:
	}
}

// enter takes note of a connection, unless the socket it came by was closed
// after it was accepted.
func (d *door) enter(c net.Conn, by net.Listener) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.l != by {
		c.Close()
		return false
	}
	d.inside[c] = struct{}{}
	return true
}

// leave closes a connection and forgets it.
func (d *door) leave(c net.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.inside, c)
	c.Close()
}
