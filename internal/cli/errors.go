package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"evcp/internal/console/cell"
)

// UsageError is an error of the command line or a file that it names, found only
// when that was used.
type UsageError struct{ Err error }

func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap is the error itself.
func (e UsageError) Unwrap() error { return e.Err }

// mostLines is how many lines of an error are shown; more would scroll the first
// away.
const mostLines = 20

// PrintError says why a program ends, on lines that fit, and returns its exit code.
func PrintError(stderr io.Writer, program string, err error) int {
	lines := strings.Split(program+": "+err.Error(), "\n")
	for _, line := range lines[:min(len(lines), mostLines)] {
		fmt.Fprintln(stderr, strings.Join(cell.Wrap(line, cell.Columns), "\n"))
	}
	if more := len(lines) - mostLines; more > 0 {
		fmt.Fprintf(stderr, "and %d more.\n", more)
	}
	if errors.As(err, &UsageError{}) {
		return ExitUsage
	}
	return ExitFailed
}

// CheckStateDir says what is wrong with a --state-dir that can never be one: it, or
// something on the way to it, is a file. One that is only absent can be made, and
// one that refuses may come back.
func CheckStateDir(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() || errors.Is(err, syscall.ENOTDIR) {
		return UsageError{Err: fmt.Errorf("--state-dir %s: a folder is needed, and a file is there", dir)}
	}
	return nil
}
