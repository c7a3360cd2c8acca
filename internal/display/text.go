package display

import (
	"cmp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Columns is the widest line that any of the programs prints, in cells. A Latin letter
// takes one cell of a terminal, a wide East Asian character or an emoji two, a combining
// accent none. Text from outside goes through Safe before its cells are counted.
const Columns = 80

// Width counts the cells that s takes.
func Width(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// runeWidth is 0, 1 or 2. Characters of ambiguous width (● → ·) count as 1, as all
// terminals but old CJK ones draw them.
func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case isAccent(r):
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

func isAccent(r rune) bool { return unicode.In(r, unicode.Mn, unicode.Me) }

// Pad is text with blanks behind it, in at least so many cells.
func Pad(text string, cells int) string {
	return text + strings.Repeat(" ", max(0, cells-Width(text)))
}

// Cut shortens s to at most n cells. What was cut shows as mark ("…", or "..."
// in ASCII), which is counted; a mark wider than n leaves nothing.
func Cut(s string, n int, mark string) string {
	if Width(s) <= n {
		return s
	}
	room := n - Width(mark)
	if room < 0 {
		return ""
	}
	end := 0
	for i, r := range s {
		if room -= runeWidth(r); room < 0 {
			end = i
			break
		}
	}
	return s[:end] + mark
}

// Wrap breaks a paragraph at blanks into lines of at most n cells. A longer word is
// not broken but gets a line of its own, too wide: it may be a path to be copied.
func Wrap(s string, n int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		switch {
		case line == "":
			line = word
		case Width(line)+1+Width(word) <= n:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// WrapIndented is Wrap behind an indent of so many blanks, which n includes. A blank text
// has no lines.
func WrapIndented(s string, n, indent int) []string {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	lines := Wrap(s, n-indent)
	for i := range lines {
		lines[i] = strings.Repeat(" ", indent) + lines[i]
	}
	return lines
}

// WrapHanging is Wrap with a first line of at most first cells, and the others as
// WrapIndented has them.
func WrapHanging(s string, first, n, indent int) []string {
	lines := Wrap(s, first)[:1]
	rest := strings.TrimPrefix(strings.Join(strings.Fields(s), " "), lines[0])
	return append(lines, WrapIndented(rest, n, indent)...)
}

// WrapUnder puts lead and text on one line of Columns if they fit, with a blank
// between; else lead alone, and text under it as WrapIndented has it.
func WrapUnder(lead, text string, indent int) []string {
	if line := lead + " " + text; Width(line) <= Columns {
		return []string{line}
	}
	return append([]string{lead}, WrapIndented(text, Columns, indent)...)
}

// CompareNatural orders names as a person does: by the value of the numbers in them, so
// that CP_2 comes before CP_10. Of names that differ in zeros only the shorter is first.
func CompareNatural(a, b string) int {
	for x, y := a, b; x != "" && y != ""; {
		p, q := digits(x), digits(y)
		c := cmp.Compare(x[0], y[0])
		if p > 0 && q > 0 {
			m, n := strings.TrimLeft(x[:p], "0"), strings.TrimLeft(y[:q], "0")
			c = cmp.Or(cmp.Compare(len(m), len(n)), strings.Compare(m, n))
		} else {
			p, q = 1, 1
		}
		if c != 0 {
			return c
		}
		x, y = x[p:], y[q:]
		if x == "" || y == "" {
			if c = cmp.Compare(len(x), len(y)); c != 0 {
				return c
			}
		}
	}
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// digits counts the digits that s begins with.
func digits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }

// fold breaks s at blanks into lines of at most columns cells, those after the first
// behind an indent. It changes nothing else: blanks between words stay, and a word that
// is longer than a line is broken.
func fold(s string, columns, indent int) []string {
	if columns < indent+leastFolded {
		indent = 0
	}
	row, rest := splitRow(s, max(columns, 1))
	rows := []string{row}
	for rest != "" {
		row, rest = splitRow(rest, max(columns-indent, 1))
		rows = append(rows, strings.Repeat(" ", indent)+row)
	}
	return rows
}

// leastFolded is the fewest cells beside an indent in which text is still readable.
const leastFolded = 10

// splitRow splits s at the last blank that leaves at most columns cells before it.
func splitRow(s string, columns int) (row, rest string) {
	if Width(s) <= columns {
		return s, ""
	}
	begin := len(s) - len(strings.TrimLeft(s, " "))
	end, blank := 0, 0
	for i, r := range s {
		if columns -= runeWidth(r); r == ' ' && i > begin && columns >= -1 {
			blank = i
		}
		if columns < 0 {
			break
		}
		end = i + utf8.RuneLen(r)
	}
	if blank > 0 {
		return strings.TrimRight(s[:blank], " "), strings.TrimLeft(s[blank:], " ")
	}
	if end == 0 { // a character wider than the line
		_, end = utf8.DecodeRuneInString(s)
	}
	return s[:end], s[end:]
}

// lastColumn is the cell at which the last column of text within the first most cells of
// s begins; columns have two blanks or more between them.
func lastColumn(s string, most int) int {
	column, at, blanks := 0, 0, 2
	for _, r := range s {
		if at > most {
			break
		}
		if r != ' ' {
			if blanks >= 2 {
				column = at
			}
			blanks = -1
		}
		blanks++
		at += runeWidth(r)
	}
	return column
}

// maxAccents is how many combining marks in a row stay what they are. Languages
// need two; a hundred of them paint over the lines above.
const maxAccents = 2

// Safe makes text from anywhere fit to print on one line: control characters,
// invisible ones, those that turn the direction of writing, and bytes that are
// not UTF-8 become what a Go string literal would show: \n, \x1b, \u202e. The
// backslash itself stays, so text made safe before comes through unchanged.
func Safe(s string) string { return escape(s, unicode.MaxRune) }

// ASCII is Safe for terminals that know nothing else: what is not ASCII is
// escaped too.
func ASCII(s string) string { return escape(s, unicode.MaxASCII) }

// escape is Safe for characters up to last, and escapes all above it.
func escape(s string, last rune) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return s
	}
	var b strings.Builder
	accents := 0
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		accents++
		if !isAccent(r) {
			accents = 0
		}
		invalid := r == utf8.RuneError && n == 1
		if invalid || !unicode.IsPrint(r) || r > last || accents > maxAccents {
			quoted := strconv.QuoteToASCII(s[:n])
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String()
}
