package config

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/token"

	"evcp/internal/console/cell"
)

// location is where something stands in a file, and the line around it.
type location struct {
	path                string
	line                int    // from 1; 0 is the whole file
	before, span, after string // the source line, cut in three; the carets go under span
}

func (d *parsedFile) reject(at location, why string) {
	at.path = d.path
	d.faults = append(d.faults, at.fault(why))
}

func (p location) fault(why string) problem {
	f := problem{path: p.path, line: p.line, text: p.path + ": " + why}
	if p.line > 0 {
		f.text = fmt.Sprintf("%s:%d: %s", p.path, p.line, why)
	}
	if p.span != "" {
		f.excerpt = p.excerpt()
	}
	return f
}

// placeOf finds the token in the source. A token over several lines is marked in
// its first.
func (d *parsedFile) placeOf(t *token.Token) location {
	if t == nil || t.Position == nil || t.Position.Line < 1 || t.Position.Line > len(d.lines) {
		return location{path: d.path}
	}
	line := []rune(d.lines[t.Position.Line-1])
	from := min(max(t.Position.Column-1, 0), len(line))
	text, _, _ := strings.Cut(strings.TrimSpace(t.Origin), "\n")
	to := min(from+len([]rune(text)), len(line))
	return location{
		path: d.path, line: t.Position.Line,
		before: plain(line[:from]), span: plain(line[from:to]), after: plain(line[to:]),
	}
}

// plain shows a tab as one blank, so that the carets stand where they should.
func plain(line []rune) string {
	return cell.Safe(strings.ReplaceAll(string(line), "\t", " "))
}

// gutter is "    7 | " before the source.
const gutter = 5 + len(" | ")

// excerpt shows the source line and carets under the span. Of a long line it
// shows the part around them.
func (p location) excerpt() []string {
	before, room := p.before, cell.Columns-gutter
	if cell.Width(before)+cell.Width(p.span) > room {
		before = lastCells(before, room/4)
	}
	line := cell.Cut(before+p.span+p.after, room, "…")
	indent := cell.Width(before)
	carets := max(min(cell.Width(p.span), room-indent), 1)
	return []string{
		strings.TrimRight(fmt.Sprintf("%5d | %s", p.line, line), " "),
		fmt.Sprintf("%5s | %s%s", "", strings.Repeat(" ", indent), strings.Repeat("^", carets)),
	}
}

// lastCells keeps the end of s, at most n cells of it.
func lastCells(s string, n int) string {
	if cell.Width(s) <= n {
		return s
	}
	runes := []rune(s)
	for cell.Width(string(runes)) > n-1 {
		runes = runes[1:]
	}
	return "…" + string(runes)
}
