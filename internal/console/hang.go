package console

import (
	"strings"

	"evcp/internal/console/cell"
)

// Prose breaks a paragraph at blanks into lines that fit.
func Prose(text string) []string { return cell.Wrap(text, cell.Columns) }

// Hang returns lead and text on one line if they fit, with a blank between; else
// lead alone and text under it, indented by so many cells, on as many lines as it
// takes.
func Hang(lead, text string, indent int) []string {
	if line := lead + " " + text; cell.Width(line) <= cell.Columns {
		return []string{line}
	}
	lines := []string{lead}
	for _, more := range cell.Wrap(text, cell.Columns-indent) {
		lines = append(lines, strings.Repeat(" ", indent)+more)
	}
	return lines
}
