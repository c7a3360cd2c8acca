package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"evcp/internal/oracle"
	"evcp/internal/wait"
	"evcp/internal/wire"
)

// writtenScenario is a written campaign at the real pace. The oracle verifies it like a random
// one. Beside that it has metrics of its own: run adds some to groundTruth, measure
// finds the others in the histories of the charge points.
type writtenScenario struct {
	name    string
	about   string
	cps     int
	run     func(ctx context.Context, c *campaign) error
	measure func(c *campaign, all []cpHistory) []scenarioMetric
	layout  layout // if it has places, the scenario has a network of its own
	tls     bool   // always
	history bool   // Central keeps it, and the oracle verifies it
}

func (s writtenScenario) isolated() bool { return len(s.layout.places) > 0 }

// timing is that at which the scenario runs.
func (s writtenScenario) timing() timing {
	if s.isolated() {
		return networkTiming
	}
	if s.tls {
		return tlsTiming
	}
	return realTiming
}

// scenarios in the order of docs/RELIABILITY.md.
var scenarios = []writtenScenario{
	{"stops", "Monitors that are paused or short of CPU report no Engine that is OK, and miss none that fails", 5, runStops, measureStops, layout{}, false, false},
	{"kills", "kill -9 after two of three failed checks, after a receipt, and before a recovery", 3, runKills, measureKills, layout{}, false, false},
	{"broker", "a broker that is paused for 15 s, and then down for 15 s", 2, runBroker, measureBroker, layout{}, false, false},
	{"random-kills", "kill -9 of each Monitor at 50 random moments", 2, runRandomKills, measureRandomKills, layout{}, false, false},
	{"history-kills", "kill -9 of Monitors, Central and the broker in the middle of incidents; then Central's history", 4, runHistoryKills, measureHistoryKills, layout{}, false, true},
	{"late", "replies that are complete 1.5 s late, and then in time", 2, runLate, measureLate, layout{}, false, false},
	{"black-holes", "a black hole of 30 s on the link to the Engine, then on the link to Central", 3, runBlackHoles, measureBlackHoles, layout{}, false, false},
	{"moved-state", "a state folder that is deleted, and one that is copied to a second host", 3, runMovedState, measureMovedState, layout{}, false, false},
	{"rotation", "all certificates are replaced, by those of another authority too, and the password at the broker, while many Monitors run", rotationMonitors, runRotation, measureRotation, layout{}, true, false},
	{"expiry", "a certificate of the Engine, and two of the Monitor, expire in use and are replaced", 3, runExpiry, measureExpiry, layout{}, true, false},
	{"dns-silent", "a name server that does not answer", 2, runNoNames(silentNames), measureNoNames, twoAt(engineName), false, false},
	{"dns-servfail", "a name server that fails", 2, runNoNames(failedNames), measureNoNames, twoAt(engineName), false, false},
	{"dns-nxdomain", "a name server that says that there is no such name", 2, runNoSuchName, measureNoSuchName, twoAt(engineName), false, false},
	{"dns-slow", "a name server that answers late, and then too late", 2, runSlowNames, measureSlowNames, twoAt(engineName), false, false},
	{"dead-address", "a name with four addresses, of which one lives: another one each time", 2, runDeadAddresses, measureMoves, severalAddresses, false, false},
	{"address-changed", "an Engine that gets another address", 2, runAddressChanged, measureMoves, twoAt(engineName), false, false},
	{"interface-down", "the interface of the Monitors' machine goes down and up", 3, runOwnNetwork("link set veth0 down", "link set veth0 up"), measureOwnNetwork, threeAt(engineAddress), false, false},
	{"route-gone", "the default route of the Monitors' machine goes and comes", 3, runOwnNetwork("route del default", "route add default via 10.9.0.2"), measureOwnNetwork, threeAt(farAddress), false, false},
}

func scenarioNames() string {
	names := make([]string, len(scenarios))
	for i, s := range scenarios {
		names[i] = s.name
	}
	return strings.Join(names, ", ")
}

// chosen are the scenarios of a name: one, or all.
func chosen(name string) []writtenScenario {
	return slices.DeleteFunc(slices.Clone(scenarios), func(s writtenScenario) bool { return name != "all" && name != s.name })
}

// runScenarios runs one scenario, or all, each with new processes.
func (o *options) runScenarios(ctx context.Context) (broken int, err error) {
	summary := []string{}
	for _, s := range chosen(o.scenario) {
		began := time.Now()
		run := o.runScenario
		if s.isolated() && !o.isolated {
			if why := isolationMissing(); why != nil {
				summary = append(summary, fmt.Sprintf("***** SKIPPED: %s: there is no %v *****", s.name, why))
				continue
			}
			run = o.runIsolated
		}
		n, err := run(ctx, s)
		if err != nil {
			return broken, fmt.Errorf("%s: %w", s.name, err)
		}
		broken += n
		summary = append(summary, fmt.Sprintf("%-15s %3d broken  %4s", s.name, n, time.Since(began).Round(time.Second)))
	}
	if o.isolated { // its parent has the summary
		return broken, nil
	}
	fmt.Fprintf(o.out, "\n%s\n", strings.Join(summary, "\n"))
	return broken, nil
}

