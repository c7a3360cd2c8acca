package probe

import (
	"time"

	"evcp/internal/exchange"
)

// deadline is when an exchange in flight must be looked at.
type deadline struct {
	slot  int32
	until time.Duration
}

// flight is an exchange in flight.
type flight struct {
	exchange.Exchange
	index   int32 // in raw.inFlight
	routing bool  // the end of a cancelled dial is awaited
}

// maxUnused bounds raw.unused: so many exchanges are in flight at once while nothing fails.
const maxUnused = 512

// expire tells those of whom nothing came that their time was over when the poll began.
func (r *raw) expire(before time.Duration) {
	for i := len(r.inFlight) - 1; i >= 0; i-- { // the one that takes the place of i has been looked at
		d := r.inFlight[i]
		if d.until > before {
			continue
		}
		if t := r.target(int(d.slot)); !t.flight.routing {
			r.step(t, int(d.slot), exchange.Input{Kind: exchange.Overdue, Now: r.clock.now})
		}
	}
	r.flush()
}

// step steps the exchange of a target, if one is in flight, until it waits.
func (r *raw) step(t *rawTarget, slot int, in exchange.Input) {
	for x := t.flight; x != nil; {
		command := x.Step(t.settings, &in, &r.results)
		for _, f := range r.results {
			r.found = append(r.found, finding(slot, r.clock.base, f))
			r.active = true
		}
		r.results = r.results[:0]
		switch command {
		case exchange.Idle:
			r.endFlight(t)
			return
		case exchange.Wait:
			r.inFlight[x.index].until = x.Until()
			return
		case exchange.Look:
			in = r.look(t)
		case exchange.Write:
			err := r.send(t)
			if err == nil {
				r.written = append(r.written, int32(slot))
				return
			}
			in = r.failure(err)
			in.Before = r.before
		case exchange.Dial:
			r.hangUp(t)
			r.inFlight[x.index].until = x.Until()
			err := r.dial(t, slot)
			if err == nil {
				return
			}
			in = r.failure(err)
		case exchange.Route:
			if r.awaitsCancelled(t) {
				return
			}
			in = r.route(t)
		case exchange.Close:
			r.hangUp(t)
			in = exchange.Input{Kind: exchange.Closed, Now: r.clock.now}
		}
	}
}

// beginFlight gives a target an exchange, and puts it among those in flight.
func (r *raw) beginFlight(t *rawTarget, slot int) {
	var x *flight
	if n := len(r.unused); n > 0 {
		x, r.unused = r.unused[n-1], r.unused[:n-1]
	} else {
		x = &flight{}
	}
	x.Resume(t.greeting, t.connected())
	x.index, x.routing = int32(len(r.inFlight)), false
	r.inFlight = append(r.inFlight, deadline{slot: int32(slot)})
	t.flight = x
}

// endFlight takes a target out of those in flight, if it is there.
func (r *raw) endFlight(t *rawTarget) {
	x := t.flight
	if x == nil {
		return
	}
	t.flight, t.greeting = nil, x.Greeting()
	last := len(r.inFlight) - 1
	if moved := r.inFlight[last]; int(x.index) != last {
		r.inFlight[x.index] = moved
		r.target(int(moved.slot)).flight.index = x.index
	}
	r.inFlight = r.inFlight[:last]
	if len(r.unused) < maxUnused {
		r.unused = append(r.unused, x)
	}
}
