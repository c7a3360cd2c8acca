package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/wait"
	"evcp/internal/wire"
)

// rotationMonitors is how many Monitors run in scenario rotation.
const rotationMonitors = 200

// rotations are what is replaced in scenario rotation, in the order of docs/SECURITY.md: an
// authority is trusted beside the old one before it issues, and the old one is not trusted any
// more when nothing of it is in use.
func rotations(ctx context.Context, of *certificateFiles, broker string) []replacement {
	first := of.authority
	central, engines, clients := []string{centralCert + ".pem"}, pemOf(of.engines, ofEngine), []string{}
	for _, m := range of.monitors {
		clients = append(clients, toCentral(m.name)+".pem")
	}
	authorities := replacement{
		monitor: []string{"central-ca", "engine-ca", "kafka-ca"}, central: []string{"tls-client-ca"}, files: []string{trustedFile},
	}
	servers := replacement{central: []string{"tls-cert"}, files: append(central, engines...), change: (*certificateFiles).issueServers}
	named := func(about string, r replacement, change func(*certificateFiles) error) replacement {
		r.about = about
		if change != nil {
			r.change = change
		}
		return r
	}
	return []replacement{
		named("certificates of servers", servers, nil),
		named("a second authority beside the first", authorities, func(c *certificateFiles) error { return c.newAuthority("second", first) }),
		named("certificates of servers, by the second", servers, nil),
		named("certificates of Monitors, by the second", replacement{monitor: []string{"central-cert", "engine-cert"}, files: clients},
			func(c *certificateFiles) error { return c.issueClients(c.monitors...) }),
		named("the second authority alone", authorities, func(c *certificateFiles) error { return c.trust(c.authority) }),
		named("the password at the broker", replacement{monitor: []string{"kafka-password-file"}, files: []string{passwordFile}},
			func(c *certificateFiles) error { return c.changePassword(ctx, broker, "second password") }),
	}
}

func pemOf(ids []evcp.CPID, name func(evcp.CPID) string) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = name(id) + ".pem"
	}
	return all
}

// runRotation replaces files, and after each replacement breaks every connection, so that each
// is made again with the new ones. Then an Engine fails and recovers. At the end Central is away
// for a time, and all Monitors return at once.
func runRotation(ctx context.Context, c *campaign) error {
	c.rotation.began = now()
	wrong, stop := c.watchStates(ctx)
	for n, r := range rotations(ctx, c.certificates, c.brokerAddress) {
		if err := errors.Join(c.replace(ctx, r, c.monitors()...), c.cutAll(ctx), c.failAndRecover(ctx, n)); err != nil {
			stop()
			return fmt.Errorf("%s: %w", r.about, err)
		}
		c.rotation.replaced++
	}
	stop()
	c.truth.addMetric(exactly("charge points that Central showed as gone, or unverified", *wrong, 0))
	return c.returnTogether(ctx)
}

// rotationTimes are those of scenario rotation.
type rotationTimes struct {
	replaced int          // how often files were
	began    evcp.Stamp   // all Monitors had started
	returned timeRange    // all Monitors return to Central
	cutting  atomic.Int32 // odd while connections are broken, and until the Monitors have returned
}

// cutAll breaks every connection once, and returns when all Monitors have one to Central again.
func (c *campaign) cutAll(ctx context.Context) error {
	c.rotation.cutting.Add(1)
	defer c.rotation.cutting.Add(1)
	err := errors.Join(
		c.forEachCP(func(p *cpUnderTest) error { _, err := p.cut(ctx, engineSide); return err }),
		forEach(c.monitors(), func(m *monitorUnderTest) error { _, err := m.cps[0].cut(ctx, centralSide); return err }),
	)
	c.waitForReturn(ctx, c.cps, now())
	return errors.Join(err, c.injectBroker("restart", func() {}))
}

// waitForReturn waits until Central has answered a message of each of these charge points since from.
// It returns how long that took.
func (c *campaign) waitForReturn(ctx context.Context, cps []*cpUnderTest, from evcp.Stamp) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if !c.waitForMessages(ctx, cps, answeredAfter(from)) {
		return never
	}
	return now().Sub(from)
}

// failAndRecover makes one Engine fail until it is reported, and recover. Each charge point can
// do this once.
func (c *campaign) failAndRecover(ctx context.Context, n int) error {
	one := c.cps[n : n+1]
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	err := setAll(one, failing("ko"))
	c.waitForAnswer(ctx, one, wire.EngineFailure)
	err = errors.Join(err, setAll(one, okEntry))
	c.waitForAnswer(ctx, one, wire.EngineRecovered)
	return err
}

