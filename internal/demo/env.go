package demo

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"evcp"
	"evcp/internal/accounts"
	"evcp/internal/archive"
	"evcp/internal/audit"
	"evcp/internal/central"
	"evcp/internal/dashboard"
	"evcp/internal/display"
	"evcp/internal/engine"
	"evcp/internal/kafka"
	"evcp/internal/language"
	"evcp/internal/operations"
	"evcp/internal/tcp"
)

// env holds all parts of a running demo, and does to them what the script and the
// keys ask for.
type env struct {
	o                       Options
	dir                     string // temporary; holds all files
	page, kafka, centralTCP net.Listener
	aggregator              *aggregator
	central                 *central.Central
	history                 *dashboard.HistorySource
	accounts                *accounts.Store
	operations              *operations.Store
	broker                  freezer
	pastEnds                time.Time // what is dated before was made up; zero: nothing was
	topicEnd                int64     // offset after the records that were there before the Monitors
	ids                     []evcp.CPID
	cps                     []*simulatedCP // of a few charge points; none of a fleet
	fleet                   *engineProcess // the Engines of a fleet; else nil
	closers                 []func() error // called last first

	mu sync.Mutex // guards below
	// By the charge point, or by the name of the fleet; killed ones too, until they are replaced.
	monitors map[evcp.CPID]*runningMonitor
	missed   int // ticks, by Monitors that were removed from monitors
}

// openEnv opens everything but the Monitors. On error nothing stays open.
func openEnv(o Options) (*env, error) {
	e := &env{o: o, monitors: map[evcp.CPID]*runningMonitor{}}
	for _, open := range []func() error{e.openFolder, e.openPorts, e.openEngines, e.openBroker, e.writePast, e.readTopic, e.openCentral, e.openHistory, e.openBoard, e.openPage} {
		if err := open(); err != nil {
			return nil, errors.Join(err, e.close())
		}
	}
	return e, nil
}

// onClose registers how to undo what was just done.
func (e *env) onClose(f func() error) { e.closers = append(e.closers, f) }

// background returns a context that close ends, and a group that close then waits
// for.
func (e *env) background() (context.Context, *sync.WaitGroup) {
	ctx, stop := context.WithCancel(context.Background())
	running := new(sync.WaitGroup)
	e.onClose(func() error { stop(); running.Wait(); return nil })
	return ctx, running
}

// close closes everything, the last opened first. It may be called twice.
func (e *env) close() error {
	var all []error
	for _, f := range slices.Backward(e.closers) {
		all = append(all, f())
	}
	e.closers = nil
	return errors.Join(all...)
}

func (e *env) openFolder() error {
	dir, err := os.MkdirTemp("", "ev-demo-")
	if err != nil {
		return language.Errorf("make a temporary folder: %w", err)
	}
	e.dir = dir
	e.onClose(func() error { return os.RemoveAll(dir) })
	return nil
}

// openPorts opens all ports before anything is started on them.
func (e *env) openPorts() error {
	for _, p := range []struct {
		to     *net.Listener
		wanted uint16
	}{{&e.page, e.o.PagePort}, {&e.kafka, e.o.KafkaPort}, {&e.centralTCP, e.o.CentralPort}} {
		l, err := openPort(p.wanted)
		if err != nil {
			return err
		}
		*p.to = l
		e.onClose(func() error { l.Close(); return nil }) // whoever served it has closed it already
	}
	return nil
}

// openEngines starts the Engines of CP_001 to the last.
func (e *env) openEngines() error {
	e.ids = make([]evcp.CPID, e.o.CPs)
	for i := range e.ids {
		e.ids[i] = evcp.CPID(idText(i+1, i+1, len(e.ids)))
	}
	k := newCorrelator(e.ids, e.o.timeout(), e.answeredOK)
	k.said = e.o.Console.Language()
	e.aggregator = newAggregator(k)
	if e.o.fleet() {
		return e.openFleet(e.ids)
	}
	ctx, serving := e.background()
	for _, id := range e.ids {
		c, err := newSimulatedCP(ctx, id, e.o.timeout())
		if err != nil {
			return language.Errorf("open the Engine of %s: %w", id, err)
		}
		e.cps = append(e.cps, c)
		serving.Go(func() { _ = c.engine.Serve(ctx) }) // its port is open already, nothing else fails
	}
	return nil
}

// openCentral starts Central, and passes its changes of state on.
func (e *env) openCentral() error {
	c, err := central.New(central.Options{Heartbeat: e.o.heartbeat(), StateDir: filepath.Join(e.dir, "central")})
	if err != nil {
		return language.Errorf("start Central: %w", err)
	}
	e.central = c
	e.onClose(c.Close)
	signal, end := c.Watch()
	ctx, serving := e.background()
	serving.Go(func() { _ = c.Serve(ctx, e.centralTCP) }) // were it to fail, the page would show it
	serving.Go(func() { defer end(); e.followCentral(ctx, signal) })
	return nil
}

// openHistory lets Central read the topic, as any Central with --kafka-brokers does.
func (e *env) openHistory() error {
	dir := filepath.Join(e.dir, "central")
	silent := slog.New(slog.DiscardHandler)
	a, err := archive.Open(dir, silent)
	if err != nil {
		return language.Errorf("open the history in %s: %w", dir, err)
	}
	e.onClose(a.Close)
	f, err := archive.NewFollower(a, kafka.Options{Brokers: []string{e.kafka.Addr().String()}, Topic: topic}, silent)
	if err != nil {
		return language.Errorf("open the history in %s: %w", dir, err)
	}
	ctx, reading := e.background()
	reading.Go(func() { f.Run(ctx) })
	e.history = dashboard.HistoryOf(f, filepath.Join(dir, archive.FileName))
	return nil
}

