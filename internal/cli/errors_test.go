package cli

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"evcp/internal/config"
	"evcp/internal/language"
)

func TestPrintErrorFitsTheScreen(t *testing.T) {
	var many error
	for n := range 50 {
		many = errors.Join(many, fmt.Errorf("line %d", n))
	}
	for _, c := range []struct {
		err   error
		code  int
		lines int
		last  string
	}{
		{errors.New("open it: no"), ExitFailed, 1, "p: open it: no"},
		{errors.New(strings.Repeat("word ", 40)), ExitFailed, 3, "word word word word word word word word word"},
		{fmt.Errorf("start: %w", UsageError(errors.New("bad"))), ExitUsage, 1, "p: start: bad"},
		{many, ExitFailed, 21, "and 30 more."},
		{nil, ExitOK, 1, ""},
		{ExitError{Code: 3}, 3, 1, ""},
	} {
		var said bytes.Buffer
		code := PrintError(&said, "p", language.English, c.err)
		lines := strings.Split(strings.TrimSuffix(said.String(), "\n"), "\n")
		if code != c.code || len(lines) != c.lines || lines[len(lines)-1] != c.last {
			t.Errorf("%.20q: exit code %d, said\n%s", c.err, code, said.String())
		}
		for _, line := range lines {
			if len(line) > 80 {
				t.Errorf("wider than 80: %s", line)
			}
		}
	}
}

func TestAStateFolderThatIsAFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, wrong := range map[string]bool{dir: false, filepath.Join(dir, "absent", "too"): false, file: true, filepath.Join(file, "below"): true} {
		if _, err := StateDir(path, "p", os.Getenv); (err != nil) != wrong || wrong && !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestATakenPortNamesItsFlag(t *testing.T) {
	taken, err := Listen(t.Context(), "127.0.0.1:0", "--listen")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address := taken.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	if _, err := Listen(t.Context(), address, "--http"); err == nil || err.Error() != "port "+port+" is taken by another program.\nStop that program, or choose another port with --http" {
		t.Errorf("%v", err)
	}
	if _, err := Listen(t.Context(), "192.0.2.1:1", "--http"); err == nil || !strings.HasPrefix(err.Error(), "192.0.2.1:1 is no address of this machine.\n") {
		t.Errorf("%v", err)
	}
}

// TestAHugeFileIsNotReadWhole names a file without an end.
func TestAHugeFileIsNotReadWhole(t *testing.T) {
	endless := filepath.Join(t.TempDir(), "network.yaml")
	f, err := os.Create(endless)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(1<<40), f.Close()); err != nil {
		t.Skip("no sparse files here:", err)
	}
	var said bytes.Buffer
	p := config.Program{Name: "p", Settings: []config.Setting{config.FileFlag("", "")}}
	_, code, goOn := loadSettings(p, []string{"--config", endless}, nil, &said)
	if goOn || code != ExitUsage || !strings.Contains(said.String(), "larger than") {
		t.Errorf("exit code %d, said %s", code, said.String())
	}
}
