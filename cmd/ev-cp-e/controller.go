package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
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
	chosen  engine.Selection // of the keys; all until a digit chooses a share

	stopScript context.CancelFunc
	scriptDone chan struct{} // closed when the script has ended
}

// start shows or logs the first lines.
func (c *controller) start(address string, o *options, hasKeys bool) {
	c.began = time.Now()
	if !c.console.Terminal() {
		c.console.Logger().Info("listening", "address", address, "tls", o.tls.On(), "charge_points", max(c.CPs(), 1), "behaviour", c.sharesText(), "script", o.written, "version", version.String())
		return
	}
	said := c.console.Language()
	on := withPort(o.listen, address)
	if o.tls.On() {
		on = said.Sprintf("%s by TLS", on)
	}
	lines := []string{said.Sprintf("%s %s plays an Engine on %s. Ctrl-C stops it.", name, version.String(), on), ""}
	if n := c.CPs(); n > 0 {
		lines[0] = said.Sprintf("%s %s plays the Engines of %s on %s. Ctrl-C stops it.", name, version.String(), chargePoints.In(said).Of(int64(n)), on)
	}
	if o.written != "" {
		lines = append(lines, said.Sprintf("  Script  %s", o.written), "")
	}
	if hasKeys {
		lines = append(append(lines, c.legend()...), "")
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
		c.console.Print(c.legend()...)
	case cli.KeyQuit:
		c.quit()
	}
	if c.CPs() > 0 && key >= '0' && key <= '9' {
		c.choose(key)
	}
	for _, k := range keys {
		if k.key == key {
			// A test reads all behaviours.
			if err := c.assign(engine.Assignment{Of: c.chosen, Behaviour: engine.MustBehaviour(k.behaviour)}); err != nil {
				c.console.Print(display.Note.Mark() + " " + c.console.Language().Error(err))
			}
		}
	}
}

// choose takes a digit as a share in percent; 0 is all.
func (c *controller) choose(digit rune) {
	c.chosen = engine.Selection{}
	if digit != '0' {
		c.chosen, _ = engine.ParseSelection(string(digit) + "%") // a share
	}
}

// assign ends the script first, which would change the behaviour again. Any
// goroutine may call it.
func (c *controller) assign(a engine.Assignment) error {
	if err := c.Assignable(a); err != nil {
		return err
	}
	c.endScript()
	err := c.Assign(a)
	c.showLive()
	return err
}

func (c *controller) showLive() { c.console.Live(c.live(time.Now())) }

// live is the last line of the terminal.
func (c *controller) live(now time.Time) string {
	said := c.console.Language()
	line := c.sharesText()
	if c.CPs() == 0 {
		line = marked(line)
	} else if c.chosen != (engine.Selection{}) {
		line = said.Sprintf("keys: %s", c.chosen) + " | " + line
	}
	line += " | " + questions.In(said).Of(int64(c.total().Asked))
	last := c.LastContact()
	if last.At.IsZero() {
		return line + said.Text(", no Monitor yet")
	}
	return line + said.Sprintf(", last %s ago from %s", ago(now.Sub(last.At)), last.CP)
}

// mostShares is how many behaviours are listed.
const mostShares = 4

// sharesText is the behaviour, or how many charge points have which: "9900 ok, 100 ko".
func (c *controller) sharesText() string {
	if c.CPs() == 0 {
		return c.Behaviour().String()
	}
	var parts []string
	for i, s := range c.Shares() {
		if i == mostShares {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, strconv.Itoa(s.CPs)+" "+s.Behaviour.String())
	}
	return strings.Join(parts, ", ")
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

var chargePoints = display.NewPlural("%d charge point", "%d charge points")

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
	control := remote.Control{Engine: c.Engine, Assign: func(_ context.Context, a engine.Assignment) error {
		if ctx.Err() == nil {
			return c.assign(a)
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

// legend lists the keys, and of many charge points how to choose some.
func (c *controller) legend() []string {
	said := c.console.Language()
	lines := legend(said, c.console.Columns())
	if c.CPs() > 0 {
		lines = append(lines, display.Wrap(said.Text("1 to 9 first: of that many percent of them; 0: of all again."), c.console.Columns()-2)...)
	}
	return lines
}

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
