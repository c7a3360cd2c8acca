package demo

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"evcp"
	"evcp/internal/generator"
	"evcp/internal/language"
)

// pastInstance names the Monitors of the past in each of their events: the past of the demo's
// charge points is made up.
const pastInstance = "made-up"

const (
	pastInterval = 30 * time.Minute // from check to check
	pastTimeout  = 9 * time.Second
	// pastBatch is how many records wait for the broker at once.
	pastBatch = 10_000
)

// What the Engines of the past reply when they are not well.
var (
	saysKO  = evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO, Response: "KO", Latency: time.Millisecond}
	refuses = evcp.Outcome{Status: evcp.ConnectionError, Cause: evcp.Refused, Latency: time.Millisecond}
	silent  = evcp.Outcome{Status: evcp.ConnectionError, Cause: evcp.Timeout, Latency: pastTimeout}
)

// pastOutage is what happened in a month of the past, in UTC.
type pastOutage struct {
	cps           []int // by number, from 1
	day, at       int   // of the month, and minutes of the day
	lasts         time.Duration
	outcome       evcp.Outcome // of the checks; zero: the Monitor was off
	lastMonthOnly bool
}

// pastOutages happen in each month.
var pastOutages = []pastOutage{
	{cps: []int{2}, day: 3, at: 6*60 + 30, lasts: 90 * time.Minute, outcome: saysKO},
	{cps: []int{3}, day: 6, at: 22 * 60, lasts: 30 * time.Minute, outcome: silent},
	{cps: []int{2}, day: 9, at: 13*60 + 30, lasts: 11 * time.Hour, outcome: saysKO, lastMonthOnly: true},
	{cps: []int{1, 2, 3}, day: 12, at: 19*60 + 30, lasts: 90 * time.Minute, outcome: silent}, // the network of the site
	{cps: []int{4, 5, 6}, day: 17, at: 2 * 60, lasts: 3 * time.Hour},
	{cps: []int{5}, day: 20, at: 9 * 60, lasts: 2*time.Hour + 30*time.Minute, outcome: refuses},
	{cps: []int{3}, day: 26, at: 16*60 + 30, lasts: 60 * time.Minute, outcome: silent},
}

// pastFrom is the begin of the past that is made up: a day before the month before now, which
// begins earlier in other time zones.
func pastFrom(now time.Time) time.Time {
	now = now.UTC()
	return time.Date(now.Year(), now.Month()-1, 0, 0, 0, 0, 0, time.UTC)
}

// pastOf is the past of the nth charge point, from 1, until now. It is as a Monitor would have
// written it, whose outages are all over.
func pastOf(cp evcp.CPID, n int, site string, now time.Time) generator.Watch {
	w := generator.Watch{
		CP:     cp,
		Policy: evcp.Policy{Fall: 1, Rise: 1, Instance: pastInstance, Interval: pastInterval, Timeout: pastTimeout, Site: site},
		From:   evcp.StampOf(pastFrom(now)), To: evcp.StampOf(now),
	}
	for months := 1; months >= 0; months-- {
		for _, o := range pastOutages {
			from := time.Date(now.UTC().Year(), now.UTC().Month()-time.Month(months), o.day, 0, o.at, 0, 0, time.UTC)
			to := from.Add(o.lasts)
			if !slices.Contains(o.cps, n) || months == 0 && o.lastMonthOnly || to.Add(2*pastInterval).After(now) {
				continue
			}
			outage := generator.Outage{From: evcp.StampOf(from), To: evcp.StampOf(to), Outcome: o.outcome}
			if o.outcome == (evcp.Outcome{}) {
				w.Off = append(w.Off, outage)
			} else {
				w.Down = append(w.Down, outage)
			}
		}
	}
	return w
}

// writePast writes the past of the charge points to the topic, if they have one.
func (e *env) writePast() error {
	if !e.o.Past {
		return nil
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(e.kafka.Addr().String()), kgo.DefaultProduceTopic(topic), kgo.DisableClientMetrics())
	if err == nil {
		defer client.Close()
		e.pastEnds = time.Now()
		err = e.producePast(client, e.pastEnds)
	}
	if err != nil {
		return language.Errorf("write the past to the topic: %w", err)
	}
	return nil
}

// notice is what Central's page says of its numbers; nothing without a past.
func (e *env) notice() string {
	if e.pastEnds.IsZero() {
		return ""
	}
	return e.o.Console.Language().Sprintf("This is the demo: what is dated before %s UTC is made up.", e.pastEnds.UTC().Format(time.DateTime))
}

func (e *env) producePast(client *kgo.Client, now time.Time) error {
	ctx := context.Background()
	var batch []*kgo.Record
	send := func() error {
		results := client.ProduceSync(ctx, batch...)
		for _, r := range batch {
			e.topicEnd = max(e.topicEnd, r.Offset+1)
		}
		batch = batch[:0]
		return results.FirstErr()
	}
	for i, cp := range e.ids {
		for event := range pastOf(cp, i+1, e.siteOf(cp), now).Events() {
			batch = append(batch, &kgo.Record{Key: []byte(cp), Value: event.AppendJSON(nil), Timestamp: event.At.Time()})
			if len(batch) == pastBatch {
				if err := send(); err != nil {
					return err
				}
			}
		}
	}
	return send()
}
