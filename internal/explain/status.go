package explain

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/display"
	"evcp/internal/language"
)

// View is how a document is shown.
type View struct {
	Zone     *time.Location // of times
	Columns  int            // lines are broken there, though not before one word beside the indent
	Language language.Language
}

// StatusLines is the document in a few lines for a person.
func StatusLines(d MonitorStatus, how View) []string { return newView(d, how).status() }

// view is a document and how it is shown.
type view struct {
	MonitorStatus
	View
}

func newView(d MonitorStatus, how View) view {
	d.ChargePoints = slices.SortedFunc(slices.Values(d.ChargePoints), func(a, b ChargePointStatus) int {
		return display.CompareNatural(string(a.CP), string(b.CP))
	})
	how.Columns = max(how.Columns, indent+minText)
	return view{d, how}
}

func (v view) status() (lines []string) {
	if v.Fleet != nil {
		return v.fleetStatus()
	}
	for _, c := range v.ChargePoints {
		lines = slices.Concat(lines, v.row(shapeOf(c.State), string(c.CP), c.Engine, v.state(c)), v.advised(c), v.central(c))
	}
	lines = slices.Concat(lines, v.kafka(), v.monitor(), v.indented(v.Language.Rendered(v.Note, DiskTrouble, LogHeld)))
	if v.Outbox.Refused != "" {
		lines = append(lines, v.indented(v.Language.Text(english.refusedDisk))...)
	}
	return append(lines, v.files(true)...)
}

// state is the state that a charge point is shown in, since when and why.
func (v view) state(c ChargePointStatus) string {
	text := c.State
	if c.Since != 0 {
		text = v.Language.Sprintf(english.state, c.State, v.age(c.Since), v.clock(c.Since))
	}
	switch i := c.Incident; {
	case i != nil: // the cause may have changed since it opened
		return v.Language.Sprintf(english.failing, c.State, v.age(i.Since), v.clock(i.Since), v.failure(c).Phrase)
	case c.Failures == 1:
		return v.Language.Sprintf(english.oneMore, text, v.failure(c).Phrase, c.Fall)
	case c.Failures > 1:
		return v.Language.Sprintf(english.more, text, c.Failures, v.failure(c).Phrase, c.Fall)
	case c.State == evcp.Monitoring.String() && c.Since == 0:
		text = v.Language.Sprintf(english.because, c.State, v.Language.Text(english.watching))
	case c.State == evcp.Monitoring.String():
		text = v.Language.Sprintf(english.because, c.State, v.Language.Sprintf(english.noVerdict, v.age(c.Since), v.clock(c.Since)))
	}
	switch trouble, ok := v.localTrouble(c); {
	case ok:
		return v.Language.Sprintf(english.notJudged, text, trouble.Phrase)
	case c.State != evcp.Monitoring.String() && len(c.Checks) > 0:
		return v.Language.Sprintf(english.answers, text, display.Milliseconds(duration(c.Checks[len(c.Checks)-1].LatencyMS)))
	}
	return text
}

// failure is the advice for the last failed check.
func (v view) failure(c ChargePointStatus) advice.Advice {
	last := CheckStatus{Cause: cmp.Or(c.Cause, evcp.Other.String())}
	for _, o := range c.Checks {
		if o.Failures > 0 && o.failed() {
			last = o
		}
	}
	return advice.For(v.Language, advice.Engine, causeOf(last.Cause, last.Detail)).With(c.details(last))
}

// localTrouble is the advice for what kept the Monitor's own machine from the last check;
// false when nothing did.
func (v view) localTrouble(c ChargePointStatus) (advice.Advice, bool) {
	if len(c.Checks) == 0 || c.Checks[len(c.Checks)-1].Cause != evcp.Local.String() {
		return advice.Advice{}, false
	}
	last := c.Checks[len(c.Checks)-1]
	return advice.For(v.Language, advice.Engine, causeOf(last.Cause, last.Detail)).With(c.details(last)), true
}

func (c ChargePointStatus) details(o CheckStatus) advice.Details {
	return advice.Details{CP: c.CP, Reply: o.Response, Timeout: duration(c.TimeoutMS)}
}

// advised says what an open incident means, what to do first, and whether Central has
// answered a report of it; without an incident, the same of the Monitor's own machine.
func (v view) advised(c ChargePointStatus) []string {
	if c.Incident == nil {
		a, _ := v.localTrouble(c)
		return append(v.indented(a.Meaning), v.indented(a.Do)...)
	}
	a, reported := v.failure(c), v.Language.Text(english.notReported)
	if at := c.Incident.ReportedAt; at != 0 {
		reported = v.Language.Sprintf(english.reported, v.clock(at), v.age(at))
	}
	return slices.Concat(v.indented(a.Meaning), v.indented(a.Do), v.indented(reported))
}

