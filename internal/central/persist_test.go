package central

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"evcp"
	"evcp/internal/central/cpstate"
	"evcp/internal/folder"
	"evcp/internal/sqlite"
)

// countOnDisk counts the charge points in the file, as another process sees it.
func countOnDisk(t *testing.T, dir string) int {
	t.Helper()
	db, err := fileSchema.OpenReader(sqlite.DBFile{Path: filepath.Join(dir, fileName)})
	if err != nil {
		return -1
	}
	defer func() { _ = db.Close() }()
	n := int64(-1)
	_ = db.QueryInts("SELECT count(*) FROM charge_points", &n)
	return int(n)
}

func openStateFile(t *testing.T, dir string) *stateFile {
	t.Helper()
	s := &stateFile{dir: dir, log: slog.New(slog.DiscardHandler)}
	if _, err := s.ensure(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.close() })
	return s
}

func TestChargePointsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	_, addr, stop := start(t, Options{StateDir: dir})
	p := dial(t, addr)
	for _, id := range []string{"CP_001", "CP_002", "CP_003"} {
		p.ask("EV_CP_M "+id+" registration request", "Authentication successful")
	}
	p.ask("EV_CP_M CP_001 heartbeat OK", "OK")
	p.ask("EV_CP_M CP_002 heartbeat KO", "OK")
	p.ask("EV_CP_M CP_003 disconnect", "OK")
	stop()

	c, addr, stop := start(t, Options{StateDir: dir})
	for id, why := range map[evcp.CPID]cpstate.Reason{
		"CP_001": cpstate.CentralRestarted, "CP_002": cpstate.CentralRestarted, "CP_003": cpstate.SaidGoodbye,
	} {
		if !c.isState(id, cpstate.Disconnected, why)() {
			v, _ := c.CP(id)
			t.Errorf("%s is %v (%v) after a restart, want %v", id, v.State, v.Reason, why)
		}
	}
	fault, _ := c.CP("CP_002")
	p = dial(t, addr)
	p.ask("EV_CP_M CP_001 heartbeat MONITORING", "OK") // registered by an earlier connection, to an earlier process
	p.ask("EV_CP_M CP_002 registration request", "Authentication successful")
	p.ask("EV_CP_M CP_004 heartbeat OK", "KO not registered")
	if v, _ := c.CP("CP_002"); v.State != cpstate.Faulted || !v.Since.Equal(fault.Fault.Since) {
		t.Errorf("%v since %v; the fault goes on since %v", v.State, v.Since, fault.Fault.Since)
	}
	stop()

}

func TestSecondCentralInOneFolder(t *testing.T) {
	dir := t.TempDir()
	start(t, Options{StateDir: dir})
	want := fmt.Sprintf("state folder %s is in use by process %d; give this EV_Central a folder of its own with --state-dir", dir, os.Getpid())
	if _, err := New(Options{StateDir: dir}); !errors.Is(err, folder.ErrInUse) || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestUnusableFilesArePutAside(t *testing.T) {
	tests := map[string]func(t *testing.T, path string){
		"no database": func(t *testing.T, path string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 500)), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"another program's": func(t *testing.T, path string) { t.Helper(); execute(t, path, "CREATE TABLE other (a)") },
		"newer":             func(t *testing.T, path string) { t.Helper(); execute(t, path, "PRAGMA user_version = 99") },
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, fileName)
			if name == "newer" {
				_, _, stop := start(t, Options{StateDir: dir})
				stop()
			}
			damage(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, addr, stop := start(t, Options{StateDir: dir})
			dial(t, addr).ask("EV_CP_M CP_001 registration request", "Authentication successful")
			stop()
			kept, err := filepath.Glob(filepath.Join(dir, "central-*Z-*.db"))
			if err != nil || len(kept) != 1 {
				t.Fatalf("put aside: %v (%v)", kept, err)
			}
			if after, err := os.ReadFile(kept[0]); err != nil || !bytes.Equal(after, before) {
				t.Errorf("the file put aside is not what it was (%v)", err)
			}
			if c, _, _ := start(t, Options{StateDir: dir}); len(c.CPs()) != 1 {
				t.Error("the new file has not what registered since")
			}
		})
	}
}

