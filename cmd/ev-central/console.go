package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"evcp/internal/central"
	"evcp/internal/console"
	"evcp/internal/display"
	"evcp/internal/status"
	"evcp/internal/systemd"
	"evcp/internal/version"
	"evcp/internal/wait"
)

// centralProcess is the running program: Central, and what the terminal and systemd show
// of it besides the log.
type centralProcess struct {
	console  *console.Console
	central  *central.Central
	options  *options
	registry *central.Registry
	notify   *systemd.NotifySocket
}

// showStarted prints a banner at a terminal, else a log line.
func (p *centralProcess) showStarted(monitors net.Addr, pages net.Listener) {
	page, listens := "off (--http is empty)", ""
	if pages != nil {
		page = status.Scheme(pages) + "://" + localAddress(pages.Addr()) + "/"
		listens = pages.Addr().String()
	}
	if !p.console.Terminal() {
		p.console.Logger().Info("started", "version", version.String(), "monitors", monitors.String(),
			"page", page, "page_listens", listens, "who", p.whoMayRegister(), "state_dir", p.options.stateDir, "config", p.options.origin)
		return
	}
	known := "new"
	if n := p.central.Counts().Total(); n > 0 {
		known = fmt.Sprintf("%d known", n)
	}
	p.console.Print(
		fmt.Sprintf("%s %s hears Monitors and shows their charge points. Ctrl-C stops it.", name, version.String()), "",
		fmt.Sprintf("  Monitors  %-20s  %s", localAddress(monitors), p.whoMayRegister()),
		fmt.Sprintf("  Page      %-20s  %s", page, whoMayRead(pages)),
		fmt.Sprintf("  State     %s (%s)", console.Path(p.options.stateDir), known),
		fmt.Sprintf("  Config    %s", p.options.origin), "",
	)
}

// watchdog is what systemd watches: Central is alive while it checks for silence, every
// second.
func (p *centralProcess) watchdog() systemd.Activity {
	return systemd.Activity{
		MaxPause: 3 * time.Second,

		Started:  func() bool { return p.central.Addr() != nil },
		LastDone: func() time.Time { return p.central.Figures().SilenceChecked },
		StatusLine: func() string {
			n := p.central.Counts()
			return fmt.Sprintf("%d activated, %d faulted, %d disconnected", n.Activated, n.Faulted, n.Disconnected) + notKnown(n)
		},
	}
}

func (p *centralProcess) whoMayRegister() string {
	if p.registry == nil {
		return "anyone may register"
	}
	return fmt.Sprintf("%d listed in %s", p.registry.Len(), p.registry.Path())
}

// refreshLive redraws the live line each second.
func (p *centralProcess) refreshLive(ctx context.Context) {
	for more := true; more; more = wait.For(ctx, time.Second) {
		p.console.Live(p.summary(time.Now()))
	}
}

func (p *centralProcess) summary(now time.Time) string {
	n := p.central.Counts()
	last := "nobody heard yet"
	if !n.LastSeen.IsZero() {
		last = "heard " + display.Duration(now.Sub(n.LastSeen)) + " ago"
	}
	return fmt.Sprintf("%s %d  %s %d  %s %d%s | %s", display.Up.Mark(), n.Activated, display.Failed.Mark(), n.Faulted,
		display.Gone.Mark(), n.Disconnected, notKnown(n), last)
}

// notKnown is what Central does not know of the charge points; "" if there is nothing.
func notKnown(n central.StateCounts) (text string) {
	for _, kind := range []struct {
		count int
		name  string
	}{{n.LastKnownFaulted, "last known faulted"}, {n.Unverified, "unverified"}, {n.Expected, "never heard"}} {
		if kind.count > 0 {
			text += fmt.Sprintf(", %d %s", kind.count, kind.name)
		}
	}
	return text
}

func (p *centralProcess) showStopped() {
	p.console.Close()
	p.console.Logger().Info(stopped.Of(int64(p.central.Counts().Total())))
}

var stopped = display.NewPlural("stopped: %d charge point kept", "stopped: %d charge points kept")

// whoMayRead says from where the page can be reached, and that it asks for no login.
func whoMayRead(pages net.Listener) string {
	if pages == nil {
		return ""
	}
	a, ok := pages.Addr().(*net.TCPAddr)
	switch {
	case !ok:
		return ""
	case a.IP.IsLoopback():
		return "this machine only; --http :8080 opens it"
	case a.IP.IsUnspecified():
		return fmt.Sprintf("listens on every interface, port %d, without a login", a.Port)
	}
	return "without a login"
}

// localAddress is an address that can be used on this machine.
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
