package notify

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"evcp"
	"evcp/internal/alert"
	"evcp/internal/archive"
	"evcp/internal/central"
	"evcp/internal/central/cpstate"
	"evcp/internal/language"
	"evcp/internal/operations"
)

// Options say how a Notifier works.
type Options struct {
	Central   *central.Central
	Receivers func() []alert.Receiver // as the file has them now
	Delays    alert.Delays
	StateDir  string // "" = in memory only
	VFS       string // SQLite's disk; "" is the operating system's
	Locale    func(site string) alert.Locale
	// Operations are who has taken what, and what is in maintenance; nil: nobody enters anything.
	Operations *operations.Store
	// Checks are the last checks of a charge point, by its events; nil: none are read.
	Checks func(cp evcp.CPID) (archive.RecentChecks, bool)
	// FirstFailed is when the open incident of a charge point began, by its events; zero: they do
	// not tell. nil: none are read.
	FirstFailed func(cp evcp.CPID) time.Time
	// LastIncident is when the last incident of a charge point that is over began and ended, by its
	// events; zero: they do not tell. nil: none are read.
	LastIncident func(cp evcp.CPID) (began, recovered time.Time)
	// Dial connects to receivers; nil: package net does.
	Dial     dialFunc
	Logger   *slog.Logger      // nil = none
	Language language.Language // of the log
}

// Notifier tells people. Run does the work.
type Notifier struct {
	o         Options
	log       *slog.Logger
	store     *alertFile
	sender    httpSender
	incidents *alert.SiteIncidents
	queues    []*receiverQueue
	results   chan postResult
	position  central.Position
	next      int64   // the number of the next queued message
	abandoned []int64 // messages for receivers that the file does not name any more
	open      map[evcp.CPID]alert.CPTrouble
	diskError string

	mu     sync.Mutex // guards what follows
	report AlertReport
}

// New opens the queue. It tells nobody yet.
func New(o Options) *Notifier {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Operations == nil {
		o.Operations = operations.Empty()
	}
	n := &Notifier{o: o, log: o.Logger, sender: newSender(o.Dial), results: make(chan postResult), open: map[evcp.CPID]alert.CPTrouble{}, next: 1}
	s, k, err := openStore(o.StateDir, o.VFS, n.log)
	n.store = s
	n.noteDisk(err)
	n.incidents = alert.NewSiteIncidents(o.Delays, k.incidents, time.Now())
	n.setReceivers()
	for _, q := range k.queue {
		n.next = max(n.next, q.n+1)
		if l := n.queueOf(q.receiver); l != nil {
			l.queue = append(l.queue, q)
		} else {
			n.abandoned = append(n.abandoned, q.n)
		}
	}
	return n
}

// pollInterval is how often the board is read.
const pollInterval = time.Second

// Run tells people until ctx ends.
func (n *Notifier) Run(ctx context.Context) {
	var sending sync.WaitGroup
	inner, cancel := sendingContext(ctx)
	defer cancel()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	n.step(time.Now())
	for {
		n.start(inner, &sending, time.Now())
		n.publish()
		select {
		case <-ctx.Done():
			n.finish(&sending)
			return
		case <-tick.C:
			n.step(time.Now())
		case r := <-n.results:
			n.finished(r, time.Now())
		}
	}
}

// stopGrace is how long requests under way may take at a stop.
const stopGrace = time.Second

// sendingContext ends stopGrace after ctx.
func sendingContext(ctx context.Context) (context.Context, context.CancelFunc) {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	release := context.AfterFunc(ctx, func() {
		late := time.AfterFunc(stopGrace, cancel)
		context.AfterFunc(inner, func() { late.Stop() })
	})
	return inner, func() { release(); cancel() }
}

// finish waits for the requests under way, and closes the file.
func (n *Notifier) finish(sending *sync.WaitGroup) {
	done := make(chan struct{})
	go func() { sending.Wait(); close(done) }()
	for {
		select {
		case r := <-n.results:
			n.finished(r, time.Now())
		case <-done:
			n.noteDisk(n.store.close())
			return
		}
	}
}

// step reads the board, decides, and keeps what is to be told.
func (n *Notifier) step(now time.Time) {
	n.setReceivers()
	n.observe(now)
	var added []queued
	gone := n.abandoned
	n.abandoned = nil
	for _, m := range n.incidents.Next(now) {
		n.logMessage(m)
		for _, l := range n.queues {
			q := queued{n: n.next, receiver: l.Name, IncidentMessage: m}
			n.next++
			added = append(added, q)
			gone = append(gone, l.add(q)...)
		}
	}
	n.save(added, gone)
}

func (n *Notifier) save(added []queued, sent []int64) {
	err := n.store.save(n.incidents.Open(), added, sent, func() kept {
		k := kept{incidents: n.incidents.Open()}
		for _, l := range n.queues {
			k.queue = append(k.queue, l.queue...)
		}
		return k
	})
	n.noteDisk(err)
}

