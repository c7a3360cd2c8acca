package outbox

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"evcp"
	"evcp/internal/folder"
	"evcp/internal/sqlite"
)

// history makes a folder with something in it, left by a clean stop.
func someHistory(t *testing.T) (dir string, states map[evcp.CPID]evcp.State) {
	w := newTestBox(t, t.TempDir(), Options{})
	for i := range 30 {
		w.check(cpNumber(i%3), []evcp.Outcome{ok(), ko()}[i%2])
		w.flush()
	}
	w.close()
	return w.dir, w.states
}

// A file that can't be used is put aside under a name that says when and why. It
// is not changed and not deleted, and the numbers in it are carried over.
func TestPutAside(t *testing.T) {
	for _, c := range []struct {
		why   string
		harm  func(t *testing.T, file string)
		carry bool // the numbers
		same  bool // byte for byte: SQLite can't open it
		says  string
	}{
		{sqlite.Corrupt, func(t *testing.T, file string) { scribble(t, file, 0) }, false, true, "file is not a database"},
		{sqlite.Corrupt, func(t *testing.T, file string) { run(t, file, `UPDATE runs SET body='{"torn'; DELETE FROM states`) }, false, false, "unreadable content"},
		{sqlite.Newer, func(t *testing.T, file string) { run(t, file, `PRAGMA user_version=99`) }, true, false, "a newer version of this program wrote it"},
		{sqlite.Newer, func(t *testing.T, file string) { run(t, file, `PRAGMA user_version=99; DELETE FROM states`) }, true, false, "a newer version of this program wrote it"},
		{sqlite.Foreign, func(t *testing.T, file string) { run(t, file, `PRAGMA application_id=7`) }, false, false, "it belongs to another program"},
		{sqlite.Corrupt, func(t *testing.T, file string) { replaceWith(t, file, strings.Repeat("not a database\n", 1000)) }, false, true, "file is not a database"},
	} {
		t.Run(c.why, func(t *testing.T) {
			dir, states := someHistory(t)
			file := filepath.Join(dir, fileName)
			c.harm(t, file)
			before, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			w := newTestBox(t, dir, Options{})
			o := w.box.OpenResult()
			if o.Found != PutAside || !strings.Contains(filepath.Base(o.File), "Z-"+c.why+".db") {
				t.Fatalf("open result %+v", o)
			}
			if !strings.HasPrefix(o.Why, c.says) || strings.Count(o.Why, c.says) != 1 || strings.Contains(o.Why, "\n") {
				t.Errorf("says %q", o.Why)
			}
			if after, err := os.ReadFile(o.File); err != nil || c.same && !bytes.Equal(after, before) {
				t.Errorf("the old file was changed: %v", err)
			}
			for cp, s := range states {
				want := evcp.State{}
				if c.carry {
					want = evcp.State{Epoch: s.Epoch, Seq: s.Seq, At: s.At}
				}
				if got := w.box.State(cp); got != want || w.box.Renumber(w.box.Handle(cp)) != c.carry {
					t.Errorf("%s: %+v, want %+v", cp, got, want)
				}
			}
			w.observe(evcp.Observation{CP: "CP_000", Kind: evcp.Checked, Outcome: ok(), Renumber: w.box.Renumber(w.box.Handle("CP_000"))})
			w.flush()
			w.reopen()
			defer w.close()
			if o := w.box.OpenResult(); o.Found != Resumed || w.box.Renumber(w.box.Handle("CP_000")) {
				t.Errorf("open result after a restart %+v", o)
			}
		})
	}
}

