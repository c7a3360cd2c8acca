package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"evcp/internal/cli"
	"evcp/internal/display"
	"evcp/internal/eventlog"
	"evcp/internal/explain"
	"evcp/internal/language"
	"evcp/internal/outbox"
	"evcp/internal/status"
)

// supportSince is how far back the events of a support file go, and supportEvents how many
// bytes of them it holds at most: the newest.
const (
	supportSince  = 6 * time.Hour
	supportEvents = 4 << 20
)

// supportEntry is one file in a support file.
type supportEntry struct {
	name, about string
	content     []byte
}

// writeSupport writes what one attaches to a question: never a secret, nor the content of a
// certificate, and readable by this user alone. Without a running Monitor it has what is on
// disk, and the settings of this call.
func (o *options) writeSupport(ctx context.Context) error {
	if o.operand == "" {
		return cli.UsageError(language.New("support needs a file: ev-cp-m support FILE.zip"))
	}
	f, err := os.OpenFile(o.operand, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return language.Errorf("%s is there already; choose another name", o.operand)
	case err != nil:
		return err
	}
	entries, runs := o.supportEntries(ctx)
	err = errors.Join(writeZip(f, entries), f.Close())
	if err != nil {
		return errors.Join(err, os.Remove(o.operand))
	}
	lines := []string{o.said.Sprintf("%s holds, without secrets:", o.operand), ""}
	for _, e := range entries {
		lines = append(lines, fmt.Sprintf("  %-13s %s", e.name, e.about))
	}
	lines = append(lines, "")
	if !runs {
		lines = append(lines, o.said.Sprintf("No Monitor of %s answers: it has only what is on disk.", o.subject()))
	}
	o.log.OpenAnswer().Print(append(lines, o.said.Text("Look through it before you send it: it names your machines."))...)
	return nil
}

func writeZip(f *os.File, entries []supportEntry) error {
	z := zip.NewWriter(f)
	for _, e := range entries {
		w, err := z.CreateHeader(&zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: time.Now()})
		if err != nil {
			return err
		}
		if _, err := w.Write(e.content); err != nil {
			return err
		}
	}
	return z.Close()
}

// supportEntries are the files. runs reports whether a Monitor answered.
func (o *options) supportEntries(ctx context.Context) (entries []supportEntry, runs bool) {
	add := func(name, about string, content []byte) {
		entries = append(entries, supportEntry{name, about, content})
	}
	own := explain.Support{Settings: o.Settings, Go: runtime.Version(), OS: runtime.GOOS + "/" + runtime.GOARCH, Threads: runtime.GOMAXPROCS(0)}
	get := func(path string) []byte {
		a, err := status.Get(ctx, o.Dir(), path)
		if err != nil {
			return fmt.Appendf(nil, "%s\n", err)
		}
		runs = true
		return a.Body
	}
	document, private := get(status.StatusPath), get(status.SupportPath)
	var d explain.MonitorStatus
	if json.Unmarshal(document, &d) == nil {
		text := explain.Lines(d, explain.View{Zone: time.UTC, Columns: display.Columns})
		add("explain.txt", "what ev-cp-m explain says, in UTC", []byte(strings.Join(text, "\n")+"\n"))
		add("status.json", "the same as data", document)
		add("metrics.txt", "its metrics", get(status.MetricsPath))
	}
	var asked explain.Support
	if json.Unmarshal(private, &asked) == nil {
		own = asked
		add("log.txt", "the last lines of its log", []byte(strings.Join(own.Log, "\n")+"\n"))
	}
	add("settings.txt", "settings in force, and where each came from", settingsText(own.Settings))
	add("events.ndjson", "the newest events of the last 6 h", o.supportEvents(ctx))
	add("facts.txt", "versions, machine, disk", o.supportFacts(own))
	return entries, runs
}

func settingsText(settings []explain.SettingValue) []byte {
	var b bytes.Buffer
	for _, s := range settings {
		fmt.Fprintf(&b, "--%s %s  (%s)\n", s.Name, display.Safe(s.Value), display.Safe(s.Source))
	}
	return b.Bytes()
}

// supportEvents are events as JSON lines, or why there are none.
func (o *options) supportEvents(ctx context.Context) []byte {
	var kept []byte
	_, err := eventlog.Run(ctx, eventlog.Options{
		Dir: o.Dir(), CP: o.only, Since: time.Now().Add(-supportSince), JSON: true, Level: slog.LevelDebug,
		WriteJSON: func(line []byte) error {
			kept = append(kept, line...)
			if over := len(kept) - supportEvents; over > 0 {
				begin := over + bytes.IndexByte(kept[over:], '\n') + 1
				kept = append(kept[:0], kept[begin:]...)
			}
			return nil
		},
	})
	if err != nil && !errors.Is(err, outbox.ErrNothingKept) {
		return fmt.Appendf(kept, "%s\n", err)
	}
	return kept
}

// supportFacts are what people ask first.
func (o *options) supportFacts(from explain.Support) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "ev-cp-m %s, built by %s for %s, %d threads\n", o.Version, from.Go, from.OS, from.Threads)
	fmt.Fprintf(&b, "written %s\n", time.Now().UTC().Format(time.RFC3339))
	for _, path := range []string{"/proc/version", "/proc/loadavg", "/proc/uptime"} { // on Linux
		if text, err := os.ReadFile(path); err == nil {
			fmt.Fprintf(&b, "%s: %s\n", path, bytes.TrimSpace(text))
		}
	}
	fmt.Fprintf(&b, "state folder %s\n", o.Dir())
	files, err := os.ReadDir(o.Dir())
	if err != nil {
		fmt.Fprintln(&b, err)
	}
	for _, f := range files {
		if info, err := f.Info(); err == nil {
			fmt.Fprintf(&b, "  %s %10d %s %s\n", info.Mode(), info.Size(), info.ModTime().UTC().Format(time.RFC3339), display.Safe(f.Name()))
		}
	}
	var disk syscall.Statfs_t
	if syscall.Statfs(filepath.Clean(o.Dir()), &disk) == nil {
		size := uint64(disk.Bsize) //nolint:gosec // never negative
		fmt.Fprintf(&b, "disk: %d of %d bytes free, %d of %d files\n", disk.Bavail*size, disk.Blocks*size, disk.Ffree, disk.Files)
	}
	return b.Bytes()
}
