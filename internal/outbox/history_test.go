package outbox

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// readHistory reads what a History has left, as lines.
func readHistory(t *testing.T, h *History) (all []string) {
	t.Helper()
	for {
		run, ok, err := h.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return all
		}
		for line := range run.Each() {
			all = append(all, string(line))
		}
	}
}

func openTestHistory(t *testing.T, dir string) *History {
	t.Helper()
	h, err := OpenHistory(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestLookingBesideTheOwner reads what is kept while a process has the folder,
// follows it through the end of that process, and into the next one.
func TestLookingBesideTheOwner(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{})
	w.check("CP_001", ok())
	w.check("CP_001", ko())
	w.flush()
	h := openTestHistory(t, w.dir)
	if got := readHistory(t, h); !slices.Equal(got, w.written) {
		t.Fatalf("read %q, want %q", got, w.written)
	}
	for _, act := range []func(){func() {}, w.close, w.open, w.reopen} {
		act()
		if w.box.currentCommitter().closeErr != nil {
			t.Fatal(w.box.currentCommitter().closeErr)
		}
		from := len(w.written)
		select {
		case <-w.box.closed:
		default:
			w.check("CP_001", ok())
			w.flush()
		}
		if got := readHistory(t, h); !slices.Equal(got, w.written[from:]) {
			t.Fatalf("then read %q, want %q", got, w.written[from:])
		}
	}
	w.close()
}

// TestLookingWithoutAnOwner reads a folder that nobody has, and leaves it as it
// was: after a clean end, and after a crash.
func TestLookingWithoutAnOwner(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{})
	w.check("CP_001", ok())
	w.flush()
	crashed := t.TempDir()
	for _, name := range []string{fileName, fileName + "-wal", fileName + "-shm"} {
		b, err := os.ReadFile(filepath.Join(w.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(crashed, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.close()
	for name, dir := range map[string]string{"closed": w.dir, "crashed": crashed} {
		t.Run(name, func(t *testing.T) {
			before := files(t, dir)
			content, err := os.ReadFile(filepath.Join(dir, fileName))
			if err != nil {
				t.Fatal(err)
			}
			h := openTestHistory(t, dir)
			if got := readHistory(t, h); !slices.Equal(got, w.written) {
				t.Errorf("read %q, want %q", got, w.written)
			}
			if err := h.Close(); err != nil {
				t.Error(err)
			}
			if after := files(t, dir); !slices.Equal(after, before) {
				t.Errorf("the folder held %v and now holds %v", before, after)
			}
			if after, err := os.ReadFile(filepath.Join(dir, fileName)); err != nil || !bytes.Equal(after, content) {
				t.Errorf("the file changed: %v", err)
			}
		})
	}
}

func TestLookingSince(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{})
	for range 5 {
		w.check("CP_001", ok())
		w.flush()
	}
	from := w.at
	w.check("CP_001", ok())
	w.flush()
	h := openTestHistory(t, w.dir)
	if err := h.Since(from + 1); err != nil {
		t.Fatal(err)
	}
	if got := readHistory(t, h); !slices.Equal(got, w.written[5:]) {
		t.Errorf("read %q, want %q", got, w.written[5:])
	}
	w.close()
}

func TestLookingWhereNothingIs(t *testing.T) {
	if _, err := OpenHistory(t.TempDir()); !errors.Is(err, ErrNothingKept) {
		t.Error(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, fileName), []byte("no database, only words"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenHistory(dir); err == nil || errors.Is(err, ErrNothingKept) {
		t.Error(err)
	}
}

// TestLatestWalksBackwards reads the newest events without the file.
func TestLatestWalksBackwards(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{})
	for range 3 {
		w.check("CP_001", ok())
		w.check("CP_002", ko())
	}
	w.flush()
	var got []string
	for line := range w.box.Latest() {
		got = append(got, string(line))
	}
	slices.Reverse(got)
	if !slices.Equal(got, w.written) {
		t.Errorf("read %q, want %q", got, w.written)
	}
	w.close()
}

// TestLookingWhileItIsMade opens again and again while an outbox is made, used
// and closed.
func TestLookingWhileItIsMade(t *testing.T) {
	for range 20 {
		dir := t.TempDir()
		done := make(chan struct{})
		var got []string
		go func() {
			defer close(done)
			deadline := time.Now().Add(30 * time.Second)
			var h *History
			for len(got) < 2 && time.Now().Before(deadline) {
				if h == nil {
					opened, err := OpenHistory(dir)
					if errors.Is(err, ErrNothingKept) {
						continue
					}
					if err != nil {
						t.Error(err)
						return
					}
					h = opened
				}
				run, ok, err := h.Next()
				if err != nil {
					t.Error(err)
					break
				}
				if ok {
					for line := range run.Each() {
						got = append(got, string(line))
					}
				}
			}
			if h != nil {
				h.Close()
			}
		}()
		w := newTestBox(t, dir, Options{})
		w.check("CP_001", ok())
		w.flush()
		w.check("CP_001", ko())
		w.close()
		<-done
		if !slices.Equal(got, w.written) {
			t.Fatalf("read %q, want %q", got, w.written)
		}
	}
}
