package console

import (
	"os"
	"path/filepath"
	"strings"
)

// Path writes the home directory in a path as a person does: ~/state.
func Path(path string) string {
	home, err := os.UserHomeDir()
	if rest, ok := strings.CutPrefix(path, home+string(os.PathSeparator)); err == nil && ok {
		return filepath.Join("~", rest)
	}
	return path
}
