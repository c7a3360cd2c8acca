package console_test

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// screen plays the few things a Console asks of a terminal and returns the rows
// with "_" where the cursor is. Anything else fails the test.
func screen(t *testing.T, printed string) string {
	t.Helper()
	rows, row, col := [][]rune{nil}, 0, 0
	for rest := printed; rest != ""; {
		r, n := utf8.DecodeRuneInString(rest)
		line := rows[row]
		switch {
		case r == '\r':
			col = 0
		case r == '\n':
			if row++; row == len(rows) {
				rows = append(rows, nil)
			}
		case strings.HasPrefix(rest, "\x1b[J"):
			rows, rows[row], n = rows[:row+1], line[:min(col, len(line))], 3
		case strings.HasPrefix(rest, "\x1b["):
			n = strings.IndexByte(rest, 'm') + 1
			if n == 0 || strings.Trim(rest[2:n-1], "0123456789") != "" {
				t.Fatalf("unexpected sequence in %q", rest)
			}
		case r < ' ':
			t.Fatalf("unexpected %q", r)
		case col < len(line):
			line[col] = r
			col++
		default:
			rows[row] = append(line, r)
			col++
		}
		rest = rest[n:]
	}
	var text []string
	for i, r := range rows {
		line := string(r)
		if i == row {
			line = "_" + line
			if col > 0 {
				t.Fatalf("the cursor stays at column %d", col)
			}
		}
		text = append(text, line)
	}
	return strings.Join(text, "\n")
}
