package main

import (
	"fmt"
	"slices"
	"strings"
)

// keys are the commands of the terminal.
var keys = []struct {
	key       rune
	behaviour string
}{
	{'o', "ok"}, {'k', "ko"}, {'i', "intermittent"}, {'d', "delayed-ko"}, {'m', "mute"},
	{'s', "slow=1.5s"}, {'p', "drip"}, {'r', "reset"}, {'c', "close"}, {'g', "garbage"},
	{'t', "split"}, {'x', "refuse"},
}

const (
	keyHelp = '?'
	keyQuit = 'q'
)

// legend shows the keys, five in a line.
func legend() []string {
	cells := make([]string, 0, len(keys)+2)
	for _, k := range keys {
		cells = append(cells, fmt.Sprintf("%c %-14s", k.key, k.behaviour))
	}
	cells = append(cells, fmt.Sprintf("%c %-14s", keyHelp, "keys"), fmt.Sprintf("%c quit", keyQuit))
	var lines []string
	for five := range slices.Chunk(cells, 5) {
		lines = append(lines, strings.TrimRight("  "+strings.Join(five, ""), " "))
	}
	return lines
}
