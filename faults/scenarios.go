package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/wait"
	"evcp/internal/wire"
)

// writtenScenario is a written campaign at the real pace. The oracle verifies it like a random
// one. Beside that it has metrics of its own: run adds some to groundTruth, measure
// finds the others in the histories of the charge points.
//
// What happens to one charge point happens, with a fleet, to each of a group; what happens to a
// Monitor happens to all of them.
type writtenScenario struct {
	name    string
	about   string
	cps     int // each with its Monitor; or the groups of a fleet
	run     func(ctx context.Context, c *campaign) error
	measure func(c *campaign, groups [][]cpHistory) []scenarioMetric
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
	{"expiry", "a certificate of the Engine, and two of the Monitor, expire in use and are replaced", 3, runExpiry, measureExpiry, layout{certified: []int{expiresMonitor}}, true, false},
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
	t, cps, groups := s.timing(), s.cps, s.cps
	if o.fleet {
		cps, groups = o.monitors, min(s.cps, maxGroups, o.monitors)
	}
	with := *o
	with.tls = o.tls || s.tls
	o = &with
	fmt.Fprintf(o.out, "\n%s: %s (%severy %s, --probe %s, %s broker%s, seed %d)\n", s.name, s.about, o.fleetText(), t.Interval, o.probe, o.kafka, o.tlsText(), o.seed)
	ctx, cancel := context.WithTimeout(ctx, scenarioTimeout)
	defer cancel()
	began := time.Now()
	o.history = s.history
	c, err := open(ctx, o, t, slices.Repeat([]catalogueEntry{okEntry}, cps), groups, s.layout)
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
	broken += printMetrics(o.out, append(s.measure(c, c.histories(r)), r.metrics...), o.lenient && r.busy > 0)
	return broken, c.saveTrace(r.trace, broken > 0)
}

// What several scenarios use.

func (c *campaign) setMute(groups ...int) error { return c.setBehaviour(failing("mute"), groups...) }
func (c *campaign) setOK(groups ...int) error   { return c.setBehaviour(okEntry, groups...) }

// setBehaviour changes what the Engines of groups do.
func (c *campaign) setBehaviour(e catalogueEntry, groups ...int) error {
	for _, n := range groups {
		if err := setAll(c.group(n), e); err != nil {
			return err
		}
	}
	return nil
}

