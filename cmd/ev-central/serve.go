package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"evcp/internal/central"
	"evcp/internal/cli"
	"evcp/internal/console"
	"evcp/internal/dashboard"
	"evcp/internal/systemd"
	"evcp/internal/version"
)

const (
	// httpDrain is how long open requests of the page may take at the end.
	httpDrain = time.Second
	// stopLimit is how long the end may take whatever hangs: a disk, most likely.
	stopLimit = 1900 * time.Millisecond
)

// serve runs Central and its page until ctx ends. The ports come first: they are
// what is most often wrong, and a taken one must not touch the state folder.
func serve(ctx context.Context, o options, stderr *os.File) error {
	if err := cli.CheckStateDir(o.stateDir); err != nil {
		return err
	}
	monitors, err := cli.Listen(ctx, o.listen, "--listen")
	if err != nil {
		return err
	}
	defer monitors.Close()
	var pages net.Listener
	if o.http != "" {
		if pages, err = cli.Listen(ctx, o.http, "--http"); err != nil {
			return err
		}
		defer pages.Close()
	}
	co := central.Options{Heartbeat: o.heartbeat, StateDir: o.stateDir}
	if o.registry != "" {
		if co.Registry, err = central.OpenRegistry(o.registry); err != nil {
			return cli.UsageError{Err: fmt.Errorf("--registry: %w", err)}
		}
	}
	con := console.Open(console.Options{Out: stderr, Getenv: os.Getenv, Format: o.format, Color: o.color, Level: cli.ParseLevel(o.level)})
	defer con.Close()
	co.Logger = con.Logger()
	c, err := central.New(co)
	if err != nil {
		return err
	}
	notify, err := systemd.Open(os.Getenv)
	if err != nil {
		con.Logger().Warn(err.Error())
	}
	s := &centralConsole{console: con, central: c, options: o, registry: co.Registry, notify: notify}
	s.showStarted(monitors.Addr(), pages)
	return bounded(ctx, func() error { return errors.Join(s.run(ctx, monitors, pages), c.Close()) })
}

// bounded runs f, and stops waiting for it atMost after ctx has ended.
func bounded(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(stopLimit):
		return errors.New("stopped without waiting any longer: the state folder does not answer")
	}
}

// run serves Monitors and pages side by side. When one of them fails, both end.
func (s *centralConsole) run(ctx context.Context, monitors, pages net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var pageErr error
	if pages != nil {
		wg.Go(func() {
			defer cancel()
			pageErr = dashboard.Serve(ctx, pages, dashboard.New(s.central, dashboard.Options{Version: version.String()}), httpDrain)
		})
	}
	wg.Go(func() { s.refreshLive(ctx) })
	wg.Go(func() { s.notify.Run(ctx, s.watchdog()) })
	err := s.central.Serve(ctx, monitors)
	cancel()
	wg.Wait()
	s.showStopped()
	return errors.Join(err, pageErr)
}
