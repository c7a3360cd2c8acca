package simulation

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"evcp"
	"evcp/internal/faultdisk"
	"evcp/internal/monitor"
	"evcp/internal/outbox"
	"evcp/internal/probe"
	"evcp/internal/uplink"
	"evcp/internal/wire"
)

// process is one process of the Monitor.
type process struct {
	h       *history
	dir     string
	disk    *faultdisk.Disk
	box     *outbox.Outbox
	monitor *monitor.Monitor
	uplink  *uplink.Uplink
	engines *processConns
	central *processConns

	checking, reporting, sending             sync.WaitGroup
	stopChecking, stopReporting, stopSending context.CancelFunc
}

// newProcess opens a state folder and starts a Monitor on it, as watch does.
func (h *history) newProcess(dir string) (*process, error) {
	p := &process{h: h, dir: dir, disk: newDisk(h.t, h.diskFaults)}
	p.engines, p.central = &processConns{net: h.links}, &processConns{net: h.central.net, messages: &h.messages}
	box, err := outbox.Open(dir, outbox.Options{
		Readers: []string{outbox.Kafka, outbox.Central}, Instance: "sim", VFS: p.disk.Name(),
		Refused: func(g uint64, _ error) { p.monitor.Refused(g) },
		Observe: func(o evcp.Observation) bool { return p.monitor.Observe(o) },
	})
	if err != nil {
		return nil, err
	}
	p.box = box
	if err := p.assemble(); err != nil {
		return nil, err
	}
	p.start()
	return p, nil
}

func (p *process) assemble() error {
	var cps []evcp.CPID
	var targets []monitor.Target
	for _, e := range p.h.engines {
		if p.h.isRemoved(e.cp) {
			continue
		}
		cps = append(cps, e.cp)
		targets = append(targets, p.target(e.cp, ""))
	}
	p.uplink = uplink.New(uplink.Options{
		Central: centralAddress, Heartbeat: heartbeat, ReportEvery: rules.ReportEvery,
		Codec: uplink.TextCodec(wire.Raw), Dialer: p.central, Box: p.box, OnDiagnostic: func(uplink.Diagnostic) {}, StopWhenRefused: p.h.lone(),
		Observe: func(o evcp.Observation) bool { return p.h.scenario.bug.hides(o) || p.monitor.Observe(o) },
	})
	for _, cp := range cps {
		p.uplink.Adopt(cp, rules.Interval)
	}
	var err error
	p.monitor, err = monitor.New(monitor.Options{
		Targets: targets, Version: "sim", Lone: p.h.lone(), Gate: p.uplink.Attempted(), Box: p.box, Slept: p.h.readSlept, RecheckAfter: p.h.scenario.recheckAfter,
		NewProber: func() (probe.Prober, error) { return probe.New(probe.Portable, probe.Options{}) },
	})
	return err
}

// target is what a Monitor needs to know of a charge point.
func (p *process) target(cp evcp.CPID, site string) monitor.Target {
	return monitor.Target{
		Policy: &evcp.Policy{Fall: p.h.scenario.bug.fall(), Rise: 1, Instance: "sim", Site: site, Interval: rules.Interval, Timeout: rules.Timeout},
		Engine: probe.Target{
			CP: cp, Address: string(cp), Dialer: p.engines, Greet: true,
			Rules: evcp.EvidenceRules{Timeout: rules.Timeout, Grace: evcp.DefaultGrace},
		},
	}
}

func (p *process) start() {
	var check, report, send context.Context
	check, p.stopChecking = context.WithCancel(context.Background())
	report, p.stopReporting = context.WithCancel(context.Background())
	send, p.stopSending = context.WithCancel(context.Background())
	p.checking.Go(func() { p.monitor.Run(check) })
	p.reporting.Go(func() {
		if err := p.uplink.Run(report); err != nil {
			p.h.t.Errorf("the uplink ended: %v", err)
		}
	})
	p.sending.Go(func() { p.h.topic.follow(send, p) })
}

// Limits of a clean stop, as in watch.
const (
	disconnectLimit = 900 * ms
	closeLimit      = 300 * ms
)

// stop stops the Monitor in order and reports whether it could.
func (p *process) stop() error {
	p.stopChecking()
	p.checking.Wait()
	p.stopReporting()
	p.reporting.Wait()
	p.stopSending()
	p.sending.Wait()
	limit, cancel := context.WithTimeout(context.Background(), disconnectLimit)
	defer cancel()
	p.uplink.Disconnect(limit)
	if p.box.Flush(limit) == nil {
		p.h.topic.drain(p)
	}
	closing, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	if err := p.box.Close(closing); err != nil {
		return fmt.Errorf("close the outbox: %w", err)
	}
	return nil
}

// kill ends the process at once and returns a copy of its folder.
func (p *process) kill() (dir string, err error) {
	p.h.topic.kill(p)
	if dir, err = os.MkdirTemp(p.h.root, "killed"); err != nil {
		return "", err
	}
	if err := p.disk.Kill(p.dir, dir); err != nil {
		return "", err
	}
	p.engines.kill() // after the disk: the process must not keep the end of its connections
	p.central.kill()
	p.h.cleaningUp.Go(p.cleanUp)
	return dir, nil
}

// cleanUp ends the goroutines of a killed process. Nothing that they do has an effect.
func (p *process) cleanUp() {
	p.stopChecking()
	p.stopReporting()
	p.stopSending()
	p.checking.Wait()
	p.reporting.Wait()
	p.sending.Wait()
	_ = p.box.Close(context.Background()) // its disk is gone
	os.RemoveAll(p.dir)
}

func (h *history) folder() string { return filepath.Join(h.root, "first") }

func (h *history) readSlept() time.Duration { return time.Duration(h.slept.Load()) }
