package console

import "evcp/internal/console/cell"

// The live line is drawn with the cursor put back to its start. A terminal that
// is made narrower breaks the line in two and keeps the cursor at its start, so
// "erase from here on" always takes all of it and never a log line above.
const (
	eraseLive = "\r\x1b[J"
	home      = "\r"
	wordLive  = "live  "
)

// Live shows a text as the last line, in place of what was there; "" takes it away.
// Shapes in it are painted. Of several texts, the best first, it is the first that
// fits the terminal's width at this moment, or the last, cut; so a caller who calls
// each second follows a resize within one. Where the last line
// can't be redrawn (a file, a pipe, a dumb terminal, logfmt) nothing happens, and
// neither while a shell has the program in the background: that line is the
// shell's prompt then.
func (c *Console) Live(texts ...string) {
	if !c.redraw || c.format != Text {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live = texts
	c.write(c.erase() + c.draw())
}

// above writes whole lines above the live line.
func (c *Console) above(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write(c.erase() + text + c.draw())
}

// Close takes the live line away. Lines logged afterwards are still written.
func (c *Console) Close() {
	c.Live("")
}

// erase returns what takes the live line off the screen. c.mu is held.
func (c *Console) erase() string {
	if !c.on {
		return ""
	}
	c.on = false
	if !isForeground(int(c.out.Fd())) {
		return ""
	}
	return eraseLive
}

// draw returns the live line, one cell short of the width because a few terminals
// move on by themselves after the last. c.mu is held.
func (c *Console) draw() string {
	columns := c.width(cell.Columns) - 1
	text := c.liveIn(columns)
	if text == "" || !isForeground(int(c.out.Fd())) {
		return ""
	}
	c.on = true
	return c.style.Line(wordLive+text, columns) + home
}

// liveIn is the text of the live line for a width.
func (c *Console) liveIn(columns int) (text string) {
	for _, text = range c.live {
		if cell.Width(wordLive+text) <= columns {
			break
		}
	}
	return text
}