func scribble(t *testing.T, file string, at int64) {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err == nil {
		_, err = f.WriteAt([]byte(strings.Repeat("?", 8192)), at)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func replaceWith(t *testing.T, file, content string) {
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, file, sql string) {
	conn, err := sqlite3.Open(file)
	if err == nil {
		err = errors.Join(conn.Exec(sql), conn.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Two files put aside within a second have two names.
func TestPutAsideTwice(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		replaceWith(t, filepath.Join(dir, fileName), "neither empty nor ours")
		newTestBox(t, dir, Options{}).close()
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "outbox-*-corrupt*.db")); len(names) != 3 {
		t.Errorf("%v", names)
	}
}

// After the machine went down, events may have been shown that the disk does not
// have: the state goes on, the numbers begin anew.
func TestMachineWentDown(t *testing.T) {
	dir, states := someHistory(t)
	run(t, filepath.Join(dir, fileName), `UPDATE meta SET value='another boot' WHERE name='open'`)
	w := newTestBox(t, dir, Options{})
	defer w.close()
	if o := w.box.OpenResult(); o.Found != Resumed || !o.Renumber || !strings.Contains(o.Why, "went down") {
		t.Errorf("open result %+v", o)
	}
	for cp, s := range states {
		if w.box.State(cp) != s || !w.box.Renumber(w.box.Handle(cp)) {
			t.Errorf("%s: %+v", cp, w.box.State(cp))
		}
	}
	w.states["CP_000"] = states["CP_000"]
	w.observe(evcp.Observation{CP: "CP_000", Kind: evcp.Checked, Outcome: ok(), Renumber: true})
	w.flush()
	if w.box.Renumber(w.box.Handle("CP_000")) || !w.box.Renumber(w.box.Handle("CP_001")) {
		t.Error("the first event of an epoch is what ends the need for it")
	}
}

// One process for each folder. The error of a second one names the first.
func TestInUse(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{})
	defer w.close()
	_, err := Open(w.dir, Options{})
	want := fmt.Sprintf("state folder %s is in use by process %d; stop it, or choose another --state-dir, --cp-id or name of the fleet", w.dir, os.Getpid())
	if !errors.Is(err, folder.ErrInUse) || err.Error() != want {
		t.Fatalf("said %q, want %q", err, want)
	}
}

// The folder lets go of its process with Close.
func TestFolderIsFreeAfterClose(t *testing.T) {
	w := newTestBox(t, t.TempDir(), Options{})
	for range 3 {
		w.reopen()
	}
	w.close()
	if info, err := os.Stat(w.dir); err != nil || info.Mode().Perm()&0o077 != 0 && info.Mode().Perm() != 0o755 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

// A folder that was copied to a second machine has the first one's numbers, whether
// the second has a name of its own or is a whole copy of the card.
func TestAnotherHostBeginsANewEpoch(t *testing.T) {
	charger := sysfs(t, "10000000a1b2c3d4\x00", "b8:27:eb:00:00:01")
	replaced := sysfs(t, "10000000a1b2c3d4\x00", "00:1c:42:00:00:09") // another network card
	clone := sysfs(t, "10000000ffffffff\x00", "b8:27:eb:00:00:02")
	container := sysfs(t, "")
	for _, tt := range []struct {
		name   string
		starts []hostStart
	}{
		{"a name", []hostStart{{"one", charger, false}, {"one", charger, false}, {"two", charger, true}, {"two", charger, false}, {"one", charger, true}}},
		{"a copied card", []hostStart{{"one", charger, false}, {"one", clone, true}, {"one", clone, false}, {"one", charger, true}}},
		{"a new network card", []hostStart{{"one", charger, false}, {"one", replaced, false}}},
		{"a machine that tells nothing", []hostStart{{"one", container, false}, {"one", container, false}, {"one", charger, false}, {"one", container, false}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for i, l := range tt.starts {
				if got := l.renumbers(t, dir); got != l.renumber {
					t.Errorf("start %d, instance %s: renumber is %t", i+1, l.instance, got)
				}
			}
		})
	}
}

// hostStart is a start and a stop on some host.
type hostStart struct {
	instance, sysfs string
	renumber        bool
}

// renumbers starts and stops on dir, and reports whether that began a new epoch.
func (l hostStart) renumbers(t *testing.T, dir string) bool {
	o, err := Open(dir, Options{Instance: l.instance, sysfs: l.sysfs})
	if err != nil {
		t.Fatal(err)
	}
	renumber := o.Renumber(o.Handle("CP_001"))
	p := evcp.Policy{Fall: 3, Rise: 1, Instance: l.instance}
	s, events := p.Next(o.State("CP_001"), evcp.Observation{CP: "CP_001", Kind: evcp.Started, At: evcp.StampOf(time.Now()), Renumber: renumber}, nil)
	o.Append(batchOf(o, o.Generation(), events, s))
	if err := o.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return renumber
}

// sysfs is what the kernel shows of a board and its network cards, and beside them
// what every machine has: a loopback, and a bridge with an address that was made up.
func sysfs(t *testing.T, serial string, cards ...string) string {
	root := t.TempDir()
	write := func(path, content string) {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if serial != "" {
		write("firmware/devicetree/base/serial-number", serial)
	}
	for _, soft := range []string{"lo", "br0"} {
		write("class/net/"+soft+"/address", "00:00:00:00:00:00\n")
		write("class/net/"+soft+"/addr_assign_type", "0\n")
	}
	write("class/net/wlan1/device/uevent", "")
	write("class/net/wlan1/address", "12:34:56:78:9a:bc\n")
	write("class/net/wlan1/addr_assign_type", "3\n")
	for i, address := range cards {
		card := "class/net/eth" + string(rune('0'+i))
		write(card+"/device/uevent", "")
		write(card+"/address", address+"\n")
		write(card+"/addr_assign_type", "0\n")
	}
	return root
}
