package main

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"evcp"
	"evcp/internal/generator"
	"evcp/internal/wait"
)

// historyPartitions are those of the topics.
const historyPartitions = 6

// Of the Engines one in a hundred fails at any time, for failsFor at a time.
const (
	oneIn    = 100
	failsFor = 6 * time.Second
)

// fleetProducer makes the events of a fleet that is checked once a second, as its Monitors would,
// and sends them to a topic.
type fleetProducer struct {
	client   *kgo.Client
	monitors []*generator.SimulatedMonitor
	sent     int64
	failed   atomic.Pointer[error]
}

func newFleetProducer(ctx context.Context, broker, topic string, cps int) (*fleetProducer, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers("127.0.0.1:"+broker), kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerLinger(20*time.Millisecond), kgo.MaxBufferedRecords(200_000))
	if err != nil {
		return nil, err
	}
	p := &fleetProducer{client: cl}
	policy := evcp.Policy{Fall: 3, Rise: 1, Interval: time.Second, Timeout: 900 * time.Millisecond, Instance: "bench"}
	for n := range cps {
		p.monitors = append(p.monitors, &generator.SimulatedMonitor{CP: cpName(n), Policy: policy})
	}
	err = p.makeTopic(ctx, topic)
	return p, err
}

func (p *fleetProducer) makeTopic(ctx context.Context, name string) error {
	req := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, historyPartitions, 1
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, p.client)
	if err != nil {
		return fmt.Errorf("make topic %s: %w", name, err)
	}
	if err := kerr.ErrorForCode(resp.Topics[0].ErrorCode); err != nil {
		return fmt.Errorf("make topic %s: %w", name, err)
	}
	return nil
}

func (p *fleetProducer) start(ctx context.Context, at evcp.Stamp) {
	for _, m := range p.monitors {
		p.send(ctx, m.Observe(evcp.Observation{Kind: evcp.Started, At: at, Version: "bench"}))
	}
}

// check is one check of the n-th Engine.
func (p *fleetProducer) check(ctx context.Context, n int, at evcp.Stamp) {
	o := evcp.Outcome{Status: evcp.OK, Response: "OK", Latency: 812 * time.Microsecond}
	if (int64(n)+int64(at)/failsFor.Microseconds())%oneIn == 0 {
		o = evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO, Response: "KO", Latency: 812 * time.Microsecond}
	}
	p.send(ctx, p.monitors[n].Check(at, o))
}

func (p *fleetProducer) send(ctx context.Context, events []evcp.Event) {
	for _, e := range events {
		p.sent++
		p.client.Produce(ctx, &kgo.Record{Key: []byte(e.CP), Value: e.AppendJSON(make([]byte, 0, 320))}, func(_ *kgo.Record, err error) {
			if err != nil {
				p.failed.CompareAndSwap(nil, &err)
			}
		})
	}
}

// end waits for the acknowledgements.
func (p *fleetProducer) end(ctx context.Context) error {
	err := p.client.Flush(ctx)
	p.client.Close()
	if failed := p.failed.Load(); failed != nil {
		err = *failed
	}
	if err != nil {
		return fmt.Errorf("produce events: %w", err)
	}
	return nil
}

// loadCPs are those of the load; each is checked once a second.
const loadCPs = 10_000

// loadSlot is how far apart two parts of the fleet are checked.
const loadSlot = 10 * time.Millisecond

// sentBy is how many records had been sent at a moment.
type sentBy struct {
	at   time.Time
	sent int64
}

// loadRun is what was seen of Central under load.
type loadRun struct {
	lag     samples // s
	sending []sentBy
}

// measureLoad sends the events of loadCPs at a steady rate, and asks Central how far it is.
func (h *harness) measureLoad(ctx context.Context) (t resultTable, err error) {
	broker, what, err := h.historyBroker(ctx)
	if err != nil {
		return t, err
	}
	t = resultTable{name: "historyload", title: "Events at a steady rate, through " + what, head: []string{"", "", "at most"}}
	const topic = "bench-load"
	p, err := newFleetProducer(ctx, broker, topic, loadCPs)
	if err != nil {
		return t, err
	}
	central, err := h.historian(ctx, broker, topic)
	if err != nil {
		return t, err
	}
	p.start(ctx, evcp.StampOf(time.Now()))
	if _, err := p.run(ctx, central, 5*time.Second); err != nil { // its folds are in memory then
		return t, err
	}
	cpu, err := processorTime(central.Child)
	if err != nil {
		return t, err
	}
	began, before := time.Now(), p.sent
	seen, err := p.run(ctx, central, h.sizes.load)
	if err != nil {
		return t, err
	}
	took, sent := time.Since(began), p.sent-before
	used, err := processorTime(central.Child)
	if err != nil {
		return t, err
	}
	if err := p.end(ctx); err != nil {
		return t, err
	}
	if _, err := central.untilRead(ctx, p.sent); err != nil {
		return t, err
	}
	resident, err := peakResident(central.Child)
	if err != nil {
		return t, err
	}
	written, err := bytesWritten(central.Child)
	if err != nil {
		return t, err
	}
	t.add("charge points", fmt.Sprint(loadCPs), "–")
	t.add("events a second", figure(float64(sent)/took.Seconds()), "–")
	t.add("for", took.Round(time.Second).String(), "–")
	t.add("Central's processor time, % of a core", figure(100*(used-cpu).Seconds()/took.Seconds()), "–")
	t.add("… µs an event", figure((used-cpu).Seconds()*1e6/float64(sent)), "–")
	t.add("resident at most, MB", figure(resident), "–")
	t.add("written to disk, MB a minute", figure(float64(written)/1e6/took.Minutes()), "–")
	t.add("behind, median, s", figure(seen.lag.median()), "–")
	t.add("behind, p99, s", figure(seen.lag.percentile(0.99)), "–")
	t.add("behind, max, s", figure(seen.lag.max()), fmt.Sprintf("%.0f %s", lagAtMost, verdict(seen.lag.max(), lagAtMost)))
	return t, nil
}

