package simulation

import (
	"math/rand/v2"
	"sync"
	"time"

	"evcp/internal/oracle"
	"evcp/internal/simnet"
)

// okBehaviour is an Engine without a fault.
var okBehaviour = behaviour{EngineBehaviour: oracle.EngineBehaviour{Name: "ok"}, reply: "OK"}

// faultyBehaviours are the faults of an Engine, and unusual ways to be OK.
var faultyBehaviours = []behaviour{
	failing("ko", behaviour{reply: "KO"}),
	failing("mute", behaviour{}),
	failing("garbage", behaviour{reply: "\x00\xff?!\n"}),
	failing("broken", behaviour{reply: "BROKEN"}),
	failing("close", behaviour{connEnd: closes}),
	failing("reset", behaviour{connEnd: resets}),
	failing("split", behaviour{reply: "O", rest: "K", after: 1500 * ms}),
	failing("refuse", behaviour{EngineBehaviour: oracle.EngineBehaviour{Shut: true}}),
	unusual("warm", behaviour{reply: "OK 23.5C"}),
	unusual("oneshot", behaviour{reply: "OK", connEnd: closes}),
	slow("slow 100 ms", 100*ms),
	slow("slow 600 ms", 600*ms),
	slow("slow 1500 ms", 1500*ms),
}

func failing(name string, b behaviour) behaviour {
	b.Name, b.Expect = name, oracle.ExpectFailure
	return b
}

func unusual(name string, b behaviour) behaviour {
	b.Name = name
	return b
}

func slow(name string, delay time.Duration) behaviour {
	return behaviour{EngineBehaviour: oracle.EngineBehaviour{Name: name, Delay: delay}, reply: "OK"}
}

// fault is a fault of one part, injected again and again.
type fault struct {
	inject    func(*faultLane)
	pause     time.Duration // between two of them, on average
	perEngine bool          // each Engine has its own
}

var (
	engineFault      = fault{inject: (*faultLane).engine, pause: 20 * time.Second, perEngine: true}
	engineLinkFault  = fault{inject: (*faultLane).engineLink, pause: time.Minute}
	centralLinkFault = fault{inject: (*faultLane).centralLink, pause: time.Minute}
	centralFault     = fault{inject: (*faultLane).central, pause: time.Minute}
	monitorFault     = fault{inject: (*faultLane).monitor, pause: 50 * time.Second}
	diskFault        = fault{inject: (*faultLane).disk, pause: 2 * time.Minute}
	brokerFault      = fault{inject: (*faultLane).broker, pause: 45 * time.Second}
	reloadFault      = fault{inject: (*faultLane).reload, pause: 30 * time.Second, perEngine: true}
	sleepFault       = fault{inject: (*faultLane).sleep, pause: 2 * time.Minute}
)

var allFaults = []fault{engineFault, engineLinkFault, centralLinkFault, centralFault, monitorFault, diskFault, brokerFault, reloadFault}

// faultLane injects one fault after the other, with its own random numbers.
type faultLane struct {
	fault
	h *history
	e *engine // the first Engine, unless perEngine
	r *rand.Rand
}

// runFaults runs all lanes at once until the time is over.
func (h *history) runFaults() {
	faults := h.scenario.faults
	if faults == nil {
		faults = allFaults
	}
	var running sync.WaitGroup
	for i, f := range faults {
		for n, e := range h.engines {
			l := &faultLane{f, h, e, h.random(uint64(i + 100*n))}
			if n == 0 || f.perEngine {
				running.Go(l.run)
			}
		}
	}
	running.Wait()
}

func (l *faultLane) run() {
	for l.wait(l.upTo(2 * l.pause)) {
		l.inject(l)
	}
}

// wait waits, and reports whether there is time left.
func (l *faultLane) wait(d time.Duration) bool {
	if left := time.Until(l.h.until); d >= left {
		time.Sleep(left)
		return false
	}
	time.Sleep(d)
	return true
}

// upTo is a random time below most. Short times are as frequent as long ones.
func (l *faultLane) upTo(most time.Duration) time.Duration {
	d := most
	for range l.r.IntN(4) {
		d /= 3
	}
	return time.Duration(l.r.Int64N(int64(d)))
}

func (l *faultLane) engine() {
	m := faultyBehaviours[l.r.IntN(len(faultyBehaviours))]
	l.h.must(l.e.setBehaviour(m))
	l.wait(l.upTo(90 * time.Second))
	l.h.must(l.e.setBehaviour(okBehaviour))
}

func (l *faultLane) engineLink() { l.link(l.h.links, oracle.EngineLink, 30*time.Second) }

func (l *faultLane) centralLink() { l.link(l.h.central.net, oracle.CentralLink, 60*time.Second) }

// link makes a link lose everything, or be slow. What was sent before the end of the fault
// still arrives late, so the result of the next check can't be known.
func (l *faultLane) link(n *simnet.Net, kind oracle.WindowKind, most time.Duration) {
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
	l.h.addWindow(w)
	after := oracle.Window{Kind: kind, From: stamp(), Expect: oracle.ExpectEither}
	time.Sleep(w.Delay + ms)
	l.h.addWindow(after)
}

func (l *faultLane) central() {
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
		l.h.central.forget() // Central is up meanwhile: no window
		l.wait(time.Second)  // after the second loss in a row the Monitor waits longer
		return
	}
	l.h.addWindow(w)
}

// monitor ends a Monitor and starts another. A process takes some time to start.
func (l *faultLane) monitor() {
	l.h.restartMonitor(l.r.IntN(3) > 0, []time.Duration{5 * ms, 20 * ms, 5*ms + l.upTo(2*time.Second), 5*ms + l.upTo(40*time.Second)}[l.r.IntN(4)])
}

func (l *faultLane) disk() {
	if !l.h.failDisk() {
		return
	}
	if l.r.IntN(2) == 0 {
		l.h.diskFaults.fill(true)
		l.wait(l.upTo(60 * time.Second))
		l.h.diskFaults.fill(false)
	} else {
		l.h.diskFaults.hang(l.upTo(50 * time.Second))
	}
	for time.Sleep(ms); !l.h.diskRecovered(); {
		time.Sleep(100 * ms)
	}
}

func (l *faultLane) broker() {
	start := l.h.topic.stop()
	l.wait(l.upTo(40 * time.Second))
	start()
}

// sleep lets the machine sleep. synctest's time can't go on without its goroutines, so
// only the time slept is changed.
func (l *faultLane) sleep() { l.h.slept.Add(int64(l.upTo(10 * time.Minute))) }
