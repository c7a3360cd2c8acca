package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"evcp/internal/central"
	"evcp/internal/console"
	"evcp/internal/display"
	"evcp/internal/systemd"
	"evcp/internal/version"
)

// centralConsole is what a person at the terminal sees of Central, besides the log.
type centralConsole struct {
	console  *console.Console
	central  *central.Central
	options  options
	registry *central.Registry
	notify   *systemd.Notifier
}

// showStarted says what was started: a banner to a person, two lines to a log.
func (s *centralConsole) showStarted(monitors net.Addr, pages net.Listener) {
	page := "off (--http is empty)"
	if pages != nil {
		page = "http://" + localAddress(pages.Addr()) + "/"
	}
	if !s.console.Terminal() {
		s.console.Logger().Info("started", "version", version.String(), "monitors", monitors.String(),
			"page", page, "who", s.whoMayRegister(), "state_dir", s.options.stateDir, "config", s.options.origin)
		return
	}
	known := "new"
	if n := s.central.Counts().Total(); n > 0 {
		known = fmt.Sprintf("%d known", n)
	}
	s.console.Print(
		fmt.Sprintf("%s %s hears Monitors and shows their charge points. Ctrl-C stops it.", name, version.String()), "",
		fmt.Sprintf("  Monitors  %-20s  %s", localAddress(monitors), s.whoMayRegister()),
		fmt.Sprintf("  Page      %s", page),
		fmt.Sprintf("  State     %s (%s)", console.Path(s.options.stateDir), known),
		fmt.Sprintf("  Config    %s", s.options.origin), "",
	)
}

// watchdog is what systemd is told: Central works while it looks for silence, every
// second.
func (s *centralConsole) watchdog() systemd.Activity {
	return systemd.Activity{
		MaxPause: 3 * time.Second,

		Started:  func() bool { return s.central.Addr() != nil },
		LastDone: func() time.Time { return s.central.Figures().SilenceChecked },
		StatusLine: func() string {
			n := s.central.Counts()
			return fmt.Sprintf("%d activated, %d faulted, %d disconnected", n.Activated, n.Faulted, n.Disconnected)
		},
	}
}

func (s *centralConsole) whoMayRegister() string {
	if s.registry == nil {
		return "anyone may register"
	}
	return fmt.Sprintf("%d listed in %s", s.registry.Len(), s.registry.Path())
}

// refreshLive redraws the last line each second.
func (s *centralConsole) refreshLive(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		s.console.Live(s.summary(time.Now()))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *centralConsole) summary(now time.Time) string {
	n := s.central.Counts()
	last := "nobody heard yet"
	if !n.LastSeen.IsZero() {
		last = "heard " + display.Duration(now.Sub(n.LastSeen)) + " ago"
	}
	return fmt.Sprintf("%s %d  %s %d  %s %d | %s", display.Up.Mark(), n.Activated, display.Failed.Mark(), n.Faulted,
		display.Gone.Mark(), n.Disconnected, last)
}

func (s *centralConsole) showStopped() {
	s.console.Close()
	s.console.Logger().Info(stopped.Of(int64(s.central.Counts().Total())))
}

var stopped = display.NewPlural("stopped: %d charge point kept", "stopped: %d charge points kept")

// localAddress is an address as a person on this machine types it.
func localAddress(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