// scenarioTimeout bounds the longest scenario.
const scenarioTimeout = 8 * time.Minute

func (o *options) runScenario(ctx context.Context, s writtenScenario) (broken int, err error) {
	t, cps := s.timing(), s.cps
	with := *o
	with.tls = o.tls || s.tls
	o = &with
	fmt.Fprintf(o.out, "\n%s: %s (every %s, %s broker%s, seed %d)\n", s.name, s.about, t.Interval, o.kafka, o.tlsText(), o.seed)
	ctx, cancel := context.WithTimeout(ctx, scenarioTimeout)
	defer cancel()
	began := time.Now()
	o.history = s.history
	c, err := open(ctx, o, t, slices.Repeat([]catalogueEntry{okEntry}, cps), s.layout)
	if err != nil {
		return 0, err
	}
	defer c.close()
	if err := s.run(ctx, c); err != nil {
		return 0, err
	}
	r, err := c.finish(ctx, began)
	if err != nil {
		return 0, err
	}
	c.printResult(r)
	broken = len(r.counted(o.lenient && r.machineWasBusy())) + len(r.problems)
	broken += printMetrics(o.out, append(s.measure(c, histories(r)), r.metrics...), o.lenient && r.busy > 0)
	return broken, c.saveTrace(r.trace, broken > 0)
}

// What several scenarios use.

func (c *campaign) setMute(cps ...int) error { return c.setBehaviour(failing("mute"), cps...) }
func (c *campaign) setKO(cps ...int) error   { return c.setBehaviour(failing("ko"), cps...) }
func (c *campaign) setOK(cps ...int) error   { return c.setBehaviour(okEntry, cps...) }

func (c *campaign) setBehaviour(e catalogueEntry, cps ...int) error {
	for _, n := range cps {
		if err := c.cps[n].setBehaviour(e); err != nil {
			return err
		}
	}
	return nil
}

// intermittentEntry makes more events than an Engine that is always OK.
var intermittentEntry = engineEntry("intermittent", oracle.ExpectEither, 0)

// forEachCP runs do for all charge points at once, and joins their errors.
func (c *campaign) forEachCP(do func(*cpUnderTest) error) error {
	return forEach(c.cps, do)
}

// forEach runs do for these charge points at once, and joins their errors.
func forEach(cps []*cpUnderTest, do func(*cpUnderTest) error) error {
	errs := make([]error, len(cps))
	var running sync.WaitGroup
	for n, p := range cps {
		running.Go(func() { errs[n] = do(p) })
	}
	running.Wait()
	return errors.Join(errs...)
}

// waitMidCheck waits until the Engine has received the next check, and a third of its
// timeout longer.
func (p *cpUnderTest) waitMidCheck(ctx context.Context) {
	received := make(chan struct{})
	p.hook.onNextCheck(func() { close(received) })
	select {
	case <-received:
		wait.For(ctx, p.c.timing.Timeout/3)
	case <-ctx.Done():
	}
}

// waitForChecks waits until the Engine has served so many more checks.
func (p *cpUnderTest) waitForChecks(ctx context.Context, more int) {
	p.waitForCheckCount(ctx, p.c.truth.checkCount(p.number)+more)
}

// answered reports whether Central's answer to such a message went to the Monitor.
func (p *cpUnderTest) answered(v wire.Verb) bool {
	chunks, _ := p.links[centralSide].Traffic()
	return slices.ContainsFunc(messages(chunks)[p.id], func(m oracle.CentralMessage) bool { return m.Verb == v && m.Returned != 0 })
}

// waitForAnswer waits until one did.
func (p *cpUnderTest) waitForAnswer(ctx context.Context, v wire.Verb) {
	wait.Until(ctx, 10*ms, func() bool { return p.answered(v) })
}

// waitForHeartbeats waits until Central has answered so many.
func (p *cpUnderTest) waitForHeartbeats(ctx context.Context, want int) {
	wait.Until(ctx, 10*ms, func() bool {
		chunks, _ := p.links[centralSide].Traffic()
		n := 0
		for _, m := range messages(chunks)[p.id] {
			if m.Verb == wire.Heartbeat && m.Returned != 0 {
				n++
			}
		}
		return n >= want
	})
}

// waitForCentral polls Central's API until it shows the charge point as wanted, and adds
// the time that this took as a metric; it waits 15 s longer than allowed.
func (p *cpUnderTest) waitForCentral(ctx context.Context, name string, most time.Duration, wanted func(centralState) bool) {
	began, took, last := time.Now(), never, ""
	ctx, cancel := context.WithTimeout(ctx, most+15*time.Second)
	defer cancel()
	wait.Until(ctx, 25*ms, func() bool {
		states, err := p.c.centralStates(ctx)
		if err != nil {
			last = err.Error()
			return false
		}
		last = states[p.id].State
		if wanted(states[p.id]) {
			took = time.Since(began)
		}
		return took != never
	})
	if took == never {
		name += ": last " + last
	}
	p.c.truth.addMetric(atMost(name, took, most))
}

// waitForState is waitForCentral for a state.
func (p *cpUnderTest) waitForState(ctx context.Context, want, name string, most time.Duration) {
	p.waitForCentral(ctx, string(p.id)+" "+name, most, func(s centralState) bool { return s.State == want })
}
