package outbox

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"evcp"
	"evcp/internal/folder"
)

// loneFolders are the folders of three charge points: CP_1 has an incident of which Central
// knows and Kafka does not, CP_2 one of which Kafka knows and Central does not, CP_3 has
// plain OKs, and its last number can't be proven. sent is what Kafka has.
func loneFolders(t *testing.T, parent string) (dirs, sent, all []string, states map[evcp.CPID]evcp.State) {
	t.Helper()
	states = map[evcp.CPID]evcp.State{}
	for _, cp := range []evcp.CPID{"CP_1", "CP_2", "CP_3"} {
		dir := filepath.Join(parent, string(cp))
		w := newTestBox(t, dir, Options{})
		c := w.box.Cursor(Kafka)
		deliver := func() {
			w.flush()
			got, last := w.readAll(c)
			c.Advance(last)
			sent = append(sent, got...)
		}
		fail := func() {
			for range 3 {
				w.check(cp, ko())
			}
			w.flush()
		}
		w.check(cp, ok())
		deliver()
		switch cp {
		case "CP_1":
			fail()
			failed := w.facts(1)[0]
			w.observe(evcp.Observation{CP: cp, Kind: evcp.FailureReported, Incident: failed.Incident, Response: "received"})
			w.flush()
			w.box.Facts().Settle(failed.Pos, 0)
		case "CP_2":
			fail()
			deliver()
		}
		w.check(cp, ok())
		w.flush()
		states[cp] = w.box.State(cp)
		all = append(all, w.written...)
		w.close()
		if cp == "CP_3" {
			if err := os.Remove(filepath.Join(dir, markerName)); err != nil {
				t.Fatal(err)
			}
		}
		dirs = append(dirs, dir)
	}
	return dirs, sent, all, states
}

// checkTakenOver holds a fleet's folder to what the lone ones had: what Kafka did not have
// comes once, and what Central did not know is still to be told, once.
func checkTakenOver(t *testing.T, w *testBox, sent, all []string, states map[evcp.CPID]evcp.State) {
	t.Helper()
	got, _ := w.readAll(w.box.Cursor(Kafka))
	if got = append(slices.Clone(sent), got...); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(all))) {
		t.Errorf("Kafka gets\n%s\nwant\n%s", eventIDs(got), eventIDs(all))
	}
	ends := map[string]evcp.EventID{}
	for _, line := range got {
		seqOf(t, line, ends)
	}
	var facts []string
	for _, f := range w.box.Facts().queue {
		facts = append(facts, fmt.Sprintf("%s %s", w.box.states[f.Handle].cp, f.Action))
	}
	want := []string{"CP_1 engine_failed", "CP_1 report_engine_failure", "CP_1 engine_recovered", "CP_2 engine_failed", "CP_2 engine_recovered"}
	if slices.Sort(facts); !slices.Equal(facts, slices.Sorted(slices.Values(want))) {
		t.Errorf("Central is to be told %v", facts)
	}
	for cp, want := range states {
		if got := w.box.State(cp); got != want || w.box.Renumber(w.box.Handle(cp)) != (cp == "CP_3") {
			t.Errorf("%s: renumber %t, state\n%+v\nwant\n%+v", cp, w.box.Renumber(w.box.Handle(cp)), got, want)
		}
	}
}

func eventIDs(lines []string) (ids []string) {
	for _, line := range lines {
		_, id, _ := strings.Cut(line, `"event_id":`)
		ids = append(ids, strings.Trim(id, `"}`))
	}
	return ids
}

// TestTakeOver: State, unsent events and pending reports go on in the fleet's folder, and
// after its restarts; the old files are put aside.
func TestTakeOver(t *testing.T) {
	parent := t.TempDir()
	dirs, sent, all, states := loneFolders(t, parent)
	w := newTestBox(t, filepath.Join(parent, "fleet"), Options{TakeOver: append(dirs, filepath.Join(parent, "CP_4"))})
	if r := w.box.OpenResult(); r.TakenOver != 3 || r.Found != New {
		t.Errorf("%+v", r)
	}
	checkTakenOver(t, w, sent, all, states)
	for _, dir := range dirs {
		if aside, _ := filepath.Glob(filepath.Join(dir, "outbox-*-taken-over.db")); len(aside) != 1 {
			t.Errorf("%s has %v", dir, aside)
		}
	}
	w.box.Cursor(Kafka).Rewind()
	delete(states, "CP_3") // begins a new epoch only once
	for range 2 {
		w.reopen()
		if n := w.box.OpenResult().TakenOver; n != 0 {
			t.Errorf("%d folders are taken over again", n)
		}
		checkTakenOver(t, w, sent, all, states)
		w.box.Cursor(Kafka).Rewind()
	}
	w.close()
}

