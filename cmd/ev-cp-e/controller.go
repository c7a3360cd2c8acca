package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"evcp/internal/cli"
	"evcp/internal/console"
	"evcp/internal/display"
	"evcp/internal/engine"
	"evcp/internal/engine/remote"
	"evcp/internal/language"
	"evcp/internal/status"
	"evcp/internal/version"
)

// controller runs the script, takes keys and HTTP requests, and shows the Engine at a
// terminal.
type controller struct {
	*engine.Engine
	console *console.Console
	quit    func()
	began   time.Time

	stopScript context.CancelFunc
	scriptDone chan struct{} // closed when the script has ended
}

// start shows or logs the first lines.
func (c *controller) start(address string, o *options, hasKeys bool) {
	c.began = time.Now()
	if !c.console.Terminal() {
		c.console.Logger().Info("listening", "address", address, "tls", o.tls.On(), "behaviour", o.behaviour.String(), "script", o.written, "version", version.String())
		return
	}
	said := c.console.Language()
	on := withPort(o.listen, address)
	if o.tls.On() {
		on = said.Sprintf("%s by TLS", on)
	}
	lines := []string{said.Sprintf("%s %s plays an Engine on %s. Ctrl-C stops it.", name, version.String(), on), ""}
	if o.written != "" {
		lines = append(lines, said.Sprintf("  Script  %s", o.written), "")
	}
	if hasKeys {
		lines = append(append(lines, legend(c.console.Language(), c.console.Columns())...), "")
	}
	c.console.Print(lines...)
}

// withPort is the address to listen on as it was given, with the port that was got.
func withPort(given, got string) string {
	return given[:strings.LastIndexByte(given, ':')] + got[strings.LastIndexByte(got, ':'):]
}

// run plays the script and takes keys until ctx is done.
func (c *controller) run(ctx, playing context.Context, script []engine.Step, keys <-chan rune) {
	go func() {
		defer close(c.scriptDone)
		c.Play(playing, script)
	}()
	defer c.endScript()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		c.showLive()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case key, ok := <-keys:
			if !ok {
				keys = nil // the terminal is gone; the Engine goes on
			}
			c.press(key)
		}
	}
}

func (c *controller) endScript() {
	c.stopScript()
	<-c.scriptDone
}

func (c *controller) press(key rune) {
	switch key {
	case cli.KeyHelp:
		c.console.Print(legend(c.console.Language(), c.console.Columns())...)
	case cli.KeyQuit:
		c.quit()
	}
	for _, k := range keys {
		if k.key == key {
			c.setBehaviour(engine.MustBehaviour(k.behaviour)) // a test reads them all
		}
	}
}

// setBehaviour ends the script first, which would change the behaviour again. Any
// goroutine may call it.
func (c *controller) setBehaviour(b engine.Behaviour) {
	c.endScript()
	c.SetBehaviour(b)
	c.showLive()
}

func (c *controller) showLive() { c.console.Live(c.live(time.Now())) }

// live is the last line of the terminal.
func (c *controller) live(now time.Time) string {
	said := c.console.Language()
	line := marked(c.Behaviour().String()) + " | " + questions.In(said).Of(int64(c.total().Asked))
	last := c.LastContact()
	if last.At.IsZero() {
		return line + said.Text(", no Monitor yet")
	}
	return line + said.Sprintf(", last %s ago from %s", ago(now.Sub(last.At)), last.CP)
}

// marked puts the mark of its state before a behaviour.
func marked(behaviour string) string {
	switch behaviour {
	case "ok":
		return display.Up.Mark() + " OK"
	case "ko":
		return display.Failed.Mark() + " KO"
	case "refuse":
		return display.Gone.Mark() + " refuse"
	}
	return display.Note.Mark() + " " + behaviour
}

func ago(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1f s", max(d, 0).Seconds())
	}
	return display.Duration(d.Round(time.Second))
}

func (c *controller) total() engine.Count {
	var all engine.Count
	for _, n := range c.Counts() {
		all.Asked += n.Asked
		all.Answered += n.Answered
	}
	return all
}

var questions = display.NewPlural("%d question", "%d questions")

// finish logs the totals.
func (c *controller) finish() {
	c.console.Live("")
	said, n := c.console.Language(), c.total()
	after := time.Since(c.began)
	c.console.Logger().Info(said.Sprintf("stopped after %s: %s, %d answered", display.Duration(after), questions.In(said).Of(int64(n.Asked)), n.Answered),
		"asked", n.Asked, "answered", n.Answered)
}

// serveHTTP serves requests until ctx ends, and then sends its error on ended. Without a
// listener it serves none.
func (c *controller) serveHTTP(ctx context.Context, ln net.Listener) (ended <-chan error) {
	done := make(chan error, 1)
	if ln == nil {
		done <- nil
		return done
	}
	control := remote.Control{Behaviour: c.Behaviour, Set: func(_ context.Context, b engine.Behaviour) error {
		if ctx.Err() == nil {
			c.setBehaviour(b)
		}
		return ctx.Err()
	}}
	go func() { done <- status.Serve(ctx, ln, control.Handler()) }()
	c.console.Logger().Info("takes orders", "url", status.Scheme(ln)+"://"+ln.Addr().String()+"/", "address", ln.Addr().String())
	return done
}

// keys are the behaviours at the terminal.
var keys = []struct {
	key       rune
	behaviour string
}{
	{'o', "ok"}, {'k', "ko"}, {'i', "intermittent"}, {'d', "delayed-ko"}, {'m', "mute"},
	{'s', "slow=1.5s"}, {'p', "drip"}, {'r', "reset"}, {'c', "close"}, {'g', "garbage"},
	{'t', "split"}, {'x', "refuse"},
}

// cellWidth is how many cells a key and what it does take.
const cellWidth = 16

// legend lists the keys, as many in a line as it has cells for.
func legend(said language.Language, columns int) []string {
	cells := make([]string, 0, len(keys)+2)
	for _, k := range keys {
		cells = append(cells, fmt.Sprintf("%c %-*s", k.key, cellWidth-2, k.behaviour))
	}
	cells = append(cells, fmt.Sprintf("%c %-*s", cli.KeyHelp, cellWidth-2, said.Text("keys")), fmt.Sprintf("%c %s", cli.KeyQuit, said.Text("quit")))
	var lines []string
	for row := range slices.Chunk(cells, max((columns-2+1)/cellWidth, 1)) {
		lines = append(lines, strings.TrimRight("  "+strings.Join(row, ""), " "))
	}
	return lines
}
