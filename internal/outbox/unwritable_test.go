package outbox

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"evcp"
	"evcp/internal/faultdisk"
)

// An outage that Central has heard of, and of which Kafka has the beginning.
type outageAtStart struct {
	*testBox
	state  evcp.State // when the disk was still well
	unsent []string   // what Kafka does not have
}

// before runs the first process in a folder and ends it: in order, or killed with or
// without SQLite's shared memory left behind.
func before(t *testing.T, dir, end string, options Options) *outageAtStart {
	t.Helper()
	w := newTestBox(t, filepath.Join(dir, "state"), Options{})
	w.observe(evcp.Observation{CP: "CP_001", Kind: evcp.Registered, Response: "welcome"})
	w.flush()
	c := w.box.Cursor(Kafka)
	c.Advance(w.next(c).ID)
	sent := len(w.written)
	for range 3 {
		w.check("CP_001", ko())
	}
	incident := w.states["CP_001"].Incident.ID
	w.observe(evcp.Observation{CP: "CP_001", Kind: evcp.FailureReported, Incident: incident, Response: "received"})
	facts := w.facts(2)
	w.box.Facts().Settle(facts[1].Pos, 0)
	run := w.next(c)
	c.Advance(run.ID)
	sent += run.Count
	for full := false; !full; full = w.logIsFull() {
		w.check("CP_001", ko()) // what was settled and sent is kept with it
		w.flush()
	}
	o := &outageAtStart{testBox: w, state: w.states["CP_001"], unsent: w.written[sent:]}
	w.written = nil
	dir = w.dir
	if end != "clean" {
		dir = filepath.Join(dir, "killed")
		copyKilled(t, w.dir, dir, end == "killed")
	}
	w.close()
	w.options.probeEvery = 5 * time.Millisecond
	w.dir, w.options.VFS = dir, options.VFS
	return o
}

// logIsFull reports whether the log has used up the last block of its file, as far as it is
// written: a full disk takes the pages that still fit in there.
func (w *testBox) logIsFull() bool {
	const block = 4096
	return (block-len(writtenLog(w.t, w.dir))%block)%block < pageSize
}

// writtenLog is the log without what is reserved behind its last commit.
func writtenLog(t testingT, dir string) []byte {
	const header, frame = 32, 24 + pageSize
	content, err := os.ReadFile(filepath.Join(dir, fileName+"-wal"))
	if err != nil {
		t.Fatal(err)
	}
	frames := (len(bytes.TrimRight(content, "\x00")) - header + frame - 1) / frame
	return content[:header+frames*frame]
}

// copyKilled copies a folder as a kill leaves it, with a log of which nothing is reserved.
func copyKilled(t *testing.T, from, to string, withShm bool) {
	t.Helper()
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	copyFiles(t, from, to)
	replaceWith(t, filepath.Join(to, fileName+"-wal"), string(writtenLog(t, from)))
	replaceWith(t, filepath.Join(to, lockName), "1\n")
	if shm := fileName + "-shm"; withShm {
		content, err := os.ReadFile(filepath.Join(from, shm))
		if err != nil {
			t.Fatal(err)
		}
		replaceWith(t, filepath.Join(to, shm), string(content))
	}
}

var ends = []string{"clean", "killed", "killed, no -shm"}

