package demo

import (
	"sync"
	"time"

	"evcp"
	"evcp/internal/central"
	"evcp/internal/central/cpstate"
	"evcp/internal/display"
)

// desk is where all parts bring what they saw, from any goroutine. It takes
// everything at once and waits for no terminal: the lines are fetched.
type desk struct {
	news  chan struct{} // there are lines
	begun chan struct{} // closed when all were activated once

	mu      sync.Mutex
	account *account
	closed  bool // goodbyes are no news
}

func newDesk(a *account) *desk {
	return &desk{account: a, news: make(chan struct{}, 1), begun: make(chan struct{})}
}

// take gives the account to f, alone, and rings when there is something to say.
func (d *desk) take(f func(*account)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.account.begun
	f(d.account)
	if d.account.begun && !before {
		close(d.begun)
	}
	if len(d.account.lines) > 0 {
		select {
		case d.news <- struct{}{}:
		default:
		}
	}
}

func (d *desk) events(batch []evcp.Event) {
	d.take(func(a *account) {
		for _, e := range batch {
			a.event(e)
		}
	})
}

func (d *desk) change(c central.Change) {
	d.take(func(a *account) {
		if !d.closed {
			a.change(c)
		}
	})
}

func (d *desk) arrive(record []byte) { d.take(func(a *account) { a.arrive(record) }) }

func (d *desk) say(cp evcp.CPID, shape display.Shape, text string) {
	d.take(func(a *account) { a.say(cp, shape, text) })
}

// close is the end of the story: what Central says from now on is the end of the
// demo and no news.
func (d *desk) close() { d.take(func(*account) { d.closed = true }) }

// lines fetches what is to be told.
func (d *desk) lines(now time.Time) []line {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.account.settle(now)
	all := d.account.lines
	d.account.lines = nil
	return all
}

// look is what the live line shows, and the figures so far.
func (d *desk) look() (up, down, gone int, f figures) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.account
	return a.count(cpstate.Activated), a.count(cpstate.Faulted), a.count(cpstate.Disconnected), a.figures
}
