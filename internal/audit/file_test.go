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
			c.Line(AddUser, "ben", nil, "ben")
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

// TestUnusableFile: one that can't be used is put aside, and the new one is for the user of this
// process alone, as the first one was.
func TestUnusableFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, FileName), []byte(strings.Repeat("no database", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	aside, _ := filepath.Glob(filepath.Join(dir, "board-*-corrupt.db"))
	info, err := os.Stat(filepath.Join(dir, FileName))
	if err != nil || info.Mode().Perm() != 0o600 || len(aside) != 1 {
		t.Errorf("%v, put aside %v, %v", info, aside, err)
	}
}
