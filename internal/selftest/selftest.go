// Package trial is what --test does: it tries Central, Engine and Kafka once, each
// by itself, and says of each what came of it and what to do next. It writes
// nothing, opens no state and sends no goodbye, so it is safe beside a running
// Monitor.
package selftest

import (
	"context"
	"sync"
	"time"

	"evcp"
	"evcp/internal/link"
	"evcp/internal/wire"
)

// Options are what a trial needs. Addresses are host:port.
type Options struct {
	CP      evcp.CPID
	Central string
	Engine  string
	Timeout time.Duration // of the health check
	Brokers []string
	Topic   string
	Framing wire.Framing
	Dialer  link.Dialer
	Slept   func() time.Duration
}

// Run tries all three at once, hands the lines of the answer to say, in order,
// and reports whether Central and Engine answered well.
func Run(ctx context.Context, o Options, say func(line string)) bool {
	var central, engine, broker peerResult
	var trying sync.WaitGroup
	trying.Go(func() { central = o.tryCentral(ctx) })
	trying.Go(func() { engine = o.tryEngine(ctx) })
	trying.Go(func() { broker = o.tryKafka(ctx) })
	say(title(o.CP))
	say("")
	trying.Wait()
	all := []peerResult{central, engine, broker}
	wide := widest(all)
	for _, f := range all {
		for _, line := range f.lines(wide) {
			say(line)
		}
	}
	say("")
	for _, line := range verdict(o.CP, central, engine, broker) {
		say(line)
	}
	return central.well && engine.well
}