// noteDisk logs when the disk begins to refuse, and when it works again.
func (n *Notifier) noteDisk(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	switch {
	case text != "" && n.diskError == "":
		n.log.Error("alerts can't be kept on disk: they are sent, and a restart may lose or repeat some", "error", err)
	case text == "" && n.diskError != "":
		n.log.Info("alerts are kept on disk again")
	}
	n.diskError = text
}

// observe takes what changed on the board, and what people entered.
func (n *Notifier) observe(now time.Time) {
	d := n.o.Central.Since(n.position)
	if d.Removed { // somebody was forgotten: the whole board says who
		d = n.o.Central.Since(central.Position{})
		there := map[evcp.CPID]bool{}
		for _, v := range d.CPs {
			there[v.ID] = true
		}
		for cp := range n.open {
			if !there[cp] {
				n.clear(cp, now)
			}
		}
	}
	n.position = d.Next
	for _, v := range d.CPs {
		t, ok := troubleOf(v)
		was, had := n.open[v.ID]
		if had && (!ok || was.Kind != t.Kind) {
			n.clear(v.ID, ended(v, now))
		} else if had && was.Since.Equal(t.Since) {
			t.First = was.First
		}
		if ok {
			n.open[v.ID] = t
		}
	}
	overlay, asked := n.o.Operations.Overlays(now), 0
	for cp, t := range n.open {
		entered := overlay(cp)
		t.Site, t.Quiet = entered.Site, entered.Maintenance != nil
		told := n.incidents.IsTold(cp, t.Kind)
		if t.Owner = ""; entered.Owner != nil {
			t.Owner = entered.Owner.Name
		}
		if t.Kind == alert.Faulted && asked < maxCauses && (!told || t.First.IsZero()) {
			asked++
			if !told {
				t.Cause = cmp.Or(n.cause(cp), t.Cause)
			}
			if n.o.FirstFailed != nil {
				t.First = n.o.FirstFailed(cp)
				n.open[cp] = t
			}
		}
		n.incidents.See(t, now)
	}
	if n.o.LastIncident == nil {
		return
	}
	for _, cp := range n.incidents.Undated(maxCauses) {
		began, recovered := n.o.LastIncident(cp)
		n.incidents.Date(cp, began, recovered)
	}
}

// cause is why the last check of a charge point failed that did; "" is not known.
func (n *Notifier) cause(cp evcp.CPID) string {
	if n.o.Checks == nil {
		return ""
	}
	recent, ok := n.o.Checks(cp)
	if !ok {
		return ""
	}
	for _, c := range slices.Backward(recent.Checks) {
		if c.Status.Failed() {
			return c.Cause.String()
		}
	}
	return ""
}

// maxCauses is of how many charge points a cause is looked for in one step.
const maxCauses = 200

func (n *Notifier) clear(cp evcp.CPID, now time.Time) {
	n.incidents.Clear(cp, n.open[cp].Kind, now)
	delete(n.open, cp)
}

// ended is when a charge point that is seen without a trouble was rid of it: when its state
// began, as the board has it.
func ended(v central.CPView, now time.Time) time.Time {
	if v.State == cpstate.Activated && v.Since.Before(now) {
		return v.Since
	}
	return now
}

// troubleOf is what is wrong with a charge point. A fault outlasts a disconnection. One that
// was taken off the registry is not missed.
func troubleOf(v central.CPView) (t alert.CPTrouble, ok bool) {
	t.CP = v.ID
	switch {
	case v.State == cpstate.Faulted || v.LastKnownFault() != (cpstate.OpenFault{}):
		t.Kind, t.Since, t.Cause = alert.Faulted, v.Fault.Since, v.FaultCause().String()
	case v.State == cpstate.Disconnected && v.Reason != cpstate.NotListed:
		t.Kind, t.Since, t.Cause = alert.Disconnected, v.Since, v.Reason.String()
	default:
		return t, false
	}
	return t, true
}

func (n *Notifier) logMessage(m alert.IncidentMessage) {
	level := slog.LevelWarn
	if m.Kind == alert.Recovered {
		level = slog.LevelInfo
	}
	n.log.Log(context.Background(), level, n.o.Language.Sprintf("alert: %s", m.Title(n.o.Language)),
		"kind", string(m.Kind), "trouble", string(m.Trouble), "site", m.Site, "charge_points", m.Total, "incident", m.Incident, "receivers", len(n.queues))
}

// queueOf is the queue of a receiver by its name; nil: the file does not name it any more.
func (n *Notifier) queueOf(name string) *receiverQueue {
	i := slices.IndexFunc(n.queues, func(l *receiverQueue) bool { return l.Name == name })
	if i < 0 {
		return nil
	}
	return n.queues[i]
}
