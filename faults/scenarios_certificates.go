package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
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

// cutEngines cuts the links to Engines, each between two checks of its own, and returns when.
func cutEngines(ctx context.Context, cps []*cpUnderTest) (at map[*cpUnderTest]evcp.Stamp, err error) {
	var mu sync.Mutex
	at = map[*cpUnderTest]evcp.Stamp{}
	err = forEach(cps, func(p *cpUnderTest) error {
		moment, err := p.cut(ctx, engineSide)
		mu.Lock()
		defer mu.Unlock()
		at[p] = moment
		return err
	})
	return at, err
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
func (c *campaign) replace(ctx context.Context, r replacement, monitors ...*monitorUnderTest) error {
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
	for _, m := range monitors {
		add(m.child(), r.monitor)
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

// The groups of scenario expiry: whose certificate expires. That for Central is of all charge
// points of a fleet.
const (
	expiresEngine  = 0 // the Engine's
	expiresMonitor = 1 // the Monitor's, for the Engine
	expiresCentral = 2 // the Monitor's, for Central
)

// certificateLife is that of each certificate that expires: the programs take it over within
// 2 s, and the next heartbeat comes 2 s later.
const certificateLife = 10 * time.Second

// runExpiry lets a certificate of each group expire while it is in use, and then
// replaces it.
func runExpiry(ctx context.Context, c *campaign) error {
	part := func(of func(context.Context, *campaign, []*cpUnderTest) error) func([]*cpUnderTest) error {
		return func(cps []*cpUnderTest) error { return of(ctx, c, cps) }
	}
	return c.forEachGroup(part(engineExpires), part(monitorExpires), part(monitorExpiresAtCentral))
}

// engineExpires: the Engines' certificates expire, their connections break, and no new one can
// be made until there is another certificate.
func engineExpires(ctx context.Context, c *campaign, cps []*cpUnderTest) error {
	issue := func(lifetime time.Duration) func(*certificateFiles) error {
		return func(c *certificateFiles) (err error) {
			for _, p := range cps {
				err = errors.Join(err, c.issueServer(ofEngine(p.id), lifetime))
			}
			return err
		}
	}
	renewed := replacement{about: "the Engine's certificate", change: issue(0), files: pemOf(ids(cps), ofEngine)}
	if err := c.letExpire(ctx, cps, engineSide, issue(certificateLife), renewed); err != nil {
		return err
	}
	for _, p := range cps {
		p.expired = p.engineCert.Certificate().Leaf.NotAfter
	}
	from, err := cutEngines(ctx, cps)
	if err != nil {
		return err
	}
	c.waitForAnswer(ctx, cps, wire.EngineFailure)
	wait.For(ctx, 2*c.timing.Interval)
	err = c.replace(ctx, renewed)
	for _, p := range cps {
		c.truth.endWindow(p.number, from[p], oracle.Window{Kind: oracle.EngineLink, Expect: oracle.ExpectFailure})
	}
	c.waitForAnswer(ctx, cps, wire.EngineRecovered)
	return err
}

// letExpire puts a certificate of a short life in the place of one, and returns when it has
// expired. The links are cut before, so that their connections are made with it.
func (c *campaign) letExpire(ctx context.Context, cps []*cpUnderTest, side int, issue func(*certificateFiles) error, r replacement) error {
	r.change = issue
	expires := time.Now().Add(certificateLife + time.Second)
	err := c.replace(ctx, r, cps[0].monitorUnderTest)
	if side == engineSide {
		_, broken := cutEngines(ctx, cps)
		err = errors.Join(err, broken)
	} else {
		cut, broken := cps[0].cut(ctx, side)
		err = errors.Join(err, broken)
		c.waitForMessages(ctx, cps, answeredAfter(cut))
	}
	wait.For(ctx, time.Until(expires))
	return err
}

// certificateOwner is who has the certificate for its Engine: a fleet has one for each site here.
func (p *cpUnderTest) certificateOwner() string {
	if p.c.o.fleet {
		return siteName(p.group)
	}
	return string(p.id)
}

// monitorExpires: the Engines refuse the Monitor's certificate. Nothing is known of the Engines
// then.
func monitorExpires(ctx context.Context, c *campaign, cps []*cpUnderTest) error {
	owner := cps[0].certificateOwner()
	name, uri := toEngine(owner), c.certificates.uri(owner)
	renewed := replacement{
		about: "the Monitor's certificate", monitor: []string{"engine-cert"},
		change: func(c *certificateFiles) error { return c.issueClient(name, uri, 0) },
	}
	if err := c.letExpire(ctx, cps, engineSide, func(c *certificateFiles) error { return c.issueClient(name, uri, certificateLife) }, renewed); err != nil {
		return err
	}
	from, err := cutEngines(ctx, cps)
	if err != nil {
		return err
	}
	wait.For(ctx, 6*c.timing.Interval)
	err = c.replace(ctx, renewed, cps[0].monitorUnderTest)
	for _, p := range cps {
		c.truth.endWindow(p.number, from[p], oracle.Window{Kind: oracle.OwnNetwork})
	}
	wait.For(ctx, 3*c.timing.Interval)
	return err
}

// monitorExpiresAtCentral: Central ends the connection by itself. In a fleet that is the one of
// all charge points.
func monitorExpiresAtCentral(ctx context.Context, c *campaign, cps []*cpUnderTest) error {
	m, owner := cps[0].monitorUnderTest, string(cps[0].id)
	if c.o.fleet {
		owner = m.label
	}
	name, uri := toCentral(owner), c.certificates.uri(owner)
	renewed := replacement{
		about: "the Monitor's certificate for Central", monitor: []string{"central-cert"}, files: []string{name + ".pem"},
		change: func(c *certificateFiles) error { return c.issueClient(name, uri, 0) },
	}
	from := now()
	if err := c.letExpire(ctx, m.cps, centralSide, func(c *certificateFiles) error { return c.issueClient(name, uri, certificateLife) }, renewed); err != nil {
		return err
	}
	c.waitForCentral(ctx, showing(m.cps, "disconnected", "its certificate for Central expired: disconnected there after", 10*time.Second))
	err := c.replace(ctx, renewed, m)
	m.endWindow(from, oracle.Window{Kind: oracle.CentralLink})
	c.waitForCentral(ctx, showing(m.cps, "activated", "  a new certificate for Central is in use: activated after", 6*time.Second)) // the longest backoff
	return err
}

func measureExpiry(c *campaign, groups [][]cpHistory) []scenarioMetric {
	expired := map[evcp.CPID]time.Time{}
	for _, p := range c.cps {
		expired[p.id] = p.expired
	}
	found := ofEach(groups[expiresEngine], func(h cpHistory) []scenarioMetric { return measureEngineExpired(h, expired[h.ID]) })
	found = append(found, ofEach(groups[expiresMonitor], measureMonitorExpired)...)
	found = append(found, ofEach(groups[expiresCentral], func(h cpHistory) []scenarioMetric {
		return []scenarioMetric{exactly("its certificate for Central: checks that are not OK", h.count(always(), failedCheck)+h.count(always(), unknownCheck), 0)}
	})...)
	return append(found, ofEach(slices.Concat(groups...), func(h cpHistory) []scenarioMetric {
		return []scenarioMetric{exactly(h.label+": epochs: its Monitor was not restarted", len(h.epochs()), 1)}
	})...)
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
		exactly("  reports of it, and recoveries", h.count(always(), isAction(evcp.ReportEngineFailure))+h.count(always(), isAction(evcp.ReportEngineRecovery)), 2),
		count("  failed checks", h.count(during, failedCheck)),
		atMost("  a new certificate of the Engine is in use: OK after", h.okAfter(w.To), h.rules.Interval+h.rules.Timeout),
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
