package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"evcp"
	"evcp/internal/faultproxy"
	"evcp/internal/oracle"
	"evcp/internal/process"
	"evcp/internal/wait"
	"evcp/internal/wire"
)

// What both scenarios of certificates use.

// cut breaks the connections of a link at the moment that it returns; new ones are possible
// at once. On the link to the Engine no check is under way then.
func (p *cpUnderTest) cut(ctx context.Context, side int) (at evcp.Stamp, err error) {
	if side == engineSide {
		p.waitAfterCheck(ctx)
		wait.For(ctx, p.c.timing.Interval/3) // the reply is on its way
	}
	at = now()
	return at, p.impairLink(side, faultproxy.Impairment{Kind: faultproxy.Reset}, func() {})
}

// taken counts how often a program has said that it uses the new content of a setting's file.
func taken(child *process.Child, setting string) int {
	log, _ := os.ReadFile(child.Log) // it is read again
	return strings.Count(string(log), "--"+setting+": the file has changed, and what it holds now is in use")
}

// replacement is a change of files, and the settings of the programs that name them.
type replacement struct {
	about            string
	change           func(*certificateFiles) error
	monitor, central []string // settings
	files            []string // names, in this process
}

// replace changes files, and returns when every program uses the new ones.
func (c *campaign) replace(ctx context.Context, r replacement, monitors ...*cpUnderTest) error {
	type use struct {
		child   *process.Child
		setting string
		before  int
	}
	var uses []use
	add := func(child *process.Child, settings []string) {
		for _, setting := range settings {
			uses = append(uses, use{child, setting, taken(child, setting)})
		}
	}
	add(c.central, r.central)
	for _, p := range monitors {
		add(p.child(), r.monitor)
	}
	ownBefore := c.certificates.takenOver(r.files)
	if err := r.change(c.certificates); err != nil {
		return err
	}
	own := ownBefore + c.certificates.opened(r.files)
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	all := wait.Until(ctx, 100*ms, func() bool {
		uses = slices.DeleteFunc(uses, func(u use) bool { return taken(u.child, u.setting) > u.before })
		return len(uses) == 0 && c.certificates.takenOver(r.files) >= own
	})
	if !all {
		return fmt.Errorf("%s: %d programs do not use the new files", r.about, len(uses))
	}
	return nil
}

// The charge points of scenario expiry: whose certificate expires.
const (
	expiresEngine  = 0 // the Engine's
	expiresMonitor = 1 // the Monitor's, for the Engine
	expiresCentral = 2 // the Monitor's, for Central
)

// certificateLife is that of each certificate that expires: the programs take it over within
// 2 s, and the next heartbeat comes 2 s later.
const certificateLife = 10 * time.Second

// runExpiry lets a certificate of each charge point expire while it is in use, and then
// replaces it.
func runExpiry(ctx context.Context, c *campaign) error {
	parts := []func(context.Context, *cpUnderTest) error{engineExpires, monitorExpires, monitorExpiresAtCentral}
	return c.forEachCP(func(p *cpUnderTest) error { return parts[p.number](ctx, p) })
}

// engineExpires: the Engine's certificate expires, its connection breaks, and no new one can
// be made until there is another certificate.
func engineExpires(ctx context.Context, p *cpUnderTest) error {
	name := ofEngine(p.id)
	renewed := replacement{about: "the Engine's certificate", change: func(c *certificateFiles) error { return c.issueServer(name, 0) }, files: []string{name + ".pem"}}
	if err := p.letExpire(ctx, engineSide, func(c *certificateFiles) error { return c.issueServer(name, certificateLife) }, renewed); err != nil {
		return err
	}
	p.expired = p.engineCert.Certificate().Leaf.NotAfter
	from, err := p.cut(ctx, engineSide)
	if err != nil {
		return err
	}
	p.waitForAnswer(ctx, wire.EngineFailure)
	wait.For(ctx, 2*p.c.timing.Interval)
	err = p.c.replace(ctx, renewed)
	p.c.truth.endWindow(p.number, from, oracle.Window{Kind: oracle.EngineLink, Expect: oracle.ExpectFailure})
	p.waitForAnswer(ctx, wire.EngineRecovered)
	return err
}

// letExpire puts a certificate of a short life in the place of one, and returns when it has
// expired. The link is cut before, so that its connection is made with it.
func (p *cpUnderTest) letExpire(ctx context.Context, side int, issue func(*certificateFiles) error, r replacement) error {
	r.change = issue
	expires := time.Now().Add(certificateLife + time.Second)
	err := p.c.replace(ctx, r, p)
	cut, broken := p.cut(ctx, side)
	err = errors.Join(err, broken)
	if side == centralSide {
		wait.Until(ctx, 50*ms, func() bool { return p.lastAnswer() > cut })
	}
	wait.For(ctx, time.Until(expires))
	return err
}

