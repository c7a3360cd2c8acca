package selftest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/display"
	"evcp/internal/kafka"
	"evcp/internal/probe"
	"evcp/internal/uplink"
	"evcp/internal/wire"
)

// peerResult is what one trial came to.
type peerResult struct {
	peer    string
	address string
	shape   display.Shape
	well    bool
	refused bool // Central said no
	advice  advice.Advice
	took    time.Duration
}

func found(peer, address string, p advice.Remote, c evcp.Cause, f advice.Details, took time.Duration) peerResult {
	shape := display.Failed
	if c == evcp.NoCause {
		shape = display.Up
	}
	return peerResult{
		peer: peer, address: address, shape: shape, well: c == evcp.NoCause, took: took,
		advice: advice.For(p, c).With(f),
	}
}

func (o Options) tryCentral(ctx context.Context) peerResult {
	a := uplink.TryRegistration(ctx, o.Dialer, o.Central, uplink.TextCodec(o.Framing), o.CP)
	facts := advice.Details{CP: o.CP, Timeout: uplink.AnswerLimit, Reply: a.Text}
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
	f := found(english.central, o.Central, advice.Central, cause, facts, a.Latency)
	f.refused = cause == evcp.SaidKO
	return f
}

func (o Options) tryEngine(ctx context.Context) peerResult {
	p := probe.New(probe.Options{
		Targets: []probe.Target{{CP: o.CP, Address: o.Engine}},
		Rules:   evcp.EvidenceRules{Timeout: o.Timeout, Grace: evcp.DefaultGrace},
		Dialer:  o.Dialer, Framing: o.Framing, Slept: o.Slept(),
	})
	defer p.Close()
	p.Ask(o.Slept(), 0)
	select {
	case <-p.Ready():
	case <-ctx.Done():
		return found(english.engine, o.Engine, advice.Engine, evcp.Timeout, advice.Details{}, 0)
	}
	checked := p.Take(nil)[0]
	outcome, _ := p.Judge(checked, o.Slept())
	facts := advice.Details{CP: o.CP, Timeout: o.Timeout, Reply: outcome.Response}
	return found(english.engine, o.Engine, advice.Engine, outcome.Cause, facts, outcome.Latency)
}

// tryKafka asks for metadata. A Monitor does without Kafka, so nothing here is a
// failure.
func (o Options) tryKafka(ctx context.Context) peerResult {
	if len(o.Brokers) == 0 {
		none := advice.Advice{Phrase: english.onDisk}
		return peerResult{peer: english.kafka, address: english.none, shape: display.Note, well: true, advice: none}
	}
	facts := advice.Details{CP: o.CP, Topic: o.Topic}
	began := time.Now()
	r, err := kafka.Probe(ctx, kafka.Options{Brokers: o.Brokers, Topic: o.Topic})
	if err != nil {
		facts.Reply = wire.Text([]byte(err.Error()))
	}
	f := found(english.kafka, strings.Join(o.Brokers, ","), advice.Kafka, kafka.CauseOf(err), facts, time.Since(began))
	if !f.well {
		f.shape = display.Gone
	}
	if f.well && !r.Exists {
		f.advice.Phrase = fmt.Sprintf(english.toCreate, o.Topic)
	}
	return f
}
