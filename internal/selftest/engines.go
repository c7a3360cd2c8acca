package selftest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/display"
	"evcp/internal/link"
	"evcp/internal/probe"
)

// EngineToTest is one Engine to ask.
type EngineToTest struct {
	CP      evcp.CPID
	Address string // host:port
	Site    string
	Timeout time.Duration // of the health check
	Dialer  link.Dialer   // nil: Options.Dialers.Engine
}

// atOnce is how many Engines are asked at a time: each needs a socket.
const atOnce = 100

// engineResults are what the Engines answered.
type engineResults struct {
	rows            []peerResult
	failed, unknown int
}

func (r engineResults) well() bool { return r.failed+r.unknown == 0 }

// askedEngine is what came of one question.
type askedEngine struct {
	EngineToTest
	outcome evcp.Outcome
}

// tryEngines asks every Engine once. A lone one has a row, whatever it answers; of a fleet
// those that fail have one.
func (o Options) tryEngines(ctx context.Context) (r engineResults) {
	asked := o.askEngines(ctx)
	for _, a := range asked {
		switch {
		case a.outcome.Status == evcp.Unknown:
			r.unknown++
		case a.outcome.Status != evcp.OK:
			r.failed++
		}
	}
	if o.Fleet {
		r.rows = o.fleetRows(asked, r)
	} else {
		r.rows = []peerResult{o.engineRow(english.engine, asked[0])}
	}
	return r
}

// askEngines asks at most atOnce at a time. Those that were not asked before ctx ended are
// mute.
func (o Options) askEngines(ctx context.Context) []askedEngine {
	asked := make([]askedEngine, len(o.Engines))
	for i, e := range o.Engines {
		asked[i] = askedEngine{EngineToTest: e, outcome: evcp.Outcome{Status: evcp.ConnectionError, Cause: evcp.Timeout}}
	}
	p, err := probe.New(probe.Portable, probe.Options{})
	if err != nil {
		for i := range asked {
			asked[i].outcome = evcp.Outcome{Status: evcp.Unknown, Cause: evcp.Local}
		}
		return asked
	}
	defer p.Close()
	ask := func(i int) {
		e := o.Engines[i]
		dialer := e.Dialer
		if dialer == nil {
			dialer = o.Dialers.Engine
		}
		p.Adopt(i, probe.Target{
			CP: e.CP, Address: e.Address, Dialer: dialer, Framing: o.Framing,
			Rules: evcp.EvidenceRules{Timeout: e.Timeout, Grace: evcp.DefaultGrace},
		}, o.Slept())
		p.Ask(o.Slept(), i)
	}
	next := min(atOnce, len(asked))
	for i := range next {
		ask(i)
	}
	for answered := 0; answered < len(asked); {
		select {
		case <-p.Ready():
		case <-ctx.Done():
			return asked
		}
		for _, f := range p.Take(nil) {
			if f.Checked {
				asked[f.Target].outcome, _ = p.Judge(f, o.Slept())
			}
			if !f.Last {
				continue
			}
			p.Release(f.Target)
			if answered++; next < len(asked) {
				ask(next)
				next++
			}
		}
	}
	return asked
}

// engineRow is one Engine.
func (o Options) engineRow(name string, a askedEngine) peerResult {
	facts := advice.Details{CP: a.CP, Timeout: a.Timeout, Reply: a.outcome.Response, Fleet: o.Fleet}
	r := o.result(name, a.Address, advice.Engine, a.outcome.Cause, facts, a.outcome.Latency)
	if r.unknown = a.outcome.Status == evcp.Unknown; r.unknown {
		r.shape = display.Unknown
	}
	return r
}

const (
	rowsOfCause = 3  // so many Engines that fail at one site for one cause have a row each
	mostRows    = 20 // of Engines that fail
)

// fleetRows are how many answered well, and those that did not, the most with one cause at one
// site first. What many have in common is one row. A cause is advised once.
func (o Options) fleetRows(asked []askedEngine, r engineResults) []peerResult {
	type key struct {
		site  string
		cause evcp.Cause
	}
	failed, sites := map[key][]askedEngine{}, map[string]int{}
	for _, a := range asked {
		sites[a.Site]++
		if a.outcome.Status != evcp.OK {
			k := key{a.Site, a.outcome.Cause}
			failed[k] = append(failed[k], a)
		}
	}
	var keys []key
	for k := range failed {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(len(failed[b]), len(failed[a])), strings.Compare(a.site, b.site), cmp.Compare(a.cause, b.cause))
	})
	rows, left, advised := []peerResult{o.enginesRow(len(asked), r)}, r.failed+r.unknown, map[evcp.Cause]bool{}
	for _, k := range keys {
		some := failed[k]
		if len(some) > rowsOfCause {
			row := o.engineRow(o.Language.Sprintf(english.ofSite, len(some), sites[k.site]), some[0])
			row.address, row.took = display.Safe(k.site), 0
			rows, left = append(rows, once(row, k.cause, advised)), left-len(failed[k])
		} else {
			for _, a := range some {
				rows = append(rows, once(o.engineRow(string(a.CP), a), k.cause, advised))
			}
			left -= len(some)
		}
		if len(rows) > mostRows {
			break
		}
	}
	if left > 0 {
		more := advice.Advice{Phrase: english.moreEngines.In(o.Language).Of(int64(left))}
		rows = append(rows, peerResult{shape: display.Failed, advice: more})
	}
	return rows
}

// once takes the advice from a row whose cause was advised.
func once(row peerResult, c evcp.Cause, advised map[evcp.Cause]bool) peerResult {
	if advised[c] {
		row.advice.Meaning, row.advice.Do = "", ""
	}
	advised[c] = true
	return row
}

// enginesRow is the row of all.
func (o Options) enginesRow(total int, r engineResults) peerResult {
	row := peerResult{
		peer: o.Language.Text(english.engine), address: english.engines.In(o.Language).Of(int64(total)), shape: display.Up, well: true,
		advice: advice.Advice{Phrase: english.allOK.In(o.Language).Of(int64(total))},
	}
	if !r.well() {
		row.shape, row.well = display.Failed, false
		row.advice.Phrase = o.Language.Sprintf(english.someOK, total-r.failed-r.unknown, total)
	}
	return row
}

// title says what is tested.
func (o Options) title() string {
	if o.Fleet {
		return o.Language.Sprintf(english.titleFleet, english.chargePoints.In(o.Language).Of(int64(len(o.Engines))), o.CP)
	}
	return o.Language.Sprintf(english.title, o.CP)
}
