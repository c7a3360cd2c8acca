// Package watch is a whole Monitor for any number of charge points: it opens the
// outbox, starts the monitor, the uplink and the Kafka sender on it, logs what
// happens, answers questions about itself, and stops it all in order. Run may be
// called any number of times in one process, each with a state folder of its own.
package watch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"evcp"
	"evcp/internal/console"
	"evcp/internal/credentials"
	"evcp/internal/display"
	"evcp/internal/explain"
	"evcp/internal/kafka"
	"evcp/internal/language"
	"evcp/internal/link"
	"evcp/internal/logtext"
	"evcp/internal/monitor"
	"evcp/internal/outbox"
	"evcp/internal/probe"
	"evcp/internal/systemd"
	"evcp/internal/uplink"
	"evcp/internal/wait"
	"evcp/internal/wire"
)

// Options are all that one Monitor needs. Addresses are host:port.
type Options struct {
	Targets []Target // at least one, and each charge point once; else Run returns an error
	Fleet   *Fleet   // nil: Targets is a lone charge point
	Central string

	Framing wire.Framing // of both links
	Probe   probe.Driver // how Engines are asked
	// CentralConnections is how many connections to Central there may be without a need for
	// more; 0 is the uplink's own number.
	CentralConnections int

	Policy   evcp.Policy // of targets without their own
	Interval time.Duration
	Timeout  time.Duration
	// RecheckAfter is how long after a first failure the next two checks come, each after
	// the one before; 0: at their ticks.
	RecheckAfter time.Duration
	ReportEvery  time.Duration
	Heartbeat    time.Duration

	Brokers     []string // none: events stay in the outbox
	Topic       string
	Compression string
	Login       *kafka.Login // nil: none

	StateDir string // the folder of all Monitors; Dir is inside
	StateMax int64
	Keep     int64
	// SyncEvery is how long plain OKs may wait for the disk; 0 is the outbox's own.
	SyncEvery time.Duration

	Version  string
	Settings []explain.SettingValue // as they are in force, without secrets
	Origin   string                 // where the options came from, for the banner
	Console  *console.Console
	Dialers  link.Dialers
	Slept    func() time.Duration
	HTTP     net.Listener          // serves metrics, health and status; nil: only the socket in Dir does
	Files    *credentials.Store    // certificates and keys, watched by the caller; nil: none are shown
	Notify   *systemd.NotifySocket // nil: systemd did not start this process
	// Events, if set, gets every kept event that the live tail carries.
	Events func([]evcp.Event)
	// CloseLimit bounds the outbox's part of a stop; 0 is 300 ms.
	CloseLimit time.Duration
	// Opened, if set, is called once, before the first check. figures may be called
	// by any goroutine at any time, also after Run.
	Opened func(figures func() Figures)
}

// Figures are counts of one Monitor at one moment.
type Figures struct {
	Missed  uint64 // ticks that passed without a check
	Pending int64  // kept events that Kafka has not got yet; 0 without brokers
}

// disconnectLimit and defaultCloseLimit bound the stop. Together with the last check, 1 s at
// most, and 0.5 s for a Kafka client whose broker hangs, they are the 2.5 s after which a
// Monitor has stopped whatever hangs.
const (
	disconnectLimit   = 700 * time.Millisecond
	defaultCloseLimit = 300 * time.Millisecond
)

// Dir is the state folder of this Monitor: named by its charge point, or by the fleet.
func (o Options) Dir() string {
	if o.Fleet != nil {
		return filepath.Join(o.StateDir, o.Fleet.Name)
	}
	return filepath.Join(o.StateDir, string(o.lone()))
}

// lone is the charge point of a Monitor that has no fleet; else "".
func (o Options) lone() evcp.CPID {
	if o.Fleet != nil || len(o.Targets) == 0 {
		return ""
	}
	return o.Targets[0].CP
}

// name is what the Monitor watches, for a sentence: the targets of now.
func (o Options) name(said language.Language, targets []Target) string {
	if cp := o.lone(); cp != "" {
		return string(cp)
	}
	watched := english.chargePoints.In(said).Of(int64(len(targets)))
	if n := sites(targets); n > 0 {
		watched = said.Sprintf(english.atSites, watched, english.sites.In(said).Of(int64(n)))
	}
	return watched
}

// KafkaOptions are how the events go to Kafka. --test goes the same way.
func (o Options) KafkaOptions() kafka.Options {
	return kafka.Options{Brokers: o.Brokers, Topic: o.Topic, Compression: o.Compression, Login: o.Login, Dial: o.Dialers.Kafka.DialContext}
}

// checkTargets requires at least one charge point, and each once: two targets of one would
// share a state and a numbering.
func (o Options) checkTargets() error {
	switch {
	case len(o.Targets) == 0:
		return errors.New("no charge point to watch")
	case len(o.Targets) > 1 && o.Fleet == nil:
		return errors.New("several charge points are a fleet")
	}
	seen := map[evcp.CPID]bool{}
	for _, t := range o.Targets {
		if seen[t.CP] {
			return fmt.Errorf("charge point %s is a target twice", t.CP)
		}
		seen[t.CP] = true
	}
	return nil
}