// goesOn opens the folder on a disk that takes nothing and holds it to what is
// known; then the disk is mended.
func (o *outageAtStart) goesOn(t *testing.T, says string, mend func()) {
	t.Helper()
	o.open()
	origin := o.box.OpenResult()
	if origin.Found != Refused || !origin.Renumber || !strings.Contains(origin.Why, says) || strings.Contains(origin.Why, "\n") {
		t.Fatalf("open result %+v", origin)
	}
	if s := o.box.State("CP_001"); s != o.state || !s.EverAccepted || s.Incident.Reports != 1 || !o.box.Renumber(o.box.Handle("CP_001")) {
		t.Fatalf("state %+v,\nwant %+v", s, o.state)
	}
	if facts, _ := o.box.Facts().Ready(); len(facts) != 0 {
		t.Errorf("handed out again: %+v", facts)
	}
	o.at = evcp.StampOf(time.Now())
	o.observe(evcp.Observation{CP: "CP_001", Kind: evcp.Started, Renumber: true})
	o.check("CP_001", ok())
	o.flush()
	first, err := evcp.ParseEvent([]byte(o.written[0]))
	if err != nil || first.Epoch <= o.state.Epoch || first.Seq != 1 || first.PrevEpoch != o.state.Epoch || first.PrevSeq != o.state.Seq {
		t.Errorf("the first event is %+v", first)
	}
	c := o.box.Cursor(Kafka)
	if n, _ := c.Pending(); n != int64(len(o.unsent)+len(o.written)) {
		t.Errorf("pending %d", n)
	}
	want := slices.Concat(o.unsent, o.written)
	got, last := o.waitLines(c, len(want))
	equal(t, "lines", got, want)
	if h := openTestHistory(t, o.dir); len(readHistory(t, h)) == 0 {
		t.Error("nobody can look at what is kept")
	}
	mend()
	eventually(t, "the disk", func() bool { return o.box.Stats().RefusedSince.IsZero() })
	c.Advance(last)
	o.check("CP_001", ok())
	o.flush()
	state := o.states["CP_001"]
	o.reopen()
	defer o.close()
	if origin := o.box.OpenResult(); origin.Found != Resumed || origin.Renumber || o.box.State("CP_001") != state {
		t.Errorf("after a restart: open result %+v, state %+v", origin, o.box.State("CP_001"))
	}
	got, _ = o.readAll(o.box.Cursor(Kafka))
	equal(t, "lines after the next start", got, o.written[len(o.written)-1:])
	if facts := o.facts(1); facts[0].Action != evcp.EngineRecovered {
		t.Errorf("%+v", facts)
	}
}

// A disk that can be read is read, also when nothing can be written any more.
func TestStartOnARefusingDisk(t *testing.T) {
	for _, end := range ends {
		t.Run(end, func(t *testing.T) {
			d := faultdisk.New(t)
			o := before(t, t.TempDir(), end, Options{VFS: d.Name()})
			d.Refuse(syscall.EIO)
			o.goesOn(t, "unable to open database file", func() { d.Before(nil) })
		})
	}
}

// A process that ends before such a disk is well leaves behind that numbers were
// used of which the file knows nothing.
func TestNoRecoveryAfterSuchAStart(t *testing.T) {
	d := faultdisk.New(t)
	o := before(t, t.TempDir(), "killed", Options{VFS: d.Name()})
	d.Refuse(syscall.EIO)
	o.open()
	o.observe(evcp.Observation{CP: "CP_001", Kind: evcp.Started, Renumber: true})
	o.flush()
	if err := o.box.Close(t.Context()); err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "is lost") {
		t.Errorf("Close said %v", err)
	}
	d.Before(nil)
	o.open()
	defer o.close()
	if origin := o.box.OpenResult(); origin.Found != Resumed || !origin.Renumber || o.box.State("CP_001") != o.state {
		t.Errorf("open result %+v, state %+v", origin, o.box.State("CP_001"))
	}
}

// A file that can be neither used nor put aside still tells its numbers.
func TestUnusableOnARefusingDisk(t *testing.T) {
	dir, states := someHistory(t)
	run(t, filepath.Join(dir, fileName), `PRAGMA user_version=99`)
	d := faultdisk.New(t)
	d.Refuse(syscall.ENOSPC)
	w := newTestBox(t, dir, Options{VFS: d.Name(), probeEvery: time.Hour})
	s := states["CP_000"]
	if got := w.box.State("CP_000"); got != (evcp.State{Epoch: s.Epoch, Seq: s.Seq, At: s.At}) || !w.box.Renumber(w.box.Handle("CP_000")) {
		t.Errorf("state %+v, want %+v", got, s)
	}
	if origin := w.box.OpenResult(); origin.Found != Refused || !origin.Renumber {
		t.Errorf("open result %+v", origin)
	}
	d.Before(nil)
	w.close()
	if names, _ := filepath.Glob(filepath.Join(dir, "outbox-*-newer.db")); len(names) != 1 {
		t.Errorf("put aside when the disk was well: %v", names)
	}
}
