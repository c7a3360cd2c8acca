// Package watch is a whole Monitor: it opens the outbox, starts the monitor, the
// uplink and the Kafka sender on it, tells a person what happens, and ends it all
// in order. Run may be called any number of times in one process, each with its
// own charge point and folder.
package watch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"time"

	"evcp"
	"evcp/internal/console"
	"evcp/internal/kafka"
	"evcp/internal/link"
	"evcp/internal/logtext"
	"evcp/internal/monitor"
	"evcp/internal/outbox"
	"evcp/internal/probe"
	"evcp/internal/systemd"
	"evcp/internal/uplink"
	"evcp/internal/wire"
)

// Options are all that one Monitor needs. Addresses are host:port.
type Options struct {
	CP      evcp.CPID
	Engine  string
	Central string

	Framing wire.Framing // of both links

	Policy      evcp.Policy
	Interval    time.Duration
	Timeout     time.Duration
	ReportEvery time.Duration
	Heartbeat   time.Duration

	Brokers     []string // none: events stay in the outbox
	Topic       string
	Compression string

	StateDir string // the folder of all Monitors; this one's is inside
	StateMax int64
	Keep     int64
	// SyncEvery is how long plain OKs may wait for the disk; 0 is the outbox's own.
	SyncEvery time.Duration

	Version string
	Origin  string // where the options came from, for the banner
	Console *console.Console
	Dialer  link.Dialer
	Slept   func() time.Duration
	HTTP    net.Listener      // shows the Monitor's face to the network; nil: nobody asked for it
	Notify  *systemd.Notifier // nil: systemd did not start this process
	// Events, if set, is shown every kept event that the live tail carries.
	Events func([]evcp.Event)
	// Opened, if set, is called once when the Monitor is open and before it watches.
	// It is given a function that anyone may call at any time, also after Run.
	Opened func(stats func() Figures)
}

// Bounds of an orderly end. Together with the last check, 1.2 s at most, they
// stay below the 2.5 s after which a Monitor is gone whatever hangs.
const (
	goodbyeLimit = 900 * time.Millisecond
	closeLimit   = 300 * time.Millisecond
)

// Dir is the folder of one charge point's Monitor.
func (o Options) Dir() string { return filepath.Join(o.StateDir, string(o.CP)) }

// Run watches until ctx ends and returns nil, or says why it could not go on. The
// error is a *uplink.RefusedError when Central never accepted this Monitor.
func Run(ctx context.Context, o Options) error {
	w, err := start(o)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if o.Opened != nil {
		o.Opened(w.stats)
	}
	w.banner()
	w.launch(stop)
	w.monitor.Run(ctx)
	err = w.finish()
	if refused := (*uplink.RefusedError)(nil); errors.As(context.Cause(ctx), &refused) {
		return refused
	}
	return err
}

// watcher is one Monitor at work.
type watcher struct {
	o       Options
	box     *outbox.Outbox
	state   evcp.State // as it was found
	probe   *probe.Probe
	monitor *monitor.Monitor
	uplink  *uplink.Uplink
	kafka   *kafka.Sender // nil without brokers
	voice   *logWriter

	started time.Time

	talking, sending, telling, facing sync.WaitGroup
	stopTalk, stopSend, stopFace      context.CancelFunc
}

func start(o Options) (*watcher, error) {
	w := &watcher{o: o, started: time.Now()}
	readers := []string{outbox.Central}
	if len(o.Brokers) > 0 {
		readers = append(readers, outbox.Kafka)
	}
	box, err := outbox.Open(o.Dir(), outbox.Options{
		MaxSize: o.StateMax, Keep: o.Keep, SyncEvery: o.SyncEvery, Readers: readers, Instance: o.Policy.Instance,
		Refused: w.refused, Recovered: w.healed,
		Observe: func(obs evcp.Observation) bool { return w.monitor.Observe(obs) },
	})
	if err != nil {
		return nil, fmt.Errorf("open the state of %s: %w", o.CP, err)
	}
	w.box, w.state = box, box.State(o.CP)
	w.voice = newVoice(o.Console, logtext.Formatter{Timeout: o.Timeout, Zone: time.Local, RefusalRetry: uplink.RefusalRetry, ExitWhenRefused: true, CentralTimeout: uplink.AnswerLimit, Topic: o.Topic}, box.Tail(tailLength))
	w.voice.teller.Restore(o.CP, w.state)
	if err := w.assemble(); err != nil {
		return nil, errors.Join(err, box.Close(context.Background()))
	}
	return w, nil
}

