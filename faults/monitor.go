package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"

	"evcp"
	"evcp/internal/oracle"
	"evcp/internal/process"
)

// What is done to the Monitor of a charge point.

// startMonitor starts the Monitor.
func (p *cpUnderTest) startMonitor() error {
	pace := p.c.timing
	m, err := p.c.startChild(p.name(), nil, filepath.Join(p.c.o.bin, "ev-cp-m"),
		"--cp-id", string(p.id), "--instance", p.instance, "--engine-ip", "127.0.0.1", "--engine-port", portOf(p.engineLink.Addr()),
		"--central-ip", "127.0.0.1", "--central-port", portOf(p.centralLink.Addr()), "--kafka-brokers", p.c.broker.address(),
		"--state-dir", p.state, "--interval", pace.interval.String(), "--timeout", pace.timeout.String(),
		"--report-every", pace.reportEvery.String(), "--heartbeat", pace.heartbeat.String(), "--state-max-size", "4MiB")
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.monitor = m
	p.mu.Unlock()
	return nil
}

func (p *cpUnderTest) process() *process.Child {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.monitor
}

// pauseMonitor lets the Monitor stand still until wait returns.
func (p *cpUnderTest) pauseMonitor(wait func()) {
	from := p.pause()
	wait()
	p.resume(from)
}

func (p *cpUnderTest) pause() (from evcp.Stamp) {
	from = now()
	p.process().Signal(syscall.SIGSTOP)
	return from
}

func (p *cpUnderTest) resume(from evcp.Stamp) {
	p.process().Signal(syscall.SIGCONT)
	p.c.truth.endWindow(p.number, from, oracle.Window{Kind: oracle.MonitorPaused})
}

// pauseUnanswered is stop, in the moment in which the next question has come to the
// Engine and is not answered yet: the Monitor stands still in or just behind its
// system call. An Engine that answers at once has answered when it wakes.
func (p *cpUnderTest) pauseUnanswered(ctx context.Context, wait func()) {
	frozen := make(chan evcp.Stamp, 1)
	p.hook.onNextCheck(func() { frozen <- p.pause() })
	select {
	case from := <-frozen:
		wait()
		p.resume(from)
	case <-ctx.Done():
	}
}

// Times of a stutter. Together they fit no interval, so that in time every part of
// a check is met.
const (
	stutterStands = 210 * time.Millisecond
	stutterRuns   = 170 * time.Millisecond
)

// pauseRepeatedly stops the Monitor again and again, until wait returns.
func (p *cpUnderTest) pauseRepeatedly(wait func()) {
	over := make(chan struct{})
	go func() { defer close(over); wait() }()
	for {
		p.pauseMonitor(func() { time.Sleep(stutterStands) })
		select {
		case <-over:
			return
		case <-time.After(stutterRuns):
		}
	}
}

// withStateMoved is absent; meanwhile do has the state folder, and a new numbering may
// begin after it.
func (p *cpUnderTest) withStateMoved(end func(*process.Child), do func(folder string) error) error {
	from, done := now(), error(nil)
	err := p.withMonitorDown(end, func() {
		done = do(p.stateFolder())
		p.c.truth.endWindow(p.number, from, oracle.Window{Kind: oracle.StateMoved})
	})
	return errors.Join(done, err)
}

// stateFolder is where its Monitor keeps its state.
func (p *cpUnderTest) stateFolder() string { return filepath.Join(p.state, string(p.id)) }

// withMonitorDown ends the Monitor with end, and starts it again when wait has returned.
func (p *cpUnderTest) withMonitorDown(end func(*process.Child), wait func()) error {
	from := now()
	end(p.process())
	wait()
	p.c.truth.endWindow(p.number, from, oracle.Window{Kind: oracle.MonitorDown, Killed: true})
	return p.startMonitor()
}

// stopPatience is how long a program may take to stop when asked; the Monitor
// promises 2.5 s, on a machine that lets it.
const stopPatience = 5 * time.Second

// stopMonitor ends a Monitor in order, and notes one that does not.
func (p *cpUnderTest) stopMonitor(m *process.Child) {
	if took, ok := m.Stop(stopPatience); !ok {
		p.c.truth.addProblem(fmt.Sprintf("%s: its Monitor did not stop within %s", p.id, took.Round(ms)))
	}
}