// watchStates counts how often Central shows something that no Engine did, until stop is called.
// It does not look while Monitors return: a Monitor whose connection was broken connects again
// for its next message, and is disconnected until then.
func (c *campaign) watchStates(ctx context.Context) (wrong *int, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	wrong = new(int)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for wait.For(ctx, 500*ms) {
			before := c.rotation.cutting.Load()
			states, err := c.centralStates(ctx)
			if err != nil || before%2 == 1 || before != c.rotation.cutting.Load() {
				continue
			}
			for _, s := range states {
				if s.State != "activated" && s.State != "faulted" || s.Unverified {
					*wrong++
				}
			}
		}
	}()
	return wrong, func() { cancel(); <-done }
}

// awayFor is how long Central is away before all Monitors return.
const awayFor = 6 * time.Second

// returnTogether ends Central and starts it again. Every Monitor makes a handshake, within the
// longest backoff.
func (c *campaign) returnTogether(ctx context.Context) error {
	if err := c.injectCentral("kill", func() { wait.For(ctx, awayFor) }); err != nil {
		return err
	}
	from := now()
	took := c.waitForReturn(ctx, c.cps, from)
	c.truth.addMetric(atMost("Central is back: all Monitors have returned after", took, 9*time.Second))
	c.rotation.returned = timeRange{from, now()}
	return nil
}

func measureRotation(c *campaign, groups [][]cpHistory) []scenarioMetric {
	all := slices.Concat(groups...)
	var failed, unknown, missing, restarted, incidents, receipts int
	var late, lateReport, lateReturn time.Duration
	checks := 0
	for _, h := range all {
		ko := h.rangesOf("ko")
		failed += h.count(always(), h.unexplained)
		for _, r := range ko {
			failed -= h.count(timeRange{r.from, r.to.Add(h.rules.Interval)}, h.unexplained)
		}
		unknown += h.count(always(), unknownCheck)
		missing += h.missing()
		restarted += len(h.epochs()) - 1
		incidents += h.count(always(), isAction(evcp.EngineFailed))
		receipts += h.count(always(), isAction(evcp.ReportEngineFailure)) + h.count(always(), isAction(evcp.ReportEngineRecovery))
		checks += len(h.EngineChecks)
		late = max(late, h.latenessIn(timeRange{c.rotation.began, c.rotation.returned.to}))
		lateReport = max(lateReport, h.slowestReceipt())
		lateReturn = max(lateReturn, h.latenessIn(c.rotation.returned))
	}
	replaced := c.rotation.replaced
	return []scenarioMetric{
		count("charge points", len(all)),
		count("Monitors", len(c.monitors())),
		count("checks", checks),
		onTime(exactly("failed checks of Engines that were OK", failed, 0)),
		onTime(exactly("checks that are unknown", unknown, 0)),
		exactly("seqs that are not on the topic", missing, 0),
		exactly("charge points whose Monitor was restarted", restarted, 0),
		exactly("incidents: one Engine after each replacement", incidents, replaced),
		exactly("receipts for failures and recoveries", receipts, 2*replaced),
		atMost("the slowest receipt, after its incident or recovery", lateReport, 500*ms),
		atMost("largest lateness of a check", late, 150*ms),
		atMost("  while all Monitors returned to Central", lateReturn, 150*ms),
	}
}

// slowestReceipt is the longest time from an incident or a recovery to its receipt; never if
// one has none.
func (h cpHistory) slowestReceipt() (slowest time.Duration) {
	receipts := map[evcp.Action]evcp.Action{evcp.EngineFailed: evcp.ReportEngineFailure, evcp.EngineRecovered: evcp.ReportEngineRecovery}
	for _, e := range h.events {
		receipt, reported := receipts[e.Action]
		if !reported {
			continue
		}
		given, ok := h.after(e.At, isAction(receipt))
		if !ok {
			return time.Hour
		}
		slowest = max(slowest, given.At.Sub(e.At))
	}
	return slowest
}

// latenessIn is the largest lateness of a check in a time.
func (h cpHistory) latenessIn(r timeRange) time.Duration {
	in := slices.DeleteFunc(slices.Clone(h.EngineChecks), func(x oracle.EngineCheck) bool { return !r.has(x.Received) })
	slices.SortFunc(in, func(a, b oracle.EngineCheck) int { return cmp.Compare(a.Received, b.Received) })
	worst := time.Duration(0)
	for i := 1; i < len(in); i++ {
		worst = max(worst, in[i].Received.Sub(in[i-1].Received)-h.rules.Interval)
	}
	return worst
}
