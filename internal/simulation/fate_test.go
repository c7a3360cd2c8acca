package simulation

import (
	"math/rand/v2"
	"sync"
	"time"

	"evcp/internal/oracle"
	"evcp/internal/simnet"
)

// well is an Engine as it should be.
var well = manner{EngineBehaviour: oracle.EngineBehaviour{Name: "ok"}, answer: "OK"}

// manners are what an Engine may do instead.
var manners = []manner{
	ill("ko", manner{answer: "KO"}),
	ill("mute", manner{}),
	ill("garbage", manner{answer: "\x00\xff?!\n"}),
	ill("broken", manner{answer: "BROKEN"}),
	ill("close", manner{end: closes}),
	ill("reset", manner{end: resets}),
	ill("split", manner{answer: "O", rest: "K", after: 1500 * ms}),
	ill("refuse", manner{EngineBehaviour: oracle.EngineBehaviour{Shut: true}}),
	fair("warm", manner{answer: "OK 23.5C"}),
	fair("oneshot", manner{answer: "OK", end: closes}),
	slow("slow 100 ms", 100*ms),
	slow("slow 600 ms", 600*ms),
	slow("slow 1500 ms", 1500*ms),
}

func ill(name string, m manner) manner {
	m.Name, m.Expect = name, oracle.ExpectFailure
	return m
}

func fair(name string, m manner) manner {
	m.Name = name
	return m
}

func slow(name string, delay time.Duration) manner {
	return manner{EngineBehaviour: oracle.EngineBehaviour{Name: name, Delay: delay}, answer: "OK"}
}

// fault is one thing that befalls one part.
type fault struct {
	befall func(*lane)
	pause  time.Duration // between two, at most twice that
	each   bool          // every Engine has its own
}

var (
	engineFault      = fault{befall: (*lane).engine, pause: 20 * time.Second, each: true}
	engineLinkFault  = fault{befall: (*lane).engineLink, pause: time.Minute}
	centralLinkFault = fault{befall: (*lane).centralLink, pause: time.Minute}
	centralFault     = fault{befall: (*lane).central, pause: time.Minute}
	monitorFault     = fault{befall: (*lane).monitor, pause: 50 * time.Second}
	diskFault        = fault{befall: (*lane).disk, pause: 2 * time.Minute}
	brokerFault      = fault{befall: (*lane).broker, pause: 45 * time.Second}
	sleepFault       = fault{befall: (*lane).sleep, pause: 2 * time.Minute}
)

var usual = []fault{engineFault, engineLinkFault, centralLinkFault, centralFault, monitorFault, diskFault, brokerFault}

// lane is one fault after the other, each with its own dice.
type lane struct {
	fault
	h *history
	e *engine // the first one, unless each has its own lane
	r *rand.Rand
}

// suffer runs all lanes side by side until the time is up.
func (h *history) suffer() {
	lanes := h.plot.lanes
	if lanes == nil {
		lanes = usual
	}
	var running sync.WaitGroup
	for i, f := range lanes {
		for n, e := range h.engines {
			l := &lane{f, h, e, h.dice(uint64(i + 100*n))}
			if n == 0 || f.each {
				running.Go(l.run)
			}
		}
	}
	running.Wait()
}

func (l *lane) run() {
	for l.wait(l.upTo(2 * l.pause)) {
		l.befall(l)
	}
}

// wait reports whether there is time left after it.
func (l *lane) wait(d time.Duration) bool {
	if left := time.Until(l.h.until); d >= left {
		time.Sleep(left)
		return false
	}
	time.Sleep(d)
	return true
}

// upTo is a random time. Short ones are as frequent as long ones.
func (l *lane) upTo(most time.Duration) time.Duration {
	d := most
	for range l.r.IntN(4) {
		d /= 3
	}
	return time.Duration(l.r.Int64N(int64(d)))
}

func (l *lane) engine() {
	m := manners[l.r.IntN(len(manners))]
	l.h.must(l.e.behave(m))
	l.wait(l.upTo(90 * time.Second))
	l.h.must(l.e.behave(well))
}

func (l *lane) engineLink() { l.link(l.h.links, oracle.EngineLink, 30*time.Second) }

func (l *lane) centralLink() { l.link(l.h.central.net, oracle.CentralLink, 60*time.Second) }

// link lets a link fail, or be slow. What is under way when it is well again still
// comes late, so that nobody can say how the next check goes.
func (l *lane) link(n *simnet.Net, kind oracle.WindowKind, most time.Duration) {
	w := oracle.Window{Kind: kind, From: stamp()}
	delay := []time.Duration{0, 10 * ms, 150 * ms, 600 * ms}[l.r.IntN(4)]
	if delay == 0 {
		w.Expect = oracle.ExpectFailure
		n.Blackhole(true)
	}
	n.Delay(delay)
	w.Delay = 2 * delay
	l.wait(l.upTo(most))
	n.Blackhole(false)
	n.Delay(0)
	l.h.befell(w)
	after := oracle.Window{Kind: kind, From: stamp(), Expect: oracle.ExpectEither}
	time.Sleep(w.Delay + ms)
	l.h.befell(after)
}

func (l *lane) central() {
	long := l.upTo(60 * time.Second)
	if left := time.Until(l.h.until); long > left {
		long = left
	}
	w := oracle.Window{Kind: oracle.CentralDown, From: stamp()}
	switch l.r.IntN(4) {
	case 0:
		l.h.must(l.h.central.restart(long, true))
	case 1:
		l.h.must(l.h.central.restart(long, false))
	case 2:
		l.h.central.freeze(long)
	case 3:
		l.h.central.forget() // it is there all the time: no excuse
		l.wait(time.Second)  // one that forgets twice in a row is told in no hurry
		return
	}
	l.h.befell(w)
}

// monitor ends a Monitor and begins another. A process is not there at once.
func (l *lane) monitor() {
	l.h.absent(l.r.IntN(3) > 0, []time.Duration{5 * ms, 20 * ms, 5*ms + l.upTo(2*time.Second), 5*ms + l.upTo(40*time.Second)}[l.r.IntN(4)])
}

func (l *lane) disk() {
	if !l.h.refuses() {
		return
	}
	if l.r.IntN(2) == 0 {
		l.h.weather.fill(true)
		l.wait(l.upTo(60 * time.Second))
		l.h.weather.fill(false)
	} else {
		l.h.weather.freeze(l.upTo(50 * time.Second))
	}
	for time.Sleep(ms); !l.h.lookAtDisk(); {
		time.Sleep(100 * ms)
	}
}

func (l *lane) broker() {
	back := l.h.topic.leave()
	l.wait(l.upTo(40 * time.Second))
	back()
}

// sleep is the machine's. The bubble's time can't go on without its goroutines, so
// only the clock that counts sleep has it.
func (l *lane) sleep() { l.h.nap.Add(int64(l.upTo(10 * time.Minute))) }