func setAll(cps []*cpUnderTest, e catalogueEntry) error {
	for _, p := range cps {
		if err := p.setBehaviour(e); err != nil {
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

// forEach runs do for these at once, and joins their errors.
func forEach[T any](all []T, do func(T) error) error {
	errs := make([]error, len(all))
	var running sync.WaitGroup
	for n, x := range all {
		running.Go(func() { errs[n] = do(x) })
	}
	running.Wait()
	return errors.Join(errs...)
}

// forEachGroup runs a part for each group: at once where each charge point has its own Monitor,
// and one after the other in a fleet, where a part of one group happens to all.
func (c *campaign) forEachGroup(parts ...func([]*cpUnderTest) error) error {
	if !c.o.fleet {
		at := make([]int, len(parts))
		for n := range at {
			at[n] = n
		}
		return forEach(at, func(n int) error { return parts[n](c.group(n)) })
	}
	for n, part := range parts {
		if err := part(c.group(n)); err != nil {
			return err
		}
	}
	return nil
}

// ids are those of charge points.
func ids(cps []*cpUnderTest) (all []evcp.CPID) {
	for _, p := range cps {
		all = append(all, p.id)
	}
	return all
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

// pollEvery is how often traffic and states are looked at while something is awaited.
func (c *campaign) pollEvery() time.Duration {
	if c.o.fleet {
		return 100 * ms // all charge points are looked at each time
	}
	return 10 * ms
}

// waitForMessages waits until what was sent for each of these charge points is as wanted, and
// reports whether it was before ctx ended.
func (c *campaign) waitForMessages(ctx context.Context, cps []*cpUnderTest, wanted func([]oracle.CentralMessage) bool) bool {
	missing := slices.Clone(cps)
	return wait.Until(ctx, c.pollEvery(), func() bool {
		known := map[*controlledLink]map[evcp.CPID][]oracle.CentralMessage{}
		missing = slices.DeleteFunc(missing, func(p *cpUnderTest) bool {
			link := p.links[centralSide]
			if known[link] == nil {
				chunks, _ := link.Traffic()
				known[link] = messages(chunks)
			}
			return wanted(known[link][p.id])
		})
		return len(missing) == 0
	})
}

// answered is for messages of which Central's answer to one of this kind went to the Monitor.
func answered(v wire.Verb) func([]oracle.CentralMessage) bool {
	return func(all []oracle.CentralMessage) bool {
		return slices.ContainsFunc(all, func(m oracle.CentralMessage) bool { return m.Verb == v && m.Returned != 0 })
	}
}

// answeredAfter is for messages of which one was answered after a moment.
func answeredAfter(from evcp.Stamp) func([]oracle.CentralMessage) bool {
	return func(all []oracle.CentralMessage) bool {
		return slices.ContainsFunc(all, func(m oracle.CentralMessage) bool { return m.Returned > from })
	}
}

// anyAnswered reports whether one of the charge points has such an answer now.
func (c *campaign) anyAnswered(cps []*cpUnderTest, v wire.Verb) bool {
	return slices.ContainsFunc(cps, func(p *cpUnderTest) bool {
		chunks, _ := p.links[centralSide].Traffic()
		return answered(v)(messages(chunks)[p.id])
	})
}

// waitForAnswer waits until each has such an answer.
func (c *campaign) waitForAnswer(ctx context.Context, cps []*cpUnderTest, v wire.Verb) {
	c.waitForMessages(ctx, cps, answered(v))
}

// waitForHeartbeats waits until Central has answered so many of each.
func (c *campaign) waitForHeartbeats(ctx context.Context, cps []*cpUnderTest, want int) {
	c.waitForMessages(ctx, cps, func(all []oracle.CentralMessage) bool {
		n := 0
		for _, m := range all {
			if m.Verb == wire.Heartbeat && m.Returned != 0 {
				n++
			}
		}
		return n >= want
	})
}

// shownState is what Central's API shall show of charge points, and how soon.
type shownState struct {
	cps    []*cpUnderTest
	name   string // of the metric, behind their label
	most   time.Duration
	wanted func(centralState) bool
}

// showing is for a state.
func showing(cps []*cpUnderTest, want, name string, most time.Duration) shownState {
	return shownState{cps, name, most, func(s centralState) bool { return s.State == want }}
}

// waitForCentral polls Central's API until it shows all as wanted, and adds the time that each
// took as a metric; it waits 15 s longer than allowed.
func (c *campaign) waitForCentral(ctx context.Context, all ...shownState) {
	began, longest := time.Now(), time.Duration(0)
	took, last := map[*cpUnderTest]time.Duration{}, map[evcp.CPID]string{}
	open := 0
	for _, s := range all {
		longest, open = max(longest, s.most), open+len(s.cps)
	}
	ctx, cancel := context.WithTimeout(ctx, longest+15*time.Second)
	defer cancel()
	wait.Until(ctx, max(25*ms, c.pollEvery()/2), func() bool {
		states, err := c.centralStates(ctx)
		for _, s := range all {
			for _, p := range s.cps {
				_, over := took[p]
				switch now := states[p.id]; {
				case over:
				case err != nil:
					last[p.id] = err.Error()
				case s.wanted(now):
					took[p], open = time.Since(began), open-1
				default:
					last[p.id] = now.State
				}
			}
		}
		return open == 0
	})
	for _, s := range all {
		for _, p := range s.cps {
			name, after := p.label()+" "+s.name, never
			if d, over := took[p]; over {
				after = d
			} else {
				name += ": last " + last[p.id]
			}
			c.truth.addMetric(atMost(name, after, s.most))
		}
	}
}
