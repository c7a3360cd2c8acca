package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"evcp"
	"evcp/internal/central"
	"evcp/internal/central/cpstate"
	"evcp/internal/cli"
	"evcp/internal/ledger"
	"evcp/internal/operations"
	"evcp/internal/status"
	"evcp/internal/testbed"
)

// TestStatusCountsAsThePage: a charge point in maintenance is counted there alone, whatever its
// Monitor says, and is not listed as one that is not well.
func TestStatusCountsAsThePage(t *testing.T) {
	cp := func(id evcp.CPID, s cpstate.Availability) central.CPView {
		return central.CPView{Condition: cpstate.Condition{ID: id, State: s}}
	}
	all := []central.CPView{
		cp("UP", cpstate.Activated), cp("UP_M", cpstate.Activated), cp("DOWN", cpstate.Faulted), cp("DOWN_M", cpstate.Faulted),
		cp("AWAY", cpstate.Disconnected), cp("NEVER", cpstate.Unregistered),
	}
	var d statusDocument
	d.count(all, func(id evcp.CPID) (o operations.Overlay) {
		if strings.HasSuffix(string(id), "_M") {
			o.Maintenance = &operations.MaintenanceWindow{}
		}
		return o
	})
	if got := fmt.Sprint(d.Activated, d.Faulted, d.Disconnected, d.Maintained, len(d.NotWell)); got != "1 1 1 2 2" {
		t.Errorf("activated, faulted, disconnected, in maintenance, not well: %s", got)
	}
}

// TestCentralThatStandsStill: one that takes connections and answers nothing, as a stopped process
// does, is told from one that does not run, with its process.
func TestCentralThatStandsStill(t *testing.T) {
	dir := t.TempDir()
	ln, err := status.Listen(t.Context(), dir) // nothing accepts
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if err := os.WriteFile(filepath.Join(dir, "central.lock"), []byte("4711\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"status: Central (process 4711) does not answer within 2.5s":   {"status"},
		"cps: Central (proceso 4711) no responde en 2.5s":              {"cps", "--lang", "es"},
		"forget CP_1: Central (process 4711) does not answer within 2": {"forget", "CP_1"},
	} {
		_, stderr, code := output(t, append(args, "--state-dir", dir)...)
		if text := unwrapped(stderr); code != cli.ExitFailed || !strings.Contains(text, want) || !strings.Contains(text, "kill -CONT 4711") {
			t.Errorf("%v: %d %s", args, code, stderr)
		}
	}
}

// TestStateFolderIsRemoved: a Central whose state folder is removed while it runs says that it is
// not healthy and why, at /healthz and by ev-central status, which reaches it again.
func TestStateFolderIsRemoved(t *testing.T) {
	s := &boardSite{t: t, dir: filepath.Join(t.TempDir(), "state")}
	s.begin()
	if code, text, err := s.ask(http.MethodGet, "/healthz", "", ""); code != http.StatusOK {
		t.Fatal(code, text, err)
	}
	if err := errors.Join(os.Rename(s.dir, s.dir+"-removed"), os.RemoveAll(s.dir+"-removed")); err != nil {
		t.Skip("an open file can't be removed here:", err)
	}
	if code, text, err := s.ask(http.MethodGet, "/healthz", "", ""); code != http.StatusServiceUnavailable || !strings.Contains(text, "board.db") {
		t.Error(code, text, err)
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil { // as central.db does at its next write
		t.Fatal(err)
	}
	testbed.Until(t, "an answer on the socket", func() bool {
		stdout, _, code := output(t, "status", "--state-dir", s.dir)
		return code == cli.ExitOK && strings.Contains(stdout, "not healthy: board.db is not the one in its folder any more")
	})
	s.central.Terminate()
}

// TestWindowThatHasNotEnded: the message has the value of --until with which the report is made.
func TestWindowThatHasNotEnded(t *testing.T) {
	month := ledger.Question{From: evcp.StampOf(at("2026-11-01 00:00")), To: evcp.StampOf(at("2026-12-01 00:00"))}
	newest := evcp.StampOf(at("2026-11-28 21:00").Add(345 * time.Millisecond))
	c := historyCommand{}
	c.zone = time.UTC
	_, err := c.cut(&month, newest)
	if err == nil {
		t.Fatal("no error")
	}
	_, value, found := strings.Cut(err.Error(), "give --until ")
	if !found {
		t.Fatal(err)
	}
	c.until = value
	if cut, err := c.cut(&month, newest); !cut || err != nil || month.To != evcp.StampOf(at("2026-11-28 21:00")) {
		t.Errorf("--until %s: %v %v, to %v", value, cut, err, month.To.Time())
	}
	c.until, month.To = "", evcp.StampOf(at("2026-12-01 00:00"))
	if _, err := c.cut(&month, month.From.Add(-time.Hour)); err == nil || strings.Contains(err.Error(), "give --until") {
		t.Errorf("before the window: %v", err)
	}
}