// assemble makes the parts and joins them; nothing runs yet.
func (w *watcher) assemble() error {
	o := w.o
	cps := []evcp.CPID{o.CP}
	w.probe = probe.New(probe.Options{
		Targets: []probe.Target{{CP: o.CP, Address: o.Engine}},
		Rules:   evcp.EvidenceRules{Timeout: o.Timeout, Grace: evcp.DefaultGrace},
		Dialer:  o.Dialer, Greet: true, Framing: o.Framing, Slept: o.Slept(),
	})
	w.uplink = uplink.New(uplink.Options{
		CPs: cps, Central: o.Central, Codec: uplink.TextCodec(o.Framing), Heartbeat: o.Heartbeat, ReportEvery: o.ReportEvery, Interval: o.Interval,
		Dialer: o.Dialer, Facts: w.box.Facts(), State: w.box.State, OnDiagnostic: w.voice.onCentral, StopWhenRefused: true,
		Observe: func(obs evcp.Observation) bool { return w.monitor.Observe(obs) },
	})
	w.monitor = monitor.New(monitor.Options{
		CPs: cps, Policy: o.Policy, Interval: o.Interval, Version: o.Version, Lone: true,
		Gate: w.uplink.Attempted(), Probe: w.probe, Box: w.box, Slept: o.Slept,
	})
	if len(o.Brokers) == 0 {
		return nil
	}
	sender, err := kafka.New(kafka.Options{
		Brokers: o.Brokers, Topic: o.Topic, Compression: o.Compression, OnStatus: w.voice.onKafka,
		Logger: o.Console.Logger(),
	}, w.box.Cursor(outbox.Kafka))
	w.kafka = sender
	return err
}

// launch starts everything right of the outbox; each part stops by itself when
// finish says so.
func (w *watcher) launch(refused context.CancelCauseFunc) {
	var talk, send context.Context
	talk, w.stopTalk = context.WithCancel(context.Background())
	send, w.stopSend = context.WithCancel(context.Background())
	w.talking.Go(func() {
		if err := w.uplink.Run(talk); err != nil {
			refused(err)
		}
	})
	if w.kafka != nil {
		w.sending.Go(func() { w.kafka.Run(send) })
	}
	w.telling.Go(func() { w.voice.run(w.live, w.o.Events) })
	w.showFace()
}

// finish ends what runs: Central hears a goodbye while Kafka gets what is
// waiting, then the outbox is closed. Nothing may hold it longer than its bounds.
func (w *watcher) finish() error {
	w.stopFace()
	w.stopTalk()
	w.talking.Wait()
	limit, cancel := context.WithTimeout(context.Background(), goodbyeLimit)
	defer cancel()
	var ending sync.WaitGroup
	told := false
	ending.Go(func() { told = w.uplink.Disconnect(limit) })
	if w.kafka != nil {
		ending.Go(func() {
			if w.box.Flush(limit) == nil { // or the last event is not there to be drained
				w.kafka.Drain(limit)
			}
		})
	}
	ending.Wait()
	w.stopSend()
	w.sending.Wait()
	w.facing.Wait() // the socket goes while the folder is still ours
	waiting := w.waiting()
	closing, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	err := w.box.Close(closing)
	close(w.voice.ended)
	w.telling.Wait()
	w.voice.say(w.voice.teller.Stopped(w.o.CP, told, waiting, err == nil && w.box.Stats().RefusedSince.IsZero()))
	if err != nil {
		return fmt.Errorf("close the state of %s: %w", w.o.CP, err)
	}
	return nil
}

// waiting is how many events Kafka has not got yet.
func (w *watcher) waiting() int64 {
	if w.kafka == nil {
		return 0
	}
	n, _ := w.box.Cursor(outbox.Kafka).Pending()
	return n
}
