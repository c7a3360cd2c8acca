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

// life is one process of the Monitor.
type life struct {
	h       *history
	dir     string
	disk    *faultdisk.Disk
	box     *outbox.Outbox
	monitor *monitor.Monitor
	uplink  *uplink.Uplink
	engines *sockets
	central *sockets

	watching, talking, sending       sync.WaitGroup
	stopWatch, stopTalk, stopSending context.CancelFunc
}

// begin starts a Monitor on a folder, as watch does.
func (h *history) begin(dir string) (*life, error) {
	l := &life{h: h, dir: dir, disk: newDisk(h.t, h.weather)}
	l.engines, l.central = &sockets{net: h.links}, &sockets{net: h.central.net, hears: &h.ear}
	box, err := outbox.Open(dir, outbox.Options{
		Readers: []string{outbox.Kafka, outbox.Central}, Instance: "sim", VFS: l.disk.Name(),
		Refused: func(g uint64, _ error) { l.monitor.Refused(g) },
		Observe: func(o evcp.Observation) bool { return l.monitor.Observe(o) },
	})
	if err != nil {
		return nil, err
	}
	l.box = box
	l.assemble()
	l.launch()
	return l, nil
}

func (l *life) assemble() {
	var cps []evcp.CPID
	var targets []probe.Target
	for _, e := range l.h.engines {
		cps = append(cps, e.cp)
		targets = append(targets, probe.Target{CP: e.cp, Address: string(e.cp)})
	}
	p := probe.New(probe.Options{
		Targets: targets,
		Rules:   evcp.EvidenceRules{Timeout: rules.Timeout, Grace: evcp.DefaultGrace},
		Dialer:  l.engines, Greet: true, Slept: l.h.slept(),
	})
	l.uplink = uplink.New(uplink.Options{
		CPs: cps, Central: centralAddress, Heartbeat: heartbeat, ReportEvery: rules.ReportEvery, Interval: rules.Interval,
		Codec: uplink.TextCodec(wire.Raw), Dialer: l.central, Facts: l.box.Facts(), State: l.box.State, OnDiagnostic: func(uplink.Diagnostic) {}, StopWhenRefused: l.h.lone(),
		Observe: func(o evcp.Observation) bool { return l.h.plot.lie.hides(o) || l.monitor.Observe(o) },
	})
	l.monitor = monitor.New(monitor.Options{
		CPs: cps, Policy: evcp.Policy{Fall: l.h.plot.lie.fall(), Rise: 1, Instance: "sim"}, Interval: rules.Interval,
		Version: "sim", Lone: l.h.lone(), Gate: l.uplink.Attempted(), Probe: p, Box: l.box, Slept: l.h.slept,
	})
}

func (l *life) launch() {
	var watch, talk, send context.Context
	watch, l.stopWatch = context.WithCancel(context.Background())
	talk, l.stopTalk = context.WithCancel(context.Background())
	send, l.stopSending = context.WithCancel(context.Background())
	l.watching.Go(func() { l.monitor.Run(watch) })
	l.talking.Go(func() {
		if err := l.uplink.Run(talk); err != nil {
			l.h.t.Errorf("the uplink ended: %v", err)
		}
	})
	l.sending.Go(func() { l.h.topic.follow(send, l) })
}

// Bounds of an orderly end, as watch has them.
const (
	goodbyeLimit = 900 * ms
	closeLimit   = 300 * ms
)

// end stops the Monitor in order and reports whether it could.
func (l *life) end() error {
	l.stopWatch()
	l.watching.Wait()
	l.stopTalk()
	l.talking.Wait()
	l.stopSending()
	l.sending.Wait()
	limit, cancel := context.WithTimeout(context.Background(), goodbyeLimit)
	defer cancel()
	l.uplink.Disconnect(limit)
	if l.box.Flush(limit) == nil {
		l.h.topic.drain(l)
	}
	closing, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	if err := l.box.Close(closing); err != nil {
		return fmt.Errorf("close the outbox: %w", err)
	}
	return nil
}

// kill ends the process at once and answers with a folder as it left its own.
func (l *life) kill() (dir string, err error) {
	l.h.topic.bury(l)
	if dir, err = os.MkdirTemp(l.h.root, "life"); err != nil {
		return "", err
	}
	if err := l.disk.Kill(l.dir, dir); err != nil {
		return "", err
	}
	l.engines.die() // after the disk: no process sees its own end
	l.central.die()
	l.h.burying.Go(l.bury)
	return dir, nil
}

// bury ends the goroutines of a dead process. Nothing that they do is seen.
func (l *life) bury() {
	l.stopWatch()
	l.stopTalk()
	l.stopSending()
	l.watching.Wait()
	l.talking.Wait()
	l.sending.Wait()
	_ = l.box.Close(context.Background()) // its disk is gone
	os.RemoveAll(l.dir)
}

func (h *history) folder() string { return filepath.Join(h.root, "first") }

func (h *history) slept() time.Duration { return time.Duration(h.nap.Load()) }