// monitorExpires: the Engine refuses the Monitor's certificate. Nothing is known of the Engine
// then.
func monitorExpires(ctx context.Context, p *cpUnderTest) error {
	name := toEngine(p.id)
	renewed := replacement{
		about: "the Monitor's certificate", monitor: []string{"engine-cert"},
		change: func(c *certificateFiles) error { return c.issueClient(name, p.id, 0) },
	}
	if err := p.letExpire(ctx, engineSide, func(c *certificateFiles) error { return c.issueClient(name, p.id, certificateLife) }, renewed); err != nil {
		return err
	}
	from, err := p.cut(ctx, engineSide)
	if err != nil {
		return err
	}
	wait.For(ctx, 6*p.c.timing.Interval)
	err = p.c.replace(ctx, renewed, p)
	p.c.truth.endWindow(p.number, from, oracle.Window{Kind: oracle.OwnNetwork})
	wait.For(ctx, 3*p.c.timing.Interval)
	return err
}

// monitorExpiresAtCentral: Central ends the connection by itself.
func monitorExpiresAtCentral(ctx context.Context, p *cpUnderTest) error {
	name := toCentral(p.id)
	renewed := replacement{
		about: "the Monitor's certificate for Central", monitor: []string{"central-cert"}, files: []string{name + ".pem"},
		change: func(c *certificateFiles) error { return c.issueClient(name, p.id, 0) },
	}
	from := now()
	if err := p.letExpire(ctx, centralSide, func(c *certificateFiles) error { return c.issueClient(name, p.id, certificateLife) }, renewed); err != nil {
		return err
	}
	p.waitForState(ctx, "disconnected", "its certificate for Central expired: disconnected there after", 10*time.Second)
	err := p.c.replace(ctx, renewed, p)
	p.c.truth.endWindow(p.number, from, oracle.Window{Kind: oracle.CentralLink})
	p.waitForState(ctx, "activated", "  a new certificate is in use: activated after", 6*time.Second) // the longest backoff
	return err
}

func measureExpiry(c *campaign, all []cpHistory) []scenarioMetric {
	found := append(measureEngineExpired(all[expiresEngine], c.cps[expiresEngine].expired), measureMonitorExpired(all[expiresMonitor])...)
	central := all[expiresCentral]
	found = append(found, exactly("its certificate for Central: checks that are not OK",
		central.count(always(), failedCheck)+central.count(always(), unknownCheck), 0))
	for _, h := range all {
		found = append(found, exactly(string(h.ID)+": epochs: its Monitor was not restarted", len(h.epochs()), 1))
	}
	return found
}

func measureEngineExpired(h cpHistory, expired time.Time) []scenarioMetric {
	w := slices.MaxFunc(h.windows(oracle.EngineLink), func(a, b oracle.Window) int { // the others are cuts
		return cmp.Compare(a.To.Sub(a.From), b.To.Sub(b.From))
	})
	told := func(e evcp.Event) bool {
		return failedCheck(e) && e.Cause == evcp.TLS && strings.Contains(e.Response, "expired on "+expired.UTC().Format(time.DateOnly))
	}
	during := timeRange{w.From, w.To}
	return []scenarioMetric{
		atMost("the Engine's certificate expired: incident after", h.incidentIn(w), maxDetection(h.rules)+h.rules.Interval),
		exactly("  failed checks that do not say TLS and the date", h.count(always(), failedCheck)-h.count(always(), told), 0),
		exactly("  reports, and recoveries", h.count(always(), isAction(evcp.ReportEngineFailure))+h.count(always(), isAction(evcp.ReportEngineRecovery)), 2),
		count("  failed checks", h.count(during, failedCheck)),
		atMost("  a new certificate is in use: OK after", h.okAfter(w.To), h.rules.Interval+h.rules.Timeout),
	}
}

func measureMonitorExpired(h cpHistory) []scenarioMetric {
	w := h.windows(oracle.OwnNetwork)[0]
	own := func(e evcp.Event) bool { return unknownCheck(e) && e.Cause == evcp.OwnCertificate }
	return []scenarioMetric{
		exactly("the Monitor's certificate expired: failed checks", h.count(always(), failedCheck), 0),
		exactly("  reports", len(h.sent(wire.EngineFailure, always())), 0),
		holds("  at least 5 unknown checks, by its own certificate", h.count(always(), own) >= 5),
		exactly("  checks that are unknown for another reason", h.count(always(), unknownCheck)-h.count(always(), own), 0),
		atMost("  a new certificate is in use: OK after", h.okAfter(w.To), h.rules.Interval+h.rules.Timeout),
	}
}