// demoUser is the operator as whom everybody on this machine is signed in at the demo's page.
const demoUser = "demo"

// openBoard opens what people enter, with a user whose password nobody knows.
func (e *env) openBoard() error {
	log := slog.New(slog.DiscardHandler)
	file, err := audit.Open(filepath.Join(e.dir, "central"), log)
	if err != nil {
		return language.Errorf("open board.db: %w", err)
	}
	e.onClose(file.Close)
	var err1, err2 error
	e.accounts, err1 = accounts.Open(file, log)
	e.operations, err2 = operations.Open(file)
	if err := cmp.Or(err1, err2); err != nil {
		return language.Errorf("open board.db: %w", err)
	}
	hash, err := accounts.HashPassword(context.Background(), demoUser, rand.Text())
	if err == nil {
		err = e.accounts.Change(audit.Actor{Name: "ev-demo", Kind: audit.ByLocal}, func(c *audit.BoardChange) error {
			_, err := e.accounts.AddUser(c, demoUser, accounts.Operator, hash)
			return err
		})
	}
	if err != nil {
		return language.Errorf("open board.db: %w", err)
	}
	return nil
}

// openPage serves Central's page; requests under way at the end get 300 ms.
func (e *env) openPage() error {
	ctx, serving := e.background()
	page := dashboard.New(dashboard.Options{
		Central: e.central, Version: e.o.Version, Notice: e.notice(), History: e.history, Accounts: e.accounts, Operations: e.operations, Access: dashboard.AccessRules{Listens: e.page.Addr()},
	})
	serving.Go(func() { page.Run(ctx) })
	serving.Go(func() { _ = dashboard.Serve(ctx, e.page, page.SignedInAs(demoUser), 300*time.Millisecond) }) // the demo goes on without a page
	return nil
}

// maintain opens a maintenance window of a charge point, as the operator of the demo.
func (e *env) maintain(n int, lasts time.Duration, reason string) {
	id, said := e.cp(n).id, e.o.Console.Language()
	reason = said.Text(reason)
	err := e.operations.Change(audit.Actor{Name: demoUser, Kind: audit.ByLocal}, func(c *audit.BoardChange) error {
		_, err := e.operations.Maintain(c, operations.MaintenanceWindow{CP: id, To: evcp.StampOf(time.Now().Add(lasts)), Reason: reason})
		return err
	})
	if err != nil {
		e.aggregator.logf(id, display.Failed, "%v", err)
		return
	}
	e.aggregator.logf(id, display.Maintenance, "in maintenance for %s: %s", display.Duration(lasts), reason)
}

func (e *env) followCentral(ctx context.Context, signal <-chan struct{}) {
	var at central.Position
	for {
		select {
		case <-ctx.Done():
			return
		case <-signal:
		}
		news := e.central.Since(at)
		at = news.Next
		for _, c := range news.Changes {
			e.aggregator.change(c)
		}
	}
}

// cp returns a charge point by its number, from 1.
func (e *env) cp(n int) *simulatedCP { return e.cps[n-1] }

// answeredOK asks the Engine of a charge point whether it replied OK in time.
func (e *env) answeredOK(cp evcp.CPID, from, to time.Time) bool {
	if e.fleet != nil {
		r, _ := e.fleet.do(order{Recall: &okQuestion{cp, from, to}}) // without its process it replies nothing
		return r.AnsweredOK
	}
	for _, c := range e.cps {
		if c.id == cp {
			return c.answeredOK(from, to)
		}
	}
	return false
}

func (e *env) freezeBroker() {
	e.broker.freeze()
	e.aggregator.logf("", display.Gone, "broker frozen; events wait on disk")
}

func (e *env) thawBroker() {
	e.broker.thaw()
	e.aggregator.with((*correlator).brokerBack)
}

// command makes a charge point behave as a key asks, and logs text.
func (e *env) command(c *simulatedCP, b engine.Behaviour, text string) {
	c.behave(b)
	if _, watched := e.monitor(c); !watched {
		e.aggregator.logf(c.id, display.Note, "%s (its Monitor is away and can't see it)", e.o.Console.Language().Text(text))
		return
	}
	e.aggregator.logf(c.id, display.Note, text)
}

// portTries is how many ports above the wanted one are tried.
const portTries = 100

// openPort listens on the wanted port of the loopback address, or on the next free
// one; 0 takes any. It is not open to the network: the demo has no login.
func openPort(wanted uint16) (net.Listener, error) {
	for port := int(wanted); ; port++ {
		l, err := listen(port)
		switch {
		case err == nil:
			return l, nil
		case !errors.Is(err, syscall.EADDRINUSE), port-int(wanted) == portTries, port == 65535:
			return nil, language.Errorf("listen on port %d: %w", port, err)
		}
	}
}

// listen opens a port of 127.0.0.1 that is free on ::1 too: a browser resolves
// "localhost" to ::1 first and would reach another program there.
func listen(port int) (net.Listener, error) {
	six, err := tcp.Listen(context.Background(), "tcp6", fmt.Sprintf("[::1]:%d", port))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, err
	}
	if err == nil { // otherwise this machine has no ::1
		defer func() { _ = six.Close() }()
	}
	return tcp.Listen(context.Background(), "tcp4", fmt.Sprintf("127.0.0.1:%d", port))
}

func portOf(l net.Listener) int {
	if at, ok := l.Addr().(*net.TCPAddr); ok {
		return at.Port
	}
	return 0
}
