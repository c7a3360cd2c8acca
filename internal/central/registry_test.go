package central

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"evcp/internal/central/cpstate"
)

func TestRegistryText(t *testing.T) {
	for _, c := range []struct {
		text  string
		ids   int
		error string
	}{
		{"CP_001\n\n# none\nCP_002 # bay 7\r\n", 2, ""},
		{"\ufeffCP_001\r\nCP_002", 2, ""},
		{"", 0, "registry: lists no charge point"},
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

// The registry may change while no Central runs; and it is a bound of its own: who
// is listed finds room, whoever filled Central before there was a list.
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