// run sends a part of the fleet's checks in each slot, for a time. Beside it Central is asked ten
// times a second how much it has read: it is as far behind as it is since so much was sent.
func (p *fleetProducer) run(ctx context.Context, central *historian, long time.Duration) (loadRun, error) {
	var seen loadRun
	answers, asking := make(chan reading), make(chan error, 1)
	polled, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer close(answers)
		for wait.For(polled, 100*time.Millisecond) {
			got, err := central.ask(polled)
			if polled.Err() != nil {
				break
			}
			if err != nil {
				asking <- err
				return
			}
			answers <- got
		}
		asking <- nil
	}()
	slots := int(time.Second / loadSlot)
	began := time.Now()
	for slot := 0; ; slot++ {
		due := began.Add(time.Duration(slot) * loadSlot)
		if due.Sub(began) >= long || !p.waitForSlot(ctx, due, answers, &seen) {
			break
		}
		at := evcp.StampOf(time.Now())
		for n := slot % slots; n < len(p.monitors); n += slots {
			p.check(ctx, n, at)
		}
		seen.sending = append(seen.sending, sentBy{time.Now(), p.sent})
	}
	stop()
	for range answers { // the last one
	}
	return seen, <-asking
}

// waitForSlot waits for a moment, and takes answers meanwhile.
func (p *fleetProducer) waitForSlot(ctx context.Context, due time.Time, answers <-chan reading, seen *loadRun) bool {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	for {
		select {
		case got, open := <-answers:
			if !open {
				return false
			}
			seen.answered(got, time.Now())
		case <-timer.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// answered learns how long ago more had been sent than Central has read.
func (r *loadRun) answered(got reading, now time.Time) {
	i, _ := slices.BinarySearchFunc(r.sending, got.Records, func(s sentBy, records int64) int {
		if s.sent <= records {
			return -1
		}
		return 1
	})
	switch {
	case i == len(r.sending): // all
		r.lag.add(0)
	case i > 0:
		r.lag.add(now.Sub(r.sending[i].at).Seconds())
	}
}

// backlog is what waits on a topic.
type backlog struct {
	name  string
	cps   int
	spans time.Duration
}

// measureCatchUp lets events wait on a topic, and then starts a Central without history.
func (h *harness) measureCatchUp(ctx context.Context) (t resultTable, err error) {
	broker, what, err := h.historyBroker(ctx)
	if err != nil {
		return t, err
	}
	t = resultTable{name: "catchup", title: "Events that have waited, through " + what, head: []string{
		"", "events", "s", "events a second", "at least 200,000", "µs of processor time an event", "MB", "database, MB", "bytes per charge point and day",
	}}
	for i, b := range h.sizes.backlogs {
		if err := h.catchUp(ctx, broker, fmt.Sprintf("bench-waited-%d", i), b, &t); err != nil {
			return t, err
		}
	}
	return t, nil
}

func (h *harness) catchUp(ctx context.Context, broker, topic string, b backlog, t *resultTable) error {
	h = h.scope()
	defer h.close()
	p, err := newFleetProducer(ctx, broker, topic, b.cps)
	if err != nil {
		return err
	}
	begin := evcp.StampOf(time.Now().Add(-b.spans))
	p.start(ctx, begin)
	for at := begin; at < begin.Add(b.spans); at = at.Add(time.Second) {
		for n := range p.monitors {
			p.check(ctx, n, at)
		}
	}
	if err := p.end(ctx); err != nil {
		return err
	}
	central, err := h.historian(ctx, broker, topic)
	if err != nil {
		return err
	}
	took, err := central.untilRead(ctx, p.sent)
	if err != nil {
		return err
	}
	cpu, err := processorTime(central.Child)
	if err != nil {
		return err
	}
	resident, err := peakResident(central.Child)
	if err != nil {
		return err
	}
	size, err := central.databaseBytes()
	if err != nil {
		return err
	}
	rate := float64(p.sent) / took.Seconds()
	perDay := "–"
	if b.spans >= 6*time.Hour { // less says nothing of a day
		perDay = figure(float64(size) / float64(b.cps) / (b.spans.Hours() / 24))
	}
	holds := "holds"
	if rate < catchUpAtLeast {
		holds = "**MISSES**"
	}
	t.add(b.name, fmt.Sprint(p.sent), figure(took.Seconds()), figure(rate), holds, figure(cpu.Seconds()*1e6/float64(p.sent)), figure(resident), figure(float64(size)/1e6), perDay)
	return nil
}
