package watch

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"evcp"
	"evcp/internal/console"
	"evcp/internal/display"
	"evcp/internal/link"
	"evcp/internal/monitor"
	"evcp/internal/probe"
)

// Target is one charge point to watch.
type Target struct {
	CP      evcp.CPID
	Address string       // host:port of its Engine
	Policy  *evcp.Policy // shared by those that have the same; nil is that of the Options
	Dialer  link.Dialer  // to its Engine; nil is that of the Options
}

// sites is how many sites the charge points are at, without those that have none.
func sites(targets []Target) int {
	names := map[string]bool{}
	for _, t := range targets {
		if t.Policy != nil && t.Policy.Site != "" {
			names[t.Policy.Site] = true
		}
	}
	return len(names)
}

// Fleet is a Monitor with a file of charge points. A fleet of one is a fleet: it goes on when
// that one is refused, and more may come.
type Fleet struct {
	Name string // names the state folder
	File string // where the charge points stand, for people
	// Reloads says how the file was read again; nil: it is not.
	Reloads <-chan Reload
}

// Reload is the fleet's file, read again: how it differs from what was read before, or what
// is wrong in it.
type Reload struct {
	Targets        []Target // all of them, in the order of the file
	Added, Changed []Target
	Removed        []evcp.CPID
	Errors         []string // sentences for people; then nothing else is set
}

// loneFolders are the state folders of lone charge points that this fleet watches now.
func (o Options) loneFolders() (folders []string) {
	if o.Fleet == nil {
		return nil
	}
	watched := make(map[evcp.CPID]bool, len(o.Targets))
	for _, t := range o.Targets {
		watched[t.CP] = true
	}
	all, _ := os.ReadDir(o.StateDir) // where there is none yet, there is nothing to take over
	for _, entry := range all {
		if entry.IsDir() && watched[evcp.CPID(entry.Name())] && entry.Name() != o.Fleet.Name {
			folders = append(folders, filepath.Join(o.StateDir, entry.Name()))
		}
	}
	return folders
}

// reloadState is what the metrics say of the last reload.
type reloadState struct {
	mu     sync.Mutex // guards what follows
	failed bool
	last   time.Time // that succeeded; zero: the start
}

func (s *reloadState) note(ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed = !ok; ok {
		s.last = time.Now()
	}
}

func (s *reloadState) read() (failed bool, last time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed, s.last
}

// followFile applies reloads until ctx ends.
func (r *runner) followFile(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case again := <-r.o.Fleet.Reloads:
			r.reload(ctx, again)
		}
	}
}

// reload applies one reload. What does not differ is not touched.
func (r *runner) reload(ctx context.Context, again Reload) {
	said, log := r.o.Console.Language(), r.o.Console.Logger()
	if len(again.Errors) > 0 {
		r.reloads.note(false)
		for _, text := range again.Errors {
			log.Warn(said.Sprintf(english.badFile, strings.TrimSuffix(text, ".")), console.Shape(display.Failed), slog.String("file", r.o.Fleet.File))
		}
		return
	}
	r.targets.Store(&again.Targets)
	r.inParallel(len(again.Removed), func(i int) { r.remove(ctx, again.Removed[i]) })
	r.log.restore(again.Added, r.box.State)
	r.inParallel(len(again.Added), func(i int) { r.add(ctx, again.Added[i]) })
	r.inParallel(len(again.Changed), func(i int) { r.change(ctx, again.Changed[i]) })
	if ctx.Err() != nil {
		return
	}
	r.reloads.note(true)
	log.Info(said.Sprintf(english.readAgain, r.o.Fleet.File, len(again.Added), len(again.Removed), len(again.Changed)),
		console.Shape(display.Note), slog.Int("charge_points", len(again.Targets)))
	if len(again.Added) > 0 {
		r.warnOfFiles()
	}
}

// otherFiles is how many files a fleet has open besides the connections to its Engines: those to
// Central and Kafka, the disk, and those who ask how it does.
const otherFiles = 64

// warnOfFiles says that not every charge point can have a connection.
func (r *runner) warnOfFiles() {
	if most, n := link.OpenFiles(), len(r.all()); most > 0 && n > 1 && n+otherFiles > most {
		r.o.Console.Logger().Warn(r.o.Console.Language().Sprintf(english.fewFiles, most, n), console.Shape(display.Unknown), slog.Int("files", most), slog.Int("charge_points", n))
	}
}

// manyAtOnce are how many charge points come or go at once: each waits for the disk or for
// Central, and none for another.
const manyAtOnce = 64

func (r *runner) inParallel(n int, do func(i int)) {
	var workers sync.WaitGroup
	next := make(chan int)
	for range min(n, manyAtOnce) {
		workers.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
}

// goodbyeLimit bounds how long Central may take for the disconnect of a charge point that
// is removed.
const goodbyeLimit = 3 * time.Second

// remove ends the watch of a charge point: its last events are kept before Central is told.
func (r *runner) remove(ctx context.Context, cp evcp.CPID) {
	if err := r.monitor.Release(ctx, cp, "removed"); err != nil {
		r.logReloadError(ctx, cp, err)
		return
	}
	limit, cancel := context.WithTimeout(ctx, goodbyeLimit)
	defer cancel()
	r.uplink.Release(limit, cp, true)
}

// add begins the watch of a charge point. The monitor is first: what it is told of a charge
// point that it does not know, such as its registration, is lost.
func (r *runner) add(ctx context.Context, t Target) {
	m := r.monitored(t)
	if err := r.monitor.Adopt(ctx, m); err != nil {
		r.logReloadError(ctx, t.CP, err)
		return
	}
	r.uplink.Adopt(t.CP, m.Policy.Interval)
}

func (r *runner) change(ctx context.Context, t Target) {
	m := r.monitored(t)
	r.uplink.Adopt(t.CP, m.Policy.Interval)
	r.logReloadError(ctx, t.CP, r.monitor.Change(ctx, m))
}

// logReloadError logs what can't be but by a mistake of ours, or at the end.
func (r *runner) logReloadError(ctx context.Context, cp evcp.CPID, err error) {
	if err != nil && ctx.Err() == nil {
		r.o.Console.Logger().Error(err.Error(), console.CP(cp), console.Shape(display.Failed))
	}
}

// monitored is a target as the monitor takes it.
func (r *runner) monitored(t Target) monitor.Target {
	policy := r.policyOf(t)
	return monitor.Target{Policy: policy, Engine: probe.Target{
		CP: t.CP, Address: t.Address, Rules: evcp.EvidenceRules{Timeout: policy.Timeout, Grace: evcp.DefaultGrace},
		Greet: true, Framing: r.o.Framing, Dialer: cmp.Or(t.Dialer, r.o.Dialers.Engine),
	}}
}

func (r *runner) policyOf(t Target) *evcp.Policy { return cmp.Or(t.Policy, &r.o.Policy) }

// all are the charge points that are watched now.
func (r *runner) all() []Target { return *r.targets.Load() }
