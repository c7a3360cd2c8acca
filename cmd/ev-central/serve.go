package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"evcp/internal/central"
	"evcp/internal/console"
	"evcp/internal/dashboard"
	"evcp/internal/launch"
	"evcp/internal/systemd"
	"evcp/internal/version"
)

const (
	// goodbye is how long open requests of the page may take at the end.
	goodbye = time.Second
	// atMost is how long the end may take whatever hangs: a disk, most likely.
	atMost = 1900 * time.Millisecond
)

// serve runs Central and its page until ctx ends. The ports come first: they are
// what is most often wrong, and a taken one must not touch the state folder.
func serve(ctx context.Context, o options, stderr *os.File) error {
	monitors, err := open(ctx, o.listen, "--listen")
	if err != nil {
		return err
	}
	defer monitors.Close()
	var pages net.Listener
	if o.http != "" {
		if pages, err = open(ctx, o.http, "--http"); err != nil {
			return err
		}
		defer pages.Close()
	}
	co := central.Options{Heartbeat: o.heartbeat, StateDir: o.stateDir}
	if o.registry != "" {
		if co.Registry, err = central.OpenRegistry(o.registry); err != nil {
			return err
		}
	}
	con := console.Open(console.Options{Out: stderr, Getenv: os.Getenv, Format: o.format, Color: o.color, Level: launch.Level(o.level)})
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
	s := &stage{console: con, central: c, options: o, registry: co.Registry, notify: notify}
	s.open(monitors.Addr(), pages)
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
	case <-time.After(atMost):
		return errors.New("stopped without waiting any longer: the state folder does not answer")
	}
}

// run serves Monitors and pages side by side. When one of them fails, both end.
func (s *stage) run(ctx context.Context, monitors, pages net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var pageErr error
	if pages != nil {
		wg.Go(func() {
			defer cancel()
			pageErr = servePages(ctx, pages, dashboard.New(s.central, dashboard.Options{Version: version.String()}))
		})
	}
	wg.Go(func() { s.live(ctx) })
	wg.Go(func() { s.notify.Tend(ctx, s.work()) })
	err := s.central.Serve(ctx, monitors)
	cancel()
	wg.Wait()
	s.close()
	return errors.Join(err, pageErr)
}

// servePages answers browsers until ctx ends.
func servePages(ctx context.Context, ln net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx }, // ends the pages' streams
	}
	ended := make(chan struct{})
	release := context.AfterFunc(ctx, func() {
		defer close(ended)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
		defer cancel()
		if server.Shutdown(last) != nil {
			server.Close()
		}
	})
	err := server.Serve(ln)
	if !release() {
		<-ended
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve the page: %w", err)
}

// open listens, or says what to do first.
func open(ctx context.Context, address, flag string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, explain(err, address, flag)
	}
	return ln, nil
}

func explain(err error, address, flag string) error {
	port := address[strings.LastIndexByte(address, ':')+1:]
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && port == "5000" && runtime.GOOS == "darwin":
		return fmt.Errorf("port 5000 is taken, most likely by macOS itself (AirPlay Receiver).\nSwitch that off in System Settings, or choose another port with %s", flag)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("port %s is taken by another program.\nStop that program, or choose another port with %s", port, flag)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("port %s is not allowed to this user.\nChoose one from 1024 on with %s", port, flag)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s is no address of this machine.\nListen on all of them: %s :%s", address, flag, port)
	default:
		return fmt.Errorf("listen on %s (%s): %w", address, flag, err)
	}
}
