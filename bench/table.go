package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"
)

// table is one of the document's. It stands there between two markers that bear
// its name, and is read as well in a terminal.
type table struct {
	name  string
	title string // for the terminal; the document has its own headings
	head  []string
	rows  [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) markdown() string {
	width := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	line(&b, t.head, width, " ")
	line(&b, make([]string, len(t.head)), width, "-")
	for _, row := range t.rows {
		line(&b, row, width, " ")
	}
	return b.String()
}

func line(b *strings.Builder, cells []string, width []int, fill string) {
	for i, cell := range cells {
		b.WriteString("| " + cell + strings.Repeat(fill, width[i]-utf8.RuneCountInString(cell)) + " ")
	}
	b.WriteString("|\n")
}

// rewrite puts the tables into the document, each between its markers. A table
// without a place, or a place without its table, is an error, and then the
// document stays as it was: half new figures would be no record of any run.
func rewrite(document string, tables []table) error {
	text, err := os.ReadFile(document)
	if err != nil {
		return fmt.Errorf("read the document: %w", err)
	}
	for _, t := range tables {
		begin, end := []byte("<!-- measured: "+t.name+" -->\n"), []byte("<!-- end -->")
		before, rest, found := bytes.Cut(text, begin)
		_, after, ended := bytes.Cut(rest, end)
		if !found || !ended {
			return fmt.Errorf("%s has no place for the table %q", document, t.name)
		}
		text = bytes.Join([][]byte{before, begin, []byte(t.markdown()), end, after}, nil)
	}
	if places := bytes.Count(text, []byte("<!-- measured: ")); places != len(tables) {
		return fmt.Errorf("%s has %d places for %d tables", document, places, len(tables))
	}
	return os.WriteFile(document, text, 0o644)
}
