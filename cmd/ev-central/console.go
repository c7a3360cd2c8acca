package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"evcp"
	"evcp/internal/archive"
	"evcp/internal/central"
	"evcp/internal/console"
	"evcp/internal/dashboard"
	"evcp/internal/display"
	"evcp/internal/language"
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
	follower *archive.Follower // nil: no history
	board    *boardFile
	page     *dashboard.Dashboard // from run on
	alerts   alerting
	notify   *systemd.NotifySocket
	socket   *status.FolderSocket // of the commands
}

// showStarted prints a banner at a terminal, else a log line.
func (p *centralProcess) showStarted(monitors []net.Listener, pages net.Listener) {
	said := p.console.Language()
	page, listens := said.Text("off (--http is empty)"), ""
	if pages != nil {
		page = pageURL(pages)
		listens = pages.Addr().String()
	}
	if !p.console.Terminal() {
		attrs := []any{"version", version.String()}
		for _, ln := range monitors {
			name := "monitors"
			if isTLS(ln) {
				name = "tls_monitors"
			}
			attrs = append(attrs, name, ln.Addr().String())
		}
		p.console.Logger().Info("started", append(attrs,
			"page", page, "page_listens", listens, "who", p.whoMayRegister(), "state_dir", p.options.stateDir, "config", p.options.sources.In(said))...)
		return
	}
	known := said.Text("new")
	if n := p.central.Counts().Total(); n > 0 {
		known = said.Sprintf("%d known", n)
	}
	p.console.Print(said.Sprintf("%s %s hears Monitors and shows their charge points. Ctrl-C stops it.", name, version.String()), "")
	for _, ln := range monitors {
		p.console.Print(said.Sprintf("  Monitors  %-20s  %s", localAddress(ln.Addr()), p.whoMayConnect(ln)))
	}
	p.console.Print(
		said.Sprintf("  Page      %-20s  %s", page, p.options.board.whoMayRead(said, pages)),
		said.Sprintf("  State     %s (%s)", console.Path(p.options.stateDir), known),
		said.Sprintf("  Config    %s", p.options.sources.In(said)), "",
	)
}

// pageURL is where the page is for a browser on this machine.
func pageURL(pages net.Listener) string {
	return status.Scheme(pages) + "://" + localAddress(pages.Addr()) + "/"
}

func isTLS(ln net.Listener) bool { _, ok := ln.(*central.SecureListener); return ok }

// whoMayConnect says for a listener what a Monitor needs.
func (p *centralProcess) whoMayConnect(ln net.Listener) string {
	said := p.console.Language()
	switch {
	case !isTLS(ln):
		return p.whoMayRegister()
	case p.options.tls.ClientCA != "" && p.registry == nil:
		return said.Text("by TLS, each with its certificate")
	case p.options.tls.ClientCA != "":
		return said.Sprintf("by TLS, with a certificate; %s", p.whoMayRegister())
	}
	return said.Sprintf("by TLS; %s", p.whoMayRegister())
}

// watchdog is what systemd watches: Central is alive while it checks for silence, every
// second.
func (p *centralProcess) watchdog() systemd.Activity {
	return systemd.Activity{
		MaxPause: func() time.Duration { return 3 * time.Second },
		Started:  p.central.Serving,
		LastDone: func() time.Time { return p.central.Figures().SilenceChecked },
		StatusLine: func() string {
			n := p.central.Counts()
			return fmt.Sprintf("%d activated, %d faulted, %d disconnected", n.Activated, n.Faulted, n.Disconnected) + notKnown(language.English, n) + p.maintenanceText(language.English, time.Now())
		},
	}
}

func (p *centralProcess) whoMayRegister() string {
	if p.registry == nil {
		return p.console.Language().Text("anyone may register")
	}
	return p.console.Language().Sprintf("%d listed in %s", p.registry.Len(), p.registry.Path())
}

// refreshLive redraws the live line each second.
func (p *centralProcess) refreshLive(ctx context.Context) {
	for more := true; more; more = wait.For(ctx, time.Second) {
		p.console.Live(p.summary(time.Now()))
	}
}

func (p *centralProcess) summary(now time.Time) string {
	said, n := p.console.Language(), p.central.Counts()
	last := said.Text("nobody heard yet")
	if !n.LastSeen.IsZero() {
		last = said.Sprintf("heard %s ago", display.Duration(now.Sub(n.LastSeen)))
	}
	return fmt.Sprintf("%s %d  %s %d  %s %d%s | %s", display.Up.Mark(), n.Activated, display.Failed.Mark(), n.Faulted,
		display.Gone.Mark(), n.Disconnected, notKnown(said, n)+p.maintenanceText(said, now), last)
}

// maintenanceText says how many charge points are in maintenance, whatever their state; "" for none.
func (p *centralProcess) maintenanceText(said language.Language, now time.Time) string {
	n := p.board.operations.InMaintenance(now, func() (all []evcp.CPID) {
		for _, v := range p.central.CPs() {
			all = append(all, v.ID)
		}
		return all
	})
	if n == 0 {
		return ""
	}
	return said.Sprintf(", %d in maintenance", n)
}

// What Central may not know of charge points.
var (
	lastKnownFaulted = display.NewPlural(", %d last known faulted", ", %d last known faulted")
	unverified       = display.NewPlural(", %d unverified", ", %d unverified")
	neverHeard       = display.NewPlural(", %d never heard", ", %d never heard")
)

// notKnown is what Central does not know of the charge points; "" if there is nothing.
func notKnown(said language.Language, n central.StateCounts) (text string) {
	for _, kind := range []struct {
		count  int
		phrase display.Plural
	}{{n.LastKnownFaulted, lastKnownFaulted}, {n.Unverified, unverified}, {n.Expected, neverHeard}} {
		if kind.count > 0 {
			text += kind.phrase.In(said).Of(int64(kind.count))
		}
	}
	return text
}

func (p *centralProcess) showStopped() {
	p.console.Close()
	p.console.Logger().Info(stopped.In(p.console.Language()).Of(int64(p.central.Counts().Total())))
}

var stopped = display.NewPlural("stopped: %d charge point kept", "stopped: %d charge points kept")

// whoMayRead says from where the page can be reached, and whether it asks for a login.
func (b *boardSettings) whoMayRead(said language.Language, pages net.Listener) string {
	if pages == nil {
		return ""
	}
	a, ok := pages.Addr().(*net.TCPAddr)
	switch {
	case !ok:
		return ""
	case a.IP.IsLoopback():
		return said.Text("this machine only; --http :8080 opens it")
	case a.IP.IsUnspecified() && b.publicBoard:
		return said.Sprintf("every interface, port %d; to read without a login", a.Port)
	case a.IP.IsUnspecified():
		return said.Sprintf("every interface, port %d; asks for a login", a.Port)
	case b.publicBoard:
		return said.Text("to read without a login")
	}
	return said.Text("asks for a login")
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
