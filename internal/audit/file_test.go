package audit

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRemovedFile: what is written to a file that is not in its folder any more is lost with the
// process, so nothing is taken, and the log says so once.
func TestRemovedFile(t *testing.T) {
	var log bytes.Buffer
	dir := t.TempDir()
	f, err := Open(dir, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	change := func() error {
		return f.Change(Actor{Name: "ana", Kind: ByLocal}, func(c *BoardChange) error {
			c.Line("add_user", "ben", nil, "ben")
			return nil
		})
	}
	if err := change(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, FileName)); err != nil {
		t.Skip("an open file can't be removed here:", err)
	}
	for range 2 {
		if err := change(); !errors.Is(err, ErrGone) {
			t.Errorf("a change of a removed file: %v", err)
		}
	}
	if n := strings.Count(log.String(), "board.db was removed"); n != 1 {
		t.Errorf("%d lines: %s", n, log.String())
	}
}
