package outbox

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"evcp"
)

// The same on file systems that are really full and really read-only.
func TestStartOnAFullDisk(t *testing.T) {
	for _, end := range ends {
		t.Run(end, func(t *testing.T) {
			d := mountSmallDisk(t)
			o := before(t, d.dir, end, Options{})
			d.fill()
			o.goesOn(t, "no space left on device", d.drain)
		})
	}
}

func TestStartOnAReadOnlyDisk(t *testing.T) {
	for _, end := range ends {
		t.Run(end, func(t *testing.T) {
			d := mountSmallDisk(t)
			o := before(t, d.dir, end, Options{})
			d.readOnly()
			o.goesOn(t, "read-only file system", d.writable)
		})
	}
}

// Without a lock file nobody can be kept out, and nobody can have come in.
func TestReadOnlyAndNeverLocked(t *testing.T) {
	d := mountSmallDisk(t)
	o := before(t, d.dir, "clean", Options{})
	if err := os.Remove(filepath.Join(o.dir, lockName)); err != nil {
		t.Fatal(err)
	}
	d.readOnly()
	o.goesOn(t, "read-only file system", d.writable)
}

// A disk that fills up while the Monitor runs is read on, in order.
func TestDiskFillsUp(t *testing.T) {
	d := mountSmallDisk(t)
	w := newTestBox(t, d.state(), Options{probeEvery: 5 * time.Millisecond})
	for range 200 {
		w.many(1, 8, alwaysOK)
	}
	kept := slices.Clone(w.written)
	d.fill()
	for w.refusals() == 0 { // the log has some room left
		ticket := w.check("CP_001", ko())
		eventually(t, "a commit or a refusal", func() bool { return w.box.Kept() >= ticket || w.refusals() > 0 })
		if w.box.Kept() >= ticket {
			kept = slices.Clone(w.written)
		}
	}
	if words := w.why[0].Error(); !strings.Contains(words, "no space left on device") {
		t.Errorf("said %q", words)
	}
	w.written = nil
	w.rejudge([]evcp.Observation{checked(ko())})
	w.flush()
	got, _ := w.wait(w.box.Cursor(Kafka), len(kept)+len(w.written))
	equal(t, "lines", got, append(kept, w.written...))
	d.drain()
	eventually(t, "the disk", w.isHealed)
	w.reopen()
	defer w.close()
	got, _ = w.wait(w.box.Cursor(Kafka), len(kept)+len(w.written))
	equal(t, "lines in the next life", got, append(kept, w.written...))
}
