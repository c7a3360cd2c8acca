package config

import (
	"fmt"
	"strings"

	"evcp/internal/console/cell"
)

// problem is one error: a paragraph, and the place in the file if it stands there.
type problem struct {
	text    string
	path    string   // the file; "" for flags and variables
	line    int      // in the file, from 1; 0 for the whole file
	excerpt []string // the line and its carets, ready to print
	seeHelp bool
}

// LoadError holds everything that is wrong with a command line, its environment
// and its file. Error is the whole text for a person: several lines, at most 80
// columns, no newline at the end, no control characters but the line breaks.
type LoadError struct {
	program string
	faults  []problem
}

// maxFaults are shown; more would scroll the first one away.
const maxFaults = 20

// prose is where paragraphs wrap: a little before cell.Columns reads better.
const prose = cell.Columns - 4

// Error words one error as a sentence after the program's name, several as a
// count and a block for each.
func (e *LoadError) Error() string {
	var lines []string
	if len(e.faults) == 1 {
		lines = e.faults[0].lines(e.program + ": ")
	} else {
		lines = append(cell.Wrap(e.headline(), prose), "")
		lines = append(lines, e.blocks()...)
	}
	if e.seeHelp() {
		if len(e.faults) > 1 {
			lines = append(lines, "")
		}
		lines = append(lines, fmt.Sprintf(phraseSeeHelp, e.program))
	}
	return strings.Join(lines, "\n")
}

func (f problem) lines(lead string) []string {
	return append(cell.Wrap(lead+f.text, prose), f.excerpt...)
}

func (e *LoadError) headline() string {
	if path := e.onlyFile(); path != "" {
		return e.program + ": " + fmt.Sprintf(phraseErrorsIn, len(e.faults), path)
	}
	return e.program + ": " + fmt.Sprintf(phraseErrors, len(e.faults))
}

// onlyFile is the file in which all faults stand, "" if some stand elsewhere.
func (e *LoadError) onlyFile() string {
	for _, f := range e.faults {
		if f.path == "" {
			return ""
		}
	}
	return e.faults[0].path
}

func (e *LoadError) blocks() []string {
	var lines []string
	for _, f := range e.faults[:min(len(e.faults), maxFaults)] {
		lines = append(lines, f.lines("")...)
	}
	if more := len(e.faults) - maxFaults; more > 0 {
		lines = append(lines, fmt.Sprintf(phraseMore, more))
	}
	return lines
}

func (e *LoadError) seeHelp() bool {
	for _, f := range e.faults {
		if f.seeHelp {
			return true
		}
	}
	return false
}
