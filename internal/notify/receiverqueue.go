package notify

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"evcp/internal/alert"
	"evcp/internal/pace"
)

const (
	// maxQueue is how many messages wait for one receiver; the oldest go first.
	maxQueue = 1000
	// postEvery is how often Alertmanager hears of what is open.
	postEvery = time.Minute
	// maxRefused is how often a receiver may refuse one message before the next one is tried.
	// Whether the message or the receiver's settings are wrong shows then: see worked.
	maxRefused = 5
)

// retry is the pause after a failed attempt.
var retry = pace.Backoff{First: 2 * time.Second, Cap: time.Minute}

// receiverQueue is one receiver with what waits for it.
type receiverQueue struct {
	alert.Receiver
	queue    []queued
	busy     bool      // a request is under way
	next     time.Time // not before
	posted   time.Time // Alertmanager: when it last took what is open
	failures int       // in a row
	counts   sendCounts
	failing  time.Time // since when
	err      error     // of the last attempt; nil: it worked
}

// sendCounts are since the start.
type sendCounts struct {
	Sent, Failed, Dropped uint64
}

// add queues a message, and returns the numbers of those that have no room any more.
func (l *receiverQueue) add(q queued) (dropped []int64) {
	l.queue = append(l.queue, q)
	for len(l.queue) > maxQueue {
		dropped = append(dropped, l.queue[0].n)
		l.queue = l.queue[1:]
		l.counts.Dropped++
	}
	return dropped
}

// setReceivers makes the queues those that the file has now. What waits for one that is gone is
// dropped.
func (n *Notifier) setReceivers() {
	now := n.o.Receivers()
	if slices.EqualFunc(n.queues, now, func(l *receiverQueue, r alert.Receiver) bool {
		return l.Name == r.Name && l.URL == r.URL
	}) {
		return
	}
	queues := make([]*receiverQueue, len(now))
	for i, r := range now {
		if queues[i] = n.queueOf(r.Name); queues[i] == nil {
			queues[i] = &receiverQueue{}
		}
		queues[i].Receiver, queues[i].next = r, time.Time{} // it may have been corrected: tried at once
	}
	for _, l := range n.queues {
		if !slices.Contains(queues, l) {
			for _, q := range l.queue {
				n.abandoned = append(n.abandoned, q.n)
			}
			l.queue = nil
		}
	}
	n.queues = queues
}

// postResult is how a request ended.
type postResult struct {
	queue    *receiverQueue
	sent     []int64 // the messages that it carried
	standing bool    // it carried what is open
	err      error
}

// start sends what is due, one request a receiver.
func (n *Notifier) start(ctx context.Context, sending *sync.WaitGroup, now time.Time) {
	for _, l := range n.queues {
		if l.busy || now.Before(l.next) {
			continue
		}
		send, r := n.due(l, now)
		if send == nil {
			continue
		}
		l.busy = true
		sending.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, sendTimeout)
			defer cancel()
			r.err = send(ctx)
			n.results <- r
		})
	}
}

// due is what to send to a receiver now; nil if there is nothing.
func (n *Notifier) due(l *receiverQueue, now time.Time) (func(context.Context) error, postResult) {
	r := postResult{queue: l}
	receiver := l.Receiver
	if receiver.Kind == alert.Alertmanager {
		standing := n.incidents.Standing(now)
		if len(l.queue) == 0 && (len(standing) == 0 || now.Sub(l.posted) < postEvery) {
			return nil, r
		}
		messages := standing
		for _, q := range l.queue {
			r.sent = append(r.sent, q.n)
			if q.Kind == alert.Recovered || q.Kind == alert.Test {
				messages = append(messages, q.IncidentMessage)
			}
		}
		r.standing = true
		body := alert.Alerts(messages, n.o.Locale, now)
		return func(ctx context.Context) error { return n.sender.alerts(ctx, receiver, body) }, r
	}
	if len(l.queue) == 0 {
		return nil, r
	}
	m := l.queue[0].IncidentMessage
	r.sent = []int64{l.queue[0].n}
	return func(ctx context.Context) error { return n.sender.message(ctx, receiver, m, n.o.Locale(m.Site)) }, r
}

// finished takes the end of a request.
func (n *Notifier) finished(r postResult, now time.Time) {
	l := r.queue
	l.busy = false
	if r.err == nil {
		n.worked(l, r, now)
		return
	}
	l.failures++
	l.counts.Failed++
	l.err = r.err
	l.next = now.Add(retry.Delay(l.failures, 0.5+rand.Float64()/2)) // at least half of it
	if l.failing.IsZero() {
		l.failing = now
		n.log.Warn("a receiver of alerts fails; they wait for it", "receiver", l.Name, "error", r.err, "waiting", len(l.queue))
	}
	if errors.Is(r.err, errRefused) && l.Kind != alert.Alertmanager {
		l.refusedFirst()
	}
}

// refusedFirst lets the next message go first, when the first one was refused often enough.
func (l *receiverQueue) refusedFirst() {
	if len(l.queue) == 0 {
		return
	}
	first := &l.queue[0]
	if first.refusals++; first.refusals >= maxRefused {
		l.queue = append(l.queue[1:], *first)
	}
}

// worked takes the end of a request that was accepted. What was refused before was wrong by
// itself then: it is given up.
func (n *Notifier) worked(l *receiverQueue, r postResult, now time.Time) {
	l.counts.Sent += uint64(len(r.sent))
	gone := r.sent
	for _, q := range l.queue {
		if q.refusals >= maxRefused && !slices.Contains(r.sent, q.n) {
			n.log.Warn("gives up an alert that its receiver refuses, and takes others", "receiver", l.Name, "error", l.err, "message", q.ID)
			l.counts.Dropped++
			gone = append(gone, q.n)
		}
	}
	l.queue = slices.DeleteFunc(l.queue, func(q queued) bool { return slices.Contains(gone, q.n) })
	if !l.failing.IsZero() {
		n.log.Info("a receiver of alerts works again", "receiver", l.Name, "after", now.Sub(l.failing).Round(time.Second).String(), "waiting", len(l.queue))
	}
	l.failures, l.failing, l.err, l.next = 0, time.Time{}, nil, time.Time{}
	if r.standing {
		l.posted = now
	}
	n.save(nil, gone)
}