// Run watches until ctx ends and returns nil, or the reason why it could not go on.
// That is a *uplink.RefusedError when Central refuses a lone charge point and never
// accepted it before; no refusal stops the Monitor of a fleet.
func Run(ctx context.Context, o Options) error {
	r, err := open(o)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	r.end = stop
	if o.Opened != nil {
		o.Opened(r.figures)
	}
	r.banner()
	r.start()
	r.monitor.Run(ctx)
	err = r.stop()
	if refused := (*uplink.RefusedError)(nil); errors.As(context.Cause(ctx), &refused) {
		return refused
	}
	return err
}

// runner is one Monitor at work.
type runner struct {
	o       Options
	box     *outbox.Outbox
	monitor *monitor.Monitor
	uplink  *uplink.Uplink
	kafka   *kafka.Sender // nil without brokers
	log     *logWriter
	opened  time.Time
	targets atomic.Pointer[[]Target] // that are watched now
	reloads reloadState
	end     context.CancelCauseFunc // ends Run

	uplinkRuns, kafkaRuns, logRuns, reloadRuns, servers sync.WaitGroup
	stopUplink, stopKafka, stopReloads, stopServers     context.CancelFunc
}

func open(o Options) (*runner, error) {
	if err := o.checkTargets(); err != nil {
		return nil, err
	}
	o.Policy.Interval, o.Policy.Timeout = o.Interval, o.Timeout
	r := &runner{o: o, opened: time.Now()}
	r.targets.Store(&o.Targets)
	readers := []string{outbox.Central}
	if len(o.Brokers) > 0 {
		readers = append(readers, outbox.Kafka)
	}
	box, err := outbox.Open(o.Dir(), outbox.Options{
		MaxSize: o.StateMax, ChargePoints: len(o.Targets), Keep: o.Keep, SyncEvery: o.SyncEvery, Readers: readers, Instance: o.Policy.Instance, TakeOver: o.loneFolders(),
		Refused: r.diskRefused, Recovered: r.diskRecovered, Observe: r.observe,
		LogHeld: r.logHeld,
		Failed:  func(err error) { r.end(err) },
	})
	if err != nil {
		return nil, language.Errorf("open the state of %s: %w", o.name(language.English, o.Targets), err)
	}
	r.box = box
	r.log = newLogWriter(o.Console, logtext.Formatter{
		Language: o.Console.Language(), Timeout: o.Timeout, Zone: time.Local, Topic: o.Topic,
		ExitWhenRefused: o.lone() != "", RefusalRetry: uplink.RefusalRetry, CentralTimeout: uplink.AnswerLimit, Handle: box.Handle,
	}, box.Tail(tailLength, !r.showsChecks()), o.lone() != "", len(o.Targets))
	for _, t := range o.Targets {
		r.log.formatter.Restore(t.CP, box.State(t.CP))
	}
	if err := r.assemble(); err != nil {
		return nil, errors.Join(err, box.Close(context.Background()))
	}
	return r, nil
}

// showsChecks reports whether somebody is shown every check: the live line of a lone charge
// point, or whoever takes all events.
func (r *runner) showsChecks() bool {
	return r.o.Events != nil || r.o.lone() != "" && r.o.Console.Terminal()
}

// assemble makes the parts and joins them; nothing runs yet.
func (r *runner) assemble() error {
	o, lone := r.o, r.o.lone() != ""
	targets := make([]monitor.Target, 0, len(o.Targets))
	for _, t := range o.Targets {
		targets = append(targets, r.monitored(t))
	}
	r.uplink = uplink.New(uplink.Options{
		Central: o.Central, Codec: uplink.TextCodec(o.Framing), Heartbeat: o.Heartbeat, ReportEvery: o.ReportEvery, Connections: o.CentralConnections,
		Dialer: o.Dialers.Central, Box: r.box, ChargePoints: len(o.Targets), OnDiagnostic: r.log.onCentral, StopWhenRefused: lone,
		Observe: r.observe,
	})
	for _, t := range targets {
		r.uplink.Adopt(t.Engine.CP, t.Policy.Interval)
	}
	var err error
	tcp, _ := o.Dialers.Engine.(*link.TCPDialer) // nil with TLS
	r.monitor, err = monitor.New(monitor.Options{
		Targets: targets, Version: o.Version, Lone: lone, Gate: r.uplink.Attempted(), Box: r.box, Slept: o.Slept, RecheckAfter: o.RecheckAfter, NewTimer: wait.NewTimer,
		NewProber: func() (probe.Prober, error) { return probe.New(o.Probe, probe.Options{TCP: tcp}) },
	})
	if err != nil {
		return err
	}
	if len(o.Brokers) == 0 {
		return nil
	}
	to := o.KafkaOptions()
	to.OnStatus, to.OnTrouble, to.Logger = r.log.onKafka, r.log.onKafkaTrouble, o.Console.Logger()
	sender, err := kafka.New(to, r.box.Cursor(outbox.Kafka))
	r.kafka = sender
	return err
}

