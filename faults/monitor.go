package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/process"
)

// monitorUnderTest is one Monitor, a child process: that of one charge point, or of a fleet.
type monitorUnderTest struct {
	c         *campaign
	label     string          // of its process and log
	folder    string          // its state folder
	arguments func() []string // beside those that all Monitors have
	cps       []*cpUnderTest  // that it watches

	mu      sync.Mutex // guards all below
	process *process.Child
}

func (c *campaign) newMonitor(label, folder string) *monitorUnderTest {
	return &monitorUnderTest{c: c, label: label, folder: folder}
}

// endWindow adds w, from its beginning to now, to all charge points of the Monitor.
func (m *monitorUnderTest) endWindow(from evcp.Stamp, w oracle.Window) {
	w.From, w.To = from, now()
	m.addWindow(w)
}

func (m *monitorUnderTest) addWindow(w oracle.Window) {
	for _, p := range m.cps {
		m.c.truth.addWindow(p.number, w)
	}
}

// startMonitor starts its process.
func (m *monitorUnderTest) startMonitor() error {
	t := m.c.timing
	args := append(m.arguments(),
		"--kafka-brokers", m.c.brokerAddress, "--interval", t.Interval.String(), "--timeout", t.Timeout.String(),
		"--report-every", t.ReportEvery.String(), "--heartbeat", t.heartbeat.String(), "--probe", m.c.o.probe)
	child, err := m.c.startChild(m.label, filepath.Join(m.c.o.bin, "ev-cp-m"), args...)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.process = child
	m.mu.Unlock()
	return nil
}

func (m *monitorUnderTest) child() *process.Child {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.process
}

// stopMonitor sends SIGTERM, and notes a Monitor that does not stop.
func (m *monitorUnderTest) stopMonitor(child *process.Child) {
	m.c.stop(child, m.label+": its Monitor did not stop")
}

func (m *monitorUnderTest) noteUnexpectedExit() {
	if child := m.child(); child.UnexpectedExit() {
		m.c.truth.addProblem(fmt.Sprintf("%s: its Monitor ended by itself: %s", m.label, child.Tail()))
	}
}

func (m *monitorUnderTest) injectMonitor(name string, hold func()) error {
	m.noteUnexpectedExit()
	switch name {
	case "kill":
		return m.withMonitorDown((*process.Child).Kill, hold)
	case "restart":
		return m.withMonitorDown(m.stopMonitor, hold)
	case "repeated-stop":
		m.pauseRepeatedly(hold)
	default:
		m.pauseMonitor(hold)
	}
	return nil
}

// pauseMonitor stops the Monitor's process (SIGSTOP) until hold returns.
func (m *monitorUnderTest) pauseMonitor(hold func()) {
	from := m.pause()
	hold()
	m.resume(from)
}

func (m *monitorUnderTest) pause() (from evcp.Stamp) {
	from = now()
	m.child().Signal(syscall.SIGSTOP)
	return from
}

func (m *monitorUnderTest) resume(from evcp.Stamp) {
	m.child().Signal(syscall.SIGCONT)
	m.endWindow(from, oracle.Window{Kind: oracle.MonitorPaused})
}

// Durations of pauseRepeatedly. Their sum divides no interval, so that in time every
// phase of a check is paused.
const (
	pausedFor  = 210 * ms
	runningFor = 170 * ms
)

// pauseRepeatedly pauses and resumes the Monitor in turns, until hold returns.
func (m *monitorUnderTest) pauseRepeatedly(hold func()) {
	over := make(chan struct{})
	go func() { defer close(over); hold() }()
	for {
		m.pauseMonitor(func() { time.Sleep(pausedFor) })
		select {
		case <-over:
			return
		case <-time.After(runningFor):
		}
	}
}

// withMonitorDown ends the Monitor with end, and starts it when hold has returned.
func (m *monitorUnderTest) withMonitorDown(end func(*process.Child), hold func()) error {
	from := now()
	end(m.child())
	hold()
	m.endWindow(from, oracle.Window{Kind: oracle.MonitorDown})
	return m.startMonitor()
}

// withStateMoved is withMonitorDown while change alters the state folder; the Monitor may
// begin a new epoch after it.
func (m *monitorUnderTest) withStateMoved(end func(*process.Child), change func(folder string) error) error {
	from, changed := now(), error(nil)
	err := m.withMonitorDown(end, func() {
		changed = change(m.folder)
		m.endWindow(from, oracle.Window{Kind: oracle.StateMoved})
	})
	return errors.Join(changed, err)
}
