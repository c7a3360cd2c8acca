package central

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"evcp/internal/central/cpstate"
	"evcp/internal/folder"
	"evcp/internal/sqlite"
)

// countOnDisk counts the charge points in the file, as another process sees it.
func countOnDisk(t *testing.T, dir string) int {
	t.Helper()
	db, err := fileKind.OpenReader(sqlite.Location{Path: filepath.Join(dir, fileName)})
	if err != nil {
		return -1
	}
	defer func() { _ = db.Close() }()
	n := int64(-1)
	_ = db.QueryInts("SELECT count(*) FROM charge_points", &n)
	return int(n)
}

// A first Monitor registers once and hears no "not registered": what it was
// answered must be true whatever kills Central next; a disk that takes longer than
// newcomer is not waited for.
func TestAnsweredRegistrationIsKept(t *testing.T) {
	dir := t.TempDir()
	_, addr, _ := start(t, Options{StateDir: dir})
	p := dial(t, addr)
	for n := 1; n <= 20; n++ {
		asked := time.Now()
		p.ask(fmt.Sprintf("EV_CP_M CP_%03d registration request", n), "Authentication successful")
		if took, got := time.Since(asked), countOnDisk(t, dir); got != n && took < registrationWait {
			t.Fatalf("%d charge points on disk when %d were answered, after %s", got, n, took)
		}
	}
}

// A disk that refuses is tried again although nobody says anything more.
func TestRefusedDiskIsTriedAgainInSilence(t *testing.T) {
	dir := t.TempDir()
	c, addr, _ := start(t, Options{StateDir: dir})
	waitFor(t, "the file", func() bool { return countOnDisk(t, dir) == 0 })
	block, err := sqlite3.Open(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	if err := block.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	dial(t, addr).ask("EV_CP_M CP_001 registration request", "Authentication successful")
	waitFor(t, "that the figures say so", func() bool { return c.Figures().DiskError != "" })
	if err := errors.Join(block.Exec("ROLLBACK"), block.Close()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the charge point on disk", func() bool { return countOnDisk(t, dir) == 1 })
	waitFor(t, "that the figures say so", func() bool { return c.Figures().DiskError == "" })
}

// A folder that is deleted under a running Central is made anew, with everything,
// and it is this Central's again.
func TestFolderTakenAway(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	_, addr, stop := start(t, Options{StateDir: dir})
	p := dial(t, addr)
	p.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	p.ask("EV_CP_M CP_002 registration request", "Authentication successful")
	waitFor(t, "both in the new file", func() bool { return countOnDisk(t, dir) == 2 })
	if _, err := New(Options{StateDir: dir}); !errors.Is(err, folder.ErrInUse) {
		t.Errorf("a second Central in the new folder: %v", err)
	}
	stop()
}

// A folder that could not be used at the start is used when it can be: what it
// knows comes to the board, and what was heard meanwhile stands.
func TestFolderThatOpensLater(t *testing.T) {
	dir := t.TempDir()
	_, addr, stop := start(t, Options{StateDir: dir})
	p := dial(t, addr)
	p.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	p.ask("EV_CP_M CP_002 registration request", "Authentication successful")
	stop()

	c, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	c.o.StateDir, c.store = dir, newStateFile(dir) // as New leaves it on a full disk
	c.board.restore([]cpstate.Condition{{ID: "CP_002", State: cpstate.Activated, Reason: cpstate.Registered}}, time.Now())
	_, stop = serve(t, c)
	waitFor(t, "what the disk knows", c.isState("CP_001", cpstate.Disconnected, cpstate.CentralRestarted))
	stop()
	if len(c.CPs()) != 2 {
		t.Errorf("%d charge points", len(c.CPs()))
	}
}

// A disk may be well again one day; a wrong name or missing rights are told at once.
func TestWhoIsAtFault(t *testing.T) {
	for _, c := range []struct {
		err  error
		disk bool
	}{
		{nil, false},
		{&os.PathError{Op: "mkdir", Path: "/x", Err: syscall.EROFS}, true},
		{fmt.Errorf("lock: %w", syscall.ENOSPC), true},
		{os.ErrPermission, false},
		{os.ErrNotExist, false},
		{folder.InUseError{Dir: "/x"}, false},
	} {
		if got := diskFault(t.TempDir(), c.err); got != c.disk {
			t.Errorf("%v: the disk is at fault: %v", c.err, got)
		}
	}
}
