package demo

import (
	"time"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/central"
	"evcp/internal/central/cpstate"
	"evcp/internal/display"
)

// change takes a change of state that Central saw.
func (a *account) change(c central.Change) {
	f := a.cps[c.CP]
	if f == nil { // somebody's own Monitor, on Central's port
		return
	}
	a.overtaken(f)
	f.state = c.To
	if c.From == cpstate.Disconnected {
		a.figures.Returned++
	}
	switch {
	case c.From == cpstate.Unregistered:
		a.begin()
	case c.To == cpstate.Faulted, c.From == cpstate.Faulted && c.To == cpstate.Activated:
		f.entered = &c
		a.match(c.CP)
	case c.To == cpstate.Activated:
		a.say(c.CP, display.Up, trimmed(english.monitorBack, display.Duration(c.Lasted)))
	case c.To == cpstate.Disconnected:
		if c.Reason == cpstate.ConnectionLost || c.Reason == cpstate.Silent {
			a.figures.LostTold++
		}
		a.say(c.CP, display.Gone, c.Text())
	}
}

// begin tells once that all are well.
func (a *account) begin() {
	if n := a.count(cpstate.Activated); !a.begun && n == len(a.cps) {
		a.begun = true
		a.say("", display.Up, trimmed(english.allUp, n, len(a.cps)))
	}
}

func (a *account) count(s cpstate.Availability) int {
	n := 0
	for _, f := range a.cps {
		if f.state == s {
			n++
		}
	}
	return n
}

// match tells a fault or its end, once Central and the Monitor have both spoken.
func (a *account) match(cp evcp.CPID) {
	f := a.cps[cp]
	switch {
	case f.entered == nil, f.opened.Action == evcp.NoAction:
	case f.entered.To == cpstate.Faulted && (f.opened.ID() != f.told || f.judged.Incident.Open):
		a.faulted(f)
	case f.entered.To == cpstate.Activated && f.closed.Incident == f.opened.ID():
		a.recovered(f, f.closed.Span)
	}
}

// faulted tells a fault in its Monitor's words, and asks the Engine.
func (a *account) faulted(f *file) {
	e, c := f.opened, f.entered
	f.entered = nil
	if f.told != e.ID() || c.From == cpstate.Activated {
		a.figures.Told++
		if a.spokeUp(e.CP, e.Since.Time(), e.At.Time()) {
			a.figures.FalseAlarms++
		}
	}
	f.told = e.ID()
	sentence := english.failed
	if e.Cause == evcp.SaidKO {
		sentence = english.failedKO
	}
	why := advice.For(advice.Engine, e.Cause).With(advice.Details{Timeout: a.timeout}).Phrase
	since := e.Since.Time().In(a.zone).Format(time.TimeOnly)
	a.say(e.CP, display.Failed, trimmed(sentence, why, english.checks.of(int(f.streak)), since))
}

func (a *account) recovered(f *file, after time.Duration) {
	a.figures.Cleared++
	a.say(f.entered.CP, display.Up, trimmed(english.activated, display.Duration(after)))
	f.entered = nil
}

// patience is how long a change waits for the Monitor's word on it.
const patience = 2 * time.Second

// settle tells what has waited too long for its other half.
func (a *account) settle(now time.Time) {
	for _, f := range a.cps {
		if f.entered != nil && now.Sub(f.entered.At) > patience {
			a.overtaken(f)
		}
	}
}

// overtaken tells a change in Central's own words. A fault of which its Monitor
// never said a word is a false alarm, unless the Engine was silent all the time.
func (a *account) overtaken(f *file) {
	c := f.entered
	switch {
	case c == nil:
		return
	case c.To == cpstate.Activated:
		a.recovered(f, c.Lasted)
		return
	}
	a.figures.Told++
	if a.spokeUp(c.CP, c.At.Add(-patience), c.At) {
		a.figures.FalseAlarms++
	}
	a.say(c.CP, display.Failed, c.Text())
	f.entered = nil
}
