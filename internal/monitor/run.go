package monitor

import (
	"context"
	"time"

	"evcp"
	"evcp/internal/pace"
)

func (m *Monitor) start(now time.Time) {
	m.clock = newClock(now, m.o.Slept())
	m.meter.mark(&m.meter.begun, now)
	for i := range m.watches {
		w := &m.watches[i]
		w.grid = pace.NewGrid(w.cp, m.o.Interval, now)
		w.due = w.grid.After(now)
		if m.o.Lone {
			w.due = now.Add(gateLimit)
		}
		m.due.push(i, w.due)
		m.judge(i, evcp.Observation{Kind: evcp.Started, Version: m.o.Version})
	}
}

// watch is the loop: ticks, findings, and what others observed.
func (m *Monitor) watch(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	gate := m.o.Gate
	for {
		timer.Reset(time.Until(m.due.next()))
		var news evcp.Observation
		select {
		case <-ctx.Done():
			return
		case <-gate:
			gate = nil
			m.open(time.Now())
		case <-timer.C:
		case <-m.o.Probe.Ready():
		case news = <-m.inbox:
		case g := <-m.refused:
			m.rejudge(g)
		}
		m.step(time.Now()) // what was found before the news is judged before it
		m.learn(news)
	}
}

// step does what is due: first the ticks, so that a stall is one stall and not
// two, then the findings.
func (m *Monitor) step(now time.Time) {
	m.checkClock(now)
	m.tick(now)
	m.hear()
}

// hear takes what the probe has found.
func (m *Monitor) hear() {
	m.found = m.o.Probe.Take(m.found[:0])
	for _, f := range m.found {
		m.heard(f)
	}
}

// open lets a lone Monitor's first check go.
func (m *Monitor) open(now time.Time) {
	if !m.o.Lone {
		return
	}
	for i := range m.watches {
		if w := &m.watches[i]; !w.begun && w.due.After(now) {
			m.due.move(i, now)
		}
	}
}

// tick asks the charge points that are due.
func (m *Monitor) tick(now time.Time) {
	m.asked = m.asked[:0]
	for !m.due.next().After(now) {
		i, late := m.due.first(), now.Sub(m.due.next())
		onGrid := m.watches[i].begun || !m.o.Lone
		check, missed := m.watches[i].tick(now, m.o.Lone)
		if check {
			m.asked = append(m.asked, i)
		}
		if check && onGrid {
			m.meter.lateness.Observe(late)
		}
		m.meter.missed.Add(uint64(missed))
		m.told(i)
		m.due.move(i, m.watches[i].due)
	}
	m.meter.mark(&m.meter.next, m.due.next())
	m.o.Probe.Ask(m.asked...)
}

// finish waits for the checks in flight and says goodbye to the record.
func (m *Monitor) finish() {
	limit := time.NewTimer(lastLimit)
	defer limit.Stop()
	for waiting := true; waiting && m.anyInFlight(); {
		var news evcp.Observation
		select {
		case <-m.o.Probe.Ready():
		case news = <-m.inbox:
		case g := <-m.refused:
			m.rejudge(g)
		case <-limit.C:
			waiting = false
		}
		m.hear()
		m.learn(news)
	}
	m.o.Probe.Close()
	for i := range m.watches {
		m.judge(i, evcp.Observation{Kind: evcp.Stopping, Reason: "asked to stop"})
	}
}

func (m *Monitor) anyInFlight() bool {
	for i := range m.watches {
		if m.watches[i].inFlight {
			return true
		}
	}
	return false
}
