package probe

import (
	"context"
	"time"

	"evcp"
)

// greeting is how far "monitor connection" has come. It is tried before the first
// check, and once more after the first one that is answered within greetingLimit.
type greeting uint8

const (
	ungreeted greeting = iota
	unanswered
	over // answered, or tried twice
)

// greetingLimit is how long "monitor connection" may keep the first check waiting.
const greetingLimit = 200 * time.Millisecond

// greetsAfter reports whether the greeting is due once more after a check. Whoever
// answers a check slowly answers no greeting in time, and one that it is still busy
// with could spoil the next check.
func (l *line) greetsAfter(o evcp.Outcome) bool {
	return l.greeting == unanswered && o.Response != "" && o.Latency < greetingLimit
}

// greet says "monitor connection" to target i. What is answered counts for nothing.
func (p *Probe) greet(i int) Finding {
	l := &p.lines[i]
	x := p.begin(l)
	whole := x.hello(p.ctx)
	f := Finding{Target: i, At: time.Now(), Greeted: !l.reply.Empty()}
	if f.Greeted {
		l.greeting = over
		f.Greeting = l.reply.Result(evcp.Closed).Response
		l.acknowledge()
	}
	if !whole || !l.reply.Reusable() || !f.Greeted {
		l.link.Close() // the rest of it must never be read as the answer to a check
	}
	return f
}

// hello says it and listens, and reports whether the answer came to its end.
func (x *exchange) hello(ctx context.Context) (whole bool) {
	l := x.line
	if !l.link.Ready() && x.dial(ctx, greetingLimit) != nil {
		return false
	}
	if x.write(l.hello, greetingLimit) != nil {
		return false
	}
	for {
		b, err := l.link.Read(x.began.Add(greetingLimit))
		if l.reply.Feed(b, err != nil) {
			return err == nil
		}
	}
}
