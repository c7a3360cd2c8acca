// Package selftest is --test: it tries Central, Engine and Kafka once, each on its own,
// and prints for each the result and what to do next. It writes nothing and opens no
// state folder. With Central it registers and, on the same connection, says goodbye: our
// Central then shows what it showed before; another may show for a moment that the
// charge point is disconnected, also beside a running Monitor.
package selftest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/display"
	"evcp/internal/kafka"
	"evcp/internal/language"
	"evcp/internal/link"
	"evcp/internal/uplink"
	"evcp/internal/wire"
)

// Options are what a self-test needs. Addresses are host:port.
type Options struct {
	CP      evcp.CPID // that registers with Central
	Central string
	Engines []EngineToTest // one, unless it is a fleet
	Fleet   bool
	Kafka   kafka.Options // its Brokers may be empty
	Framing wire.Framing
	Dialers link.Dialers // an Engine may have its own
	Slept   func() time.Duration
	Columns int    // of the output, in cells; 0 is display.Columns
	Origin  string // where the settings came from; "" is left out
	Local   []LocalCheck

	Language language.Language
}

// LocalCheck tries what a Monitor needs of its own machine. It has a row only if it fails.
type LocalCheck struct {
	Name, Address string
	// Try returns an error whose second line, if any, is what to do first.
	Try     func(context.Context) error
	Meaning string
	Do      string // if the error does not say it
	Stops   bool   // a Monitor would not start
}

// Run tries all three at once, passes the lines of the output to printLine in order,
// and reports whether Central and Engine answered well and this machine has what a Monitor
// needs.
func Run(ctx context.Context, o Options, printLine func(line string)) bool {
	var central peerResult
	var engines engineResults
	var brokers []peerResult
	var trying sync.WaitGroup
	trying.Go(func() { central = o.tryCentral(ctx) })
	trying.Go(func() { engines = o.tryEngines(ctx) })
	trying.Go(func() { brokers = o.tryKafka(ctx) })
	columns := cmp.Or(o.Columns, display.Columns)
	for _, line := range display.Wrap(o.title(), columns) {
		printLine(line)
	}
	if o.Origin != "" {
		for _, line := range display.Wrap(o.Language.Sprintf(english.settings, o.Origin), columns) {
			printLine(line)
		}
	}
	printLine("")
	trying.Wait()
	local := o.tryLocal(ctx)
	all := slices.Concat([]peerResult{central}, engines.rows, brokers, local)
	wide := widest(all)
	for _, f := range all {
		for _, line := range f.lines(wide, columns) {
			printLine(line)
		}
	}
	printLine("")
	for _, line := range o.verdict(central, engines, brokers[0], local, columns) {
		printLine(line)
	}
	return central.well && engines.well() && len(local) == 0
}

// peerResult is the result for one peer.
type peerResult struct {
	peer    string
	address string
	shape   display.Shape
	well    bool
	refused bool // by Central
	stops   bool // a Monitor would not start
	unknown bool // the check was not judged
	advice  advice.Advice
	took    time.Duration
}

func (o Options) result(peer, address string, p advice.Remote, c evcp.Cause, f advice.Details, took time.Duration) peerResult {
	shape := display.Failed
	if c == evcp.NoCause {
		shape = display.Up
	}
	return peerResult{
		peer: o.Language.Text(peer), address: address, shape: shape, well: c == evcp.NoCause, took: took,
		advice: advice.For(o.Language, p, c).With(f),
	}
}

func (o Options) tryCentral(ctx context.Context) peerResult {
	a := uplink.TryRegistration(ctx, o.Dialers.Central, o.Central, o.Framing, o.CP)
	facts := advice.Details{CP: o.CP, Timeout: uplink.AnswerLimit, Reply: cmp.Or(a.Why, a.Text)}
	cause := a.Cause
	switch {
	case !a.Received:
	case a.Verdict == uplink.Accepted:
		cause = evcp.NoCause
	case a.Verdict == uplink.Rejected:
		cause = evcp.SaidKO
	default:
		cause = evcp.Protocol
	}
	r := o.result(english.central, o.Central, advice.Central, cause, facts, a.Latency)
	r.refused = cause == evcp.SaidKO
	return r
}

// maxTroubles of Kafka have a row.
const maxTroubles = 4

// tryKafka goes the way of the events without sending one. A Monitor does without Kafka, so
// nothing here is a failure. There is one result when all is well, else one for each trouble.
func (o Options) tryKafka(ctx context.Context) (rows []peerResult) {
	if len(o.Kafka.Brokers) == 0 {
		none := advice.Advice{Phrase: o.Language.Text(english.onDisk)}
		return []peerResult{{peer: o.Language.Text(english.kafka), address: o.Language.Text(english.none), shape: display.Note, well: true, advice: none}}
	}
	began := time.Now()
	found := kafka.Probe(ctx, o.Kafka)
	address, took := strings.Join(o.Kafka.Brokers, ","), time.Since(began)
	if len(found.Troubles) == 0 {
		r := o.result(english.kafka, address, advice.Kafka, evcp.NoCause, advice.Details{Topic: o.Kafka.Topic}, took)
		if !found.Exists {
			r.advice.Phrase = o.Language.Sprintf(english.toCreate, o.Kafka.Topic)
		}
		return []peerResult{r}
	}
	for _, err := range found.Troubles[:min(len(found.Troubles), maxTroubles)] {
		d := advice.Details{Topic: o.Kafka.Topic, Reply: kafka.ErrorText(err), Broker: kafka.BrokerOf(err), Answering: found.Answering}
		rows = append(rows, peerResult{
			peer: o.Language.Text(english.kafka), address: cmp.Or(found.Answering, d.Broker, address), shape: display.Gone, advice: advice.ForKafka(o.Language, kafka.CauseOf(err), d), took: took,
		})
	}
	if more := len(found.Troubles) - maxTroubles; more > 0 {
		text := english.moreTroubles.In(o.Language).Of(int64(more))
		rows = append(rows, peerResult{peer: english.kafka, address: address, shape: display.Gone, advice: advice.Advice{Phrase: text}})
	}
	return rows
}

// tryLocal has a row for each check that fails.
func (o Options) tryLocal(ctx context.Context) (rows []peerResult) {
	for _, c := range o.Local {
		err := c.Try(ctx)
		if err == nil {
			continue
		}
		what, do, _ := strings.Cut(o.Language.Error(err), "\n")
		rows = append(rows, peerResult{
			peer: o.Language.Text(c.Name), address: c.Address, shape: display.Failed, stops: c.Stops,
			advice: advice.Advice{Phrase: display.Safe(what), Meaning: o.Language.Text(c.Meaning), Do: cmp.Or(do, o.Language.Text(c.Do))},
		})
	}
	return rows
}