func execute(t *testing.T, path, sql string) {
	t.Helper()
	db, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Exec(sql), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// A disk that fails costs words, not the service: Central goes on in memory,
// and writes when it can.
func TestDiskThatFails(t *testing.T) {
	dir := t.TempDir()
	c, addr, stop := start(t, Options{StateDir: dir})
	block, err := sqlite3.Open(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	if err := block.Exec("BEGIN IMMEDIATE"); err != nil { // every write of Central fails as busy
		t.Fatal(err)
	}
	p := dial(t, addr)
	p.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	p.ask("EV_CP_M CP_001 ENGINE_FAILURE", "Failure report received")
	if err := errors.Join(block.Exec("ROLLBACK"), block.Close()); err != nil {
		t.Fatal(err)
	}
	stop()
	if again, _, _ := start(t, Options{StateDir: dir}); len(again.CPs()) != len(c.CPs()) {
		t.Error("what failed was not written later")
	}
}

// A first Monitor registers once and ignores "not registered": a registration that was
// answered must be on disk, unless the disk took longer than registrationWait.
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

// A disk that fails is tried again although no further message comes.
func TestFailingDiskIsTriedAgainWithoutMessages(t *testing.T) {
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
	if known, err := c.Forget("CP_001"); !known || !errors.Is(err, ErrForgottenInMemory) {
		t.Errorf("forgotten while the disk fails: known %t, %v", known, err)
	}
	dial(t, addr).ask("EV_CP_M CP_001 registration request", "Authentication successful")
	if err := errors.Join(block.Exec("ROLLBACK"), block.Close()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the charge point on disk", func() bool { return countOnDisk(t, dir) == 1 })
	waitFor(t, "that the figures say so", func() bool { return c.Figures().DiskError == "" })
}

// A folder that is deleted while Central runs is made anew, with all charge points, and
// locked again; so is one of which only the lock is gone.
func TestFolderTakenAway(t *testing.T) {
	t.Run("folder", func(t *testing.T) {
		folderTakenAway(t, func(dir string) error { // at once: Central would write into what is being emptied
			return errors.Join(os.Rename(dir, dir+"-away"), os.RemoveAll(dir+"-away"))
		})
	})
	t.Run("lock", func(t *testing.T) {
		folderTakenAway(t, func(dir string) error { return os.Remove(filepath.Join(dir, lockName)) })
	})
}

func folderTakenAway(t *testing.T, take func(dir string) error) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	_, addr, stop := start(t, Options{StateDir: dir})
	p := dial(t, addr)
	p.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	if err := take(dir); err != nil {
		t.Fatal(err)
	}
	p.ask("EV_CP_M CP_002 registration request", "Authentication successful")
	waitFor(t, "both in the new file", func() bool { return countOnDisk(t, dir) == 2 })
	if _, err := New(Options{StateDir: dir}); !errors.Is(err, folder.ErrInUse) {
		t.Errorf("a second Central in the new folder: %v", err)
	}
	stop()
}

// A folder that could not be opened at the start is opened later: the board takes the
// charge points that are new to it, and keeps what was received meanwhile.
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
	c.o.StateDir, c.file = dir, &stateFile{dir: dir, log: c.log} // as New leaves it on a full disk
	c.board.restore([]cpstate.Condition{{ID: "CP_002", State: cpstate.Activated, Reason: cpstate.Registered}}, time.Now())
	_, stop = serve(t, c)
	waitFor(t, "what the disk has", c.isState("CP_001", cpstate.Disconnected, cpstate.CentralRestarted))
	stop()
	if len(c.CPs()) != 2 {
		t.Errorf("%d charge points", len(c.CPs()))
	}
}

// A failing disk may recover; a wrong name or missing rights end the start.
func TestDiskFault(t *testing.T) {
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
			t.Errorf("%v: a disk fault: %v", c.err, got)
		}
	}
}