// TestTakeOverOfALockedFolder: nothing is taken while another process has one of the folders,
// and the fleet's own is free again.
func TestTakeOverOfALockedFolder(t *testing.T) {
	parent := t.TempDir()
	dirs, sent, all, states := loneFolders(t, parent)
	lock, err := folder.Acquire(dirs[2], lockName)
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(parent, "fleet")
	if _, err := Open(own, Options{TakeOver: dirs}); !errors.Is(err, folder.ErrInUse) || !strings.Contains(err.Error(), dirs[2]) {
		t.Fatal(err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	w := newTestBox(t, own, Options{TakeOver: dirs})
	defer w.close()
	checkTakenOver(t, w, sent, all, states)
}

// TestTakeOverLater: charge points that come to a fleet which has events of its own.
func TestTakeOverLater(t *testing.T) {
	parent := t.TempDir()
	w := newTestBox(t, filepath.Join(parent, "fleet"), Options{})
	w.check("X", ok())
	w.flush()
	c := w.box.Cursor(Kafka)
	_, last := w.readAll(c)
	c.Advance(last)
	w.close()
	dirs, sent, all, states := loneFolders(t, parent)
	w = newTestBox(t, filepath.Join(parent, "fleet"), Options{TakeOver: dirs})
	defer w.close()
	checkTakenOver(t, w, sent, all, states)
	if w.box.State("X").Seq != 1 {
		t.Error("the State of the fleet's own charge point is gone")
	}
}

// TestTakeOverEndsHalfway: the process ends between the copy and putting aside.
func TestTakeOverEndsHalfway(t *testing.T) {
	parent := t.TempDir()
	dirs, sent, all, states := loneFolders(t, parent)
	o := &Outbox{options: Options{Readers: []string{Kafka, Central}}.withDefaults(), dir: filepath.Join(parent, "fleet"), host: host{instance: "test"}}
	if err := os.Mkdir(o.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	store, err := openStore(o.file(), o.options.MaxSize, 1)
	if err != nil {
		t.Fatal(err)
	}
	folders, err := lockFolders(dirs)
	if err != nil {
		t.Fatal(err)
	}
	half := takeOver{o: o, to: store, folders: folders}
	if err := errors.Join(half.readNotes(), half.copyAll(), store.Close()); err != nil {
		t.Fatal(err)
	}
	unlockFolders(folders)
	w := newTestBox(t, o.dir, Options{TakeOver: dirs})
	defer w.close()
	checkTakenOver(t, w, sent, all, states)
}

// takeOverChild is a process that will be killed while it takes over.
func takeOverChild(parent string) {
	dirs, _ := filepath.Glob(filepath.Join(parent, "CP_*"))
	fmt.Println("begun")
	w := newTestBox(childT{}, filepath.Join(parent, "fleet"), Options{TakeOver: dirs})
	w.close()
	time.Sleep(time.Hour)
}

// TestKillNineInATakeOver ends processes by kill -9 while they take over: nothing is lost, and
// nothing doubled.
func TestKillNineInATakeOver(t *testing.T) {
	for range 8 {
		parent := t.TempDir()
		dirs, sent, all, states := loneFolders(t, parent)
		delete(states, "CP_3") // whether it begins a new epoch depends on which process took it
		for range 2 {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), "EVCP_TEST_TAKE_OVER="+parent)
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := out.Read(make([]byte, 16)); err != nil {
				t.Fatal("the child did not begin")
			}
			time.Sleep(rand.N(30 * time.Millisecond))
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // it was killed
		}
		w := newTestBox(t, filepath.Join(parent, "fleet"), Options{TakeOver: dirs})
		checkTakenOver(t, w, sent, all, states)
		w.close()
	}
}
