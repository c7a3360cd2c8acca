package folder

import (
	"slices"
	"strings"
)

// OneLine is an error as a person reads it: SQLite and errors.Join like to say the
// same thing on several lines, and who SQLite is does not matter.
func OneLine(err error) string {
	var said []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimPrefix(strings.TrimSpace(line), "sqlite3: "); line != "" && !slices.Contains(said, line) {
			said = append(said, line)
		}
	}
	return strings.Join(said, "; ")
}
