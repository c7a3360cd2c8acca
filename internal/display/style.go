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
	own, quoted := ownWords(s.fit(text, columns))
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

// Entry is Line for a log line. The shape stands after head; the first state in text
// that belongs to the shape is painted. id is never taken for a state.
func (s Style) Entry(head string, sh Shape, id, text string, columns int) string {
	line := s.fit(head+sh.Mark()+" "+id+text, columns)
	own, quoted := ownWords(line)
	rest, whole := strings.CutPrefix(own, head+sh.Mark()+" "+id)
	if !whole {
		return s.ascii(line)
	}
	before, word, after := cutWord(rest, sh.appearance().words)
	return head + s.paint(sh, sh.Mark()) + " " + id + s.ascii(before) + s.paint(sh, word) + s.ascii(after+quoted)
}

// ownWords splits text before the first quotation mark.
func ownWords(text string) (own, quoted string) {
	if i := strings.IndexByte(text, '"'); i >= 0 {
		return text[:i], text[i:]
	}
	return text, ""
}

// fit escapes and cuts. In ASCII it also escapes every character beyond ASCII but the
// shapes, which stay one cell each until ascii replaces them.
func (s Style) fit(text string, columns int) string {
	if !s.ASCII {
		return shorten(Safe(text), columns, ellipsis)
	}
	var b strings.Builder
	for _, r := range Safe(text) {
		switch _, isMark := shapeOf(r); {
		case isMark:
			b.WriteRune(r)
		case string(r) == ellipsis:
			b.WriteString(asciiEllipsis)
		default:
			b.WriteString(ASCII(string(r)))
		}
	}
	return shorten(b.String(), columns, asciiEllipsis)
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

// ascii replaces the shapes in a text from fit, if the output is ASCII only.
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