func (v view) central(c ChargePointStatus) []string {
	shape, text := display.Note, english.connecting
	switch c.Central.State {
	case "registered":
		shape, text = display.Up, english.registered
	case "refused":
		shape, text = display.Failed, english.refuses
	case "away":
		shape, text = display.Gone, english.away
	}
	text = v.Language.Sprintf(text, v.age(c.Central.Since))
	trouble := v.centralTrouble(c)
	switch {
	case c.Central.State == "away" && trouble.Phrase != "":
		text = v.Language.Sprintf(english.because, text, trouble.Phrase)
	case c.Central.State == "registered" && c.Central.Last != nil && c.Central.Last.Answered:
		text += v.Language.Sprintf(english.answered, v.age(c.Central.Last.At))
	case c.Central.State == "registered" && c.Central.Last != nil: // some Centrals never answer a heartbeat
		shape = display.Unknown
		text += v.Language.Sprintf(english.unanswered, c.Central.Last.Message, v.age(c.Central.Last.At))
	}
	if c.Central.Pending > 0 {
		text += english.reports.In(v.Language).Of(int64(c.Central.Pending))
	}
	return slices.Concat(v.row(shape, v.Language.Text(english.central), c.Central.Address, text), v.indented(trouble.Meaning), v.indented(trouble.Do))
}

// centralTrouble is the advice for Central's absence or refusal; zero otherwise.
func (v view) centralTrouble(c ChargePointStatus) advice.Advice {
	last := c.Central.Last
	switch {
	case c.Central.State == "away" && last != nil && !last.Answered:
		return advice.For(v.Language, advice.Central, causeOf(last.Cause, last.Detail)).With(advice.Details{CP: c.CP, Reply: last.Why})
	case c.Central.State == "refused":
		return advice.For(v.Language, advice.Central, evcp.SaidKO).With(advice.Details{CP: c.CP, Reply: c.refusal()})
	}
	return advice.Advice{}
}

// refusal is Central's last answer to a registration.
func (c ChargePointStatus) refusal() (words string) {
	for _, x := range c.Central.Answered {
		if x.Message == registration {
			words = x.Answer
		}
	}
	return words
}

// registration is the message that Central may refuse, as it stands in a document.
const registration = "registration request"

func (v view) kafka() []string {
	k := v.Kafka
	if k == nil {
		return v.row(display.Note, v.Language.Text(english.kafka), v.Language.Text(english.none), v.Language.Text(english.onDisk))
	}
	text, known := english.kafkaIs[k.State]
	if !known { // of a later version
		text = strings.ReplaceAll(k.State, "%", "%%") + " %s"
	}
	shape, trouble := display.Note, advice.Advice{}
	switch k.State {
	case "connected", "catching_up":
		shape = display.Up
	case "away":
		shape = display.Gone
		trouble = advice.ForKafka(v.Language, causeOf(k.Cause, k.Detail), advice.Details{Reply: k.Why, Topic: k.Topic, Broker: k.Broker, Answering: k.Answering})
	}
	text = v.Language.Sprintf(text, v.age(k.Since))
	if trouble.Phrase != "" {
		text = v.Language.Sprintf(english.because, text, trouble.Phrase)
	}
	text += english.kafkaWaits.In(v.Language).Of(k.Pending)
	switch {
	case k.State == "away" && v.Outbox.Refused != "":
		text += v.Language.Text(english.inMemory)
	case k.State == "away":
		text += v.Language.Text(english.disk)
	}
	return append(v.row(shape, v.Language.Text(english.kafka), strings.Join(k.Brokers, ","), text), v.indented(trouble.Do)...)
}

// startLimit is how long a Monitor may take until its first check before that counts
// as unhealthy.
const startLimit = 10 * time.Second

func (v view) monitor() []string {
	shape, text := display.Up, english.watches
	begun := v.Totals.Last != 0 || v.Now.Stamp().Sub(v.Started.Stamp()) > startLimit
	switch {
	case !v.Healthy && begun:
		shape, text = display.Failed, english.unhealthy
	case !v.Healthy:
		shape = display.Note
	}
	text = v.Language.Sprintf(text, v.age(v.Started), english.checks.In(v.Language).Of(int64(v.Totals.Total)), v.Totals.Failed, v.Totals.Missed)
	lines := append(v.row(shape, v.Language.Text(english.monitor), v.Instance, text), v.indented(v.Language.Rendered(v.Trouble, NoCheckYet, StandsStill))...)
	if !v.Healthy && begun {
		lines = append(lines, v.indented(v.Language.Text(english.restart))...)
	}
	return lines
}
