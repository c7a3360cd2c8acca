package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"syscall"
	"time"

	"evcp"
	"evcp/internal/console"
	"evcp/internal/display"
	"evcp/internal/kafka"
	"evcp/internal/status"
	"evcp/internal/systemd"
)

// face is what this Monitor tells of itself.
func (w *watcher) face() status.Endpoints {
	return status.Endpoints{Healthy: w.healthy, Ready: w.ready, Metrics: w.metrics, Status: func() any { return w.document() }}
}

// showFace opens the socket in the state folder and answers there, at
// Options.HTTP, and to systemd, until hideFace. What can't be shown is told, and
// no reason not to watch.
func (w *watcher) showFace() {
	var ctx context.Context
	ctx, w.stopFace = context.WithCancel(context.Background())
	handler := w.face().Handler()
	serve := func(ln net.Listener) {
		w.facing.Go(func() {
			if err := status.Serve(ctx, ln, handler); err != nil {
				w.faceless(err)
			}
		})
	}
	if ln, err := status.Listen(ctx, w.o.Dir()); err != nil {
		w.faceless(err)
	} else {
		serve(ln)
	}
	if w.o.HTTP != nil {
		serve(w.o.HTTP)
	}
	w.facing.Go(func() {
		w.o.Notify.Run(ctx, systemd.Activity{Started: w.begun, LastDone: w.lastCheck, MaxPause: w.patience(), StatusLine: w.line})
	})
}

func (w *watcher) faceless(err error) {
	why := err.Error()
	if cause := syscall.Errno(0); errors.As(err, &cause) { // the address would push it off the line
		why = cause.Error()
	}
	w.o.Console.Logger().Warn(fmt.Sprintf(english.faceless, why), console.CP(w.o.CP), slog.String("error", err.Error()))
}

// patience is how long a sound watch takes at most from one completed check to
// the next: an interval of one and a half at the start, a whole timeout at the
// end, which is at most an interval, and a second for a busy machine.
func (w *watcher) patience() time.Duration { return 3*w.o.Interval + time.Second }

var errNotYet = errors.New(english.notYet)

// healthy says that checks are completed. What a disk or a peer does is no reason
// to restart a Monitor: a restart would lose what is kept in memory.
func (w *watcher) healthy() (note string, err error) {
	begun, last := w.monitor.Progress()
	if begun.IsZero() {
		return "", errNotYet
	}
	if last.IsZero() {
		last = begun
	}
	if stood := time.Since(last); stood > w.patience() {
		return "", fmt.Errorf(english.stands, display.Duration(stood))
	}
	return w.diskTrouble(), nil
}

// ready says that the first check was completed, whatever came of it: a Monitor
// whose Engine, Central and Kafka are all away does what it is for.
func (w *watcher) ready() error {
	if w.lastCheck().IsZero() {
		return errNotYet
	}
	_, err := w.healthy()
	return err
}

// begunAtLeast is when systemd is told that the work has begun although an answer
// of the Engine is still awaited: with --timeout 5m the first may take so long.
const begunAtLeast = 5 * time.Second

func (w *watcher) begun() bool {
	begun, last := w.monitor.Progress()
	return !last.IsZero() || !begun.IsZero() && time.Since(begun) > begunAtLeast
}

func (w *watcher) lastCheck() time.Time {
	_, last := w.monitor.Progress()
	return last
}

// line is what systemctl status shows.
func (w *watcher) line() string {
	parts := []string{fmt.Sprintf(english.lineCP, w.o.CP, w.shown()), fmt.Sprintf(english.lineCentral, w.uplink.Status(w.o.CP).Phase)}
	if w.kafka != nil {
		part := fmt.Sprintf(english.lineKafka, w.kafka.Status().Phase)
		if n := w.waiting(); n > 0 && w.kafka.Status().Phase == kafka.Away {
			part += ", " + english.lineWaits.Of(n)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

func (w *watcher) shown() evcp.Status {
	return w.box.State(w.o.CP).Shown(evcp.StampOf(time.Now()), w.o.Interval)
}
