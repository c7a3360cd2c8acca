package central

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"evcp"
	"evcp/internal/authority"
	"evcp/internal/central/cpstate"
)

func TestRegistry(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# north\nCP_001\n  CP_002 # bay 2\n\n")
	r, err := OpenRegistry(path)
	if err != nil {
		t.Fatal(err)
	}
	c, addr, _ := start(t, Options{Registry: r})
	p := dial(t, addr)
	p.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	p.ask("EV_CP_M CP_002 registration request", "Authentication successful")
	p.ask("EV_CP_M CP_X registration request", "Authentication denied: unknown charging point CP_X")
	p.ask("EV_CP_M CP_X heartbeat OK", "KO not registered")
	write("CP_002\nCP_X\nCP_003\n")
	waitFor(t, "not_listed", c.isState("CP_001", cpstate.Disconnected, cpstate.NotListed))
	p.ask("EV_CP_M CP_001 heartbeat OK", "KO not registered")
	p.ask("EV_CP_M CP_X registration request", "Authentication successful")
	p.ask("EV_CP_M CP_002 heartbeat OK", "OK")
}

func TestRegistryErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry")
	if err := os.WriteFile(path, []byte("CP_001\nCP 2\n\nCP/3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := OpenRegistry(path)
	if err == nil || !strings.Contains(err.Error(), path+":2: ") || !strings.Contains(err.Error(), path+":4: ") {
		t.Errorf("%v; want both lines by number", err)
	}
	if _, err := OpenRegistry(path + ".none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v; want that the file is not there", err)
	}
	if err := os.WriteFile(path, []byte("CP_001\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := OpenRegistry(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("# all gone\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Refresh(); err == nil || !r.Listed("CP_001") {
		t.Errorf("%v; an empty list must be refused, and the old one kept", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, first := r.Refresh()
	_, second := r.Refresh()
	if first == nil || second != nil || !r.Listed("CP_001") {
		t.Errorf("%v, then %v; a missing file is an error once, and the list kept", first, second)
	}
}

func TestRegistryText(t *testing.T) {
	for _, c := range []struct {
		text  string
		ids   int
		error string
	}{
		{"CP_001\n\n# none\nCP_002 # bay 7\r\n", 2, ""},
		{"\ufeffCP_001\r\nCP_002", 2, ""},
		{"", 0, "registry: lists no charge point"},
		{"CP_001 fleet=NORTH\nCP_002\tfleet=NORTH # bay 7\nCP_003\nCP_003\n", 3, ""},
		{"CP_001 flet=NORTH\n", 0, `registry:1: "CP_001 flet=NORTH": after the id of a charge point only fleet=NAME may stand, once`},
		{"CP_001 fleet=NORTH fleet=NORTH\n", 0, "only fleet=NAME may stand, once"},
		{"CP_001 fleet=\n", 0, `registry:1: "": a fleet name has 1 to 64 characters`},
		{"CP_001 fleet=no/rth\n", 0, `"no/rth": a fleet name has`},
		{"CP_001 fleet=NORTH\nCP_001\n", 0, `registry:2: CP_001 is listed twice, with fleet "NORTH" and ""`},
		{"CP_001 \x1b" + strings.Repeat("A", 100_000), 0, `registry:1: "CP_001 \x1bAAA`},
		{"CP_001\nCP 2\n", 0, `registry:2: "CP 2": `},
		{strings.Repeat("A", 100_000), 0, "registry:1: "},
		{strings.Repeat("no id\n", 5000), 0, "\nand 4990 more"},
	} {
		listed, err := parseRegistry("registry", []byte(c.text))
		switch {
		case c.error == "" && (err != nil || len(listed) != c.ids):
			t.Errorf("%.40q: %d listed, %v", c.text, len(listed), err)
		case c.error != "" && (err == nil || !strings.Contains(err.Error(), c.error) || len(err.Error()) > 2000):
			t.Errorf("%.40q: %.300v, want %q", c.text, err, c.error)
		}
	}
}

// The registry may change while no Central runs. With a registry MaxCPs does not apply:
// a listed charge point is accepted although Central is full.
func TestRegistryAtTheStart(t *testing.T) {
	dir := t.TempDir()
	_, addr, stop := start(t, Options{StateDir: dir, MaxCPs: 2})
	p := dial(t, addr)
	p.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	p.ask("EV_CP_M CP_002 registration request", "Authentication successful")
	p.ask("EV_CP_M CP_003 registration request", "Authentication denied: Central has no room for another charging point")
	stop()

	list := filepath.Join(t.TempDir(), "registry")
	if err := os.WriteFile(list, []byte("CP_001\nCP_003\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	registry, err := OpenRegistry(list)
	if err != nil {
		t.Fatal(err)
	}
	c, addr, _ := start(t, Options{StateDir: dir, MaxCPs: 2, Registry: registry})
	if !c.isState("CP_001", cpstate.Disconnected, cpstate.CentralRestarted)() || !c.isState("CP_002", cpstate.Disconnected, cpstate.NotListed)() {
		t.Errorf("%+v", c.CPs())
	}
	dial(t, addr).ask("EV_CP_M CP_003 registration request", "Authentication successful")
}

// FuzzRegistry: whatever the file holds, what is accepted has ids and fleets that certificates
// can name, and is read the same again when it is written line by line; errors are short and
// hold nothing that a terminal obeys.
func FuzzRegistry(f *testing.F) {
	for _, text := range []string{"CP_001\n", "CP_001 fleet=NORTH # x\r\nCP_002\n", "CP_001 fleet=A\nCP_001 fleet=B\n", "\ufeff# \n", "CP_001 fleet=\x1b[2J", "CP\u00a0001 fleet=N"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		listed, err := parseRegistry("registry", []byte(text))
		if err != nil {
			if s := err.Error(); len(s) > 8000 || strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
				t.Errorf("%d bytes: %.200q", len(s), s)
			}
			return
		}
		var lines strings.Builder
		for id, fleet := range listed {
			if _, err := evcp.ParseCPID(string(id)); err != nil {
				t.Error(err)
			}
			fmt.Fprint(&lines, id)
			if fleet != "" {
				if _, err := authority.ParseFleet(fleet); err != nil {
					t.Error(err)
				}
				fmt.Fprint(&lines, " fleet=", fleet)
			}
			fmt.Fprintln(&lines)
		}
		if again, err := parseRegistry("registry", []byte(lines.String())); err != nil || !maps.Equal(again, listed) {
			t.Errorf("%q: read again %v, %v", text, again, err)
		}
	})
}
