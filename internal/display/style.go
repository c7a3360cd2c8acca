package display

import (
	"strings"
)

// Style is what an output can show. The zero Style is UTF-8 without colour.
type Style struct {
	ASCII bool // nothing but ASCII
	Color bool // SGR sequences of the 16 colours
}

// Line makes text safe to print on one line of at most columns cells: escaped, cut
// with an ellipsis, and each shape painted together with the state that follows it.
// What comes after the first quotation mark may be a peer's text and stays unpainted.
func (s Style) Line(text string, columns int) string {
	return s.painted(shorten(s.clean(text), columns, s.ellipsis()))
}

// Prose is Line without the cut: what does not fit goes on below, from the column that
// the last column of text in the left half begins at.
func (s Style) Prose(text string, columns int) []string {
	text = s.clean(text)
	indent := lastColumn(text, columns/2)
	rows := fold(text, columns, indent)
	for i := range rows {
		rows[i] = s.painted(rows[i])
	}
	return rows
}

// entryLines is the most lines that the sentence of a log entry takes.
const entryLines = 3

// Entry is a log entry of at most columns cells a line. The shape stands after head, and
// what does not fit goes on below the shape's text. Of a longer sentence than entryLines a
// peer's text is cut. Each of details, about it, has lines of its own. The first state in
// text that belongs to the shape is painted. id is never taken for a state.
func (s Style) Entry(head string, sh Shape, id, text string, details []string, columns int) []string {
	lead, indent := head+sh.Mark()+" "+id, Width(head)+2
	whole := s.clean(lead + text)
	rows := fold(whole, columns, indent)
	for room := entryLines * columns; len(rows) > entryLines && room > 0; room-- {
		rows = fold(shorten(whole, room, s.ellipsis()), columns, indent)
	}
	for i, row := range rows {
		own, quoted := ownWords(row)
		rest, begins := strings.CutPrefix(own, lead)
		switch {
		case i == 0 && !begins: // not even the id fits
			rows[i] = s.ascii(row)
		case i == 0:
			before, word, after := cutWord(rest, sh.appearance().words)
			rows[i] = head + s.paint(sh, sh.Mark()) + " " + id + s.ascii(before) + s.paint(sh, word) + s.ascii(after+quoted)
		default:
			rows[i] = s.ascii(row)
		}
	}
	for _, text := range details {
		for _, row := range fold(strings.Repeat(" ", indent)+s.clean(text), columns, indent) {
			rows = append(rows, s.ascii(row))
		}
	}
	return rows
}

// painted is a text from clean with its shapes, and the states that follow them, painted.
func (s Style) painted(text string) string {
	own, quoted := ownWords(text)
	var b strings.Builder
	for own != "" {
		before, sh, after := cutMark(own)
		b.WriteString(s.ascii(before))
		if len(before) == len(own) {
			break
		}
		b.WriteString(s.paint(sh, sh.Mark()))
		own = after
		if gap, word, rest := cutWord(after, sh.appearance().words); gap == " " {
			b.WriteString(gap + s.paint(sh, word))
			own = rest
		}
	}
	return b.String() + s.ascii(quoted)
}

// ownWords splits text before the first quotation mark.
func ownWords(text string) (own, quoted string) {
	if i := strings.IndexByte(text, '"'); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

// clean escapes. In ASCII it also escapes every character beyond ASCII but the shapes,
// which stay one cell each until ascii replaces them.
func (s Style) clean(text string) string {
	text = Safe(text)
	if !s.ASCII {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch _, isMark := shapeOf(r); {
		case isMark:
			b.WriteRune(r)
		case string(r) == ellipsis:
			b.WriteString(asciiEllipsis)
		default:
			b.WriteString(ASCII(string(r)))
		}
	}
	return b.String()
}

func (s Style) ellipsis() string {
	if s.ASCII {
		return asciiEllipsis
	}
	return ellipsis
}

// leastQuoted is the fewest cells of a peer's text that are worth showing.
const leastQuoted = 12

// shorten cuts text. A peer's text between quotation marks is cut first: what follows
// it is shorter, and more often what somebody looks for.
func shorten(text string, columns int, mark string) string {
	from, to := strings.IndexByte(text, '"')+1, strings.LastIndexByte(text, '"')
	if from > 0 && to > from && to < len(text)-1 {
		if room := columns - Width(text[:from]) - Width(text[to:]); room >= leastQuoted {
			return text[:from] + Cut(text[from:to], room, mark) + text[to:]
		}
	}
	return Cut(text, columns, mark)
}

const (
	ellipsis      = "…"
	asciiEllipsis = "..."
)

// ascii replaces the shapes in a text from clean, if the output is ASCII only.
func (s Style) ascii(text string) string {
	if !s.ASCII {
		return text
	}
	return strings.Map(func(r rune) rune {
		if sh, ok := shapeOf(r); ok {
			return rune(sh.appearance().ascii)
		}
		return r
	}, text)
}

func (s Style) paint(sh Shape, text string) string {
	text = s.ascii(text)
	color := sh.appearance().color
	if !s.Color || color == "" || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// cutMark splits text around its first shape; before is all of it if there is none.
func cutMark(text string) (before string, sh Shape, after string) {
	for i, r := range text {
		if sh, ok := shapeOf(r); ok {
			return text[:i], sh, text[i+len(sh.Mark()):]
		}
	}
	return text, Note, ""
}

// cutWord splits text around the first of the words that stands whole in it.
func cutWord(text string, words []string) (before, word, after string) {
	for i := range text {
		for _, w := range words {
			rest, found := strings.CutPrefix(text[i:], w)
			if found && !isWordByte(text, i-1) && !isWordByte(text, i+len(w)) {
				return text[:i], w, rest
			}
		}
	}
	return text, "", ""
}

// isWordByte reports whether the byte of text at i, if there is one, is part of a word.
func isWordByte(text string, i int) bool {
	if i < 0 || i >= len(text) {
		return false
	}
	c := text[i]
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c >= 0x80
}