// observe passes on to the monitor what the outbox and the uplink have learned.
func (r *runner) observe(o evcp.Observation) bool { return r.monitor.Observe(o) }

// start starts everything but the monitor itself; each part runs until stop.
func (r *runner) start() {
	var uplinkCtx, kafkaCtx context.Context
	uplinkCtx, r.stopUplink = context.WithCancel(context.Background())
	kafkaCtx, r.stopKafka = context.WithCancel(context.Background())
	r.uplinkRuns.Go(func() {
		if err := r.uplink.Run(uplinkCtx); err != nil {
			r.end(err)
		}
	})
	if r.kafka != nil {
		r.kafkaRuns.Go(func() { r.kafka.Run(kafkaCtx) })
	}
	r.logRuns.Go(func() { r.log.run(r.live, r.o.Events) })
	if r.o.Fleet != nil && r.o.Fleet.Reloads != nil {
		var reloadCtx context.Context
		reloadCtx, r.stopReloads = context.WithCancel(context.Background())
		r.reloadRuns.Go(func() { r.followFile(reloadCtx) })
	}
	r.serve()
}

// stop ends what start has started: Central gets a disconnect while Kafka gets what
// is pending. Then the outbox is closed, in Options.CloseLimit and what is left of disconnectLimit.
func (r *runner) stop() error {
	if r.stopReloads != nil {
		r.stopReloads()
		r.reloadRuns.Wait()
	}
	r.stopServers()
	r.stopUplink()
	r.uplinkRuns.Wait()
	began := time.Now()
	limit, cancel := context.WithTimeout(context.Background(), disconnectLimit)
	defer cancel()
	var ending sync.WaitGroup
	disconnected := 0
	ending.Go(func() { disconnected = r.uplink.Disconnect(limit) })
	if r.kafka != nil {
		ending.Go(func() {
			if r.box.Flush(limit) == nil { // before it, the last event can't be drained
				r.kafka.Drain(limit)
			}
		})
	}
	ending.Wait()
	r.stopKafka()
	r.kafkaRuns.Wait()
	r.servers.Wait() // the socket is removed while the folder is still this process's
	pending := r.pending()
	closeLimit := cmp.Or(r.o.CloseLimit, defaultCloseLimit)
	closing, cancel := context.WithTimeout(context.Background(), max(closeLimit, disconnectLimit+closeLimit-time.Since(began)))
	defer cancel()
	err := r.box.Close(closing)
	close(r.log.ended)
	r.logRuns.Wait()
	r.log.write(r.log.formatter.Stopped(r.o.lone(), disconnected, len(r.all()), pending, err == nil && r.box.Stats().RefusedSince.IsZero()))
	if err != nil {
		return language.Errorf("close the state of %s: %w", r.o.name(language.English, r.all()), err)
	}
	return nil
}

func (r *runner) figures() Figures { return Figures{Missed: r.monitor.Missed(), Pending: r.pending()} }

// pending is how many events Kafka has not got yet.
func (r *runner) pending() int64 {
	if r.kafka == nil {
		return 0
	}
	n, _ := r.box.Cursor(outbox.Kafka).Pending()
	return n
}

// diskRefused is called by the outbox: what was judged since the last kept event
// is judged again.
func (r *runner) diskRefused(generation uint64, err error) {
	r.o.Console.Logger().Error(r.o.Console.Language().Sprintf(english.refused, err),
		console.CP(r.o.lone()), console.Shape(display.Failed), slog.String("folder", r.o.Dir()))
	r.monitor.Refused(generation)
}

// diskRecovered is called by the outbox; aside names the file that was put aside
// for it, if one was.
func (r *runner) diskRecovered(aside string) {
	r.o.Console.Logger().Info("the disk takes events again", console.CP(r.o.lone()), console.Shape(display.Up),
		slog.String("folder", r.o.Dir()), slog.String("aside", aside))
}

// logHeld is called by the outbox.
func (r *runner) logHeld(held bool, bytes int64) {
	text, level, shape := "SQLite's log no longer grows: the other program has ended its transaction", slog.LevelInfo, display.Up
	if held {
		text, level, shape = r.o.Console.Language().Sprintf(explain.LogHeld, r.outboxFile()), slog.LevelWarn, display.Gone
	}
	r.o.Console.Logger().Log(context.Background(), level, text, console.CP(r.o.lone()), console.Shape(shape),
		slog.String("folder", r.o.Dir()), slog.Int64("log_bytes", bytes))
}

func (r *runner) outboxFile() string { return filepath.Join(r.o.Dir(), "outbox.db") }

// diskTrouble is why the disk refuses, or what makes SQLite's log grow, as a sentence; "" when
// all is well.
func (r *runner) diskTrouble() string {
	switch s := r.box.Stats(); {
	case s.RefusedWhy != "":
		return fmt.Sprintf(explain.DiskTrouble, r.o.Dir(), s.RefusedWhy)
	case s.LogHeld:
		return fmt.Sprintf(explain.LogHeld, r.outboxFile())
	}
	return ""
}
