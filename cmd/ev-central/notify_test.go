package main

import (
	"net"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"evcp/internal/cli"
	"evcp/internal/testbed"
)

// TestUnderSystemd starts Central as systemd does: it says that it is ready, shows
// life, says what it sees, and that it stops.
func TestUnderSystemd(t *testing.T) {
	address := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	cmd := testbed.Self(t, "--listen", testbed.FreeAddr(t), "--http", "")
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+address, "WATCHDOG_USEC=400000")
	p := testbed.StartProcess(t, cmd)
	var heard []string
	until := func(want string) {
		t.Helper()
		b := make([]byte, 4096)
		_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
		for !slices.Contains(heard, want) {
			n, err := c.Read(b)
			if err != nil {
				t.Fatalf("never heard %s, but %q", want, heard)
			}
			heard = append(heard, string(b[:n]))
		}
	}
	until("READY=1")
	until("STATUS=0 activated, 0 faulted, 0 disconnected")
	until("WATCHDOG=1")
	p.Signal(syscall.SIGTERM)
	until("STOPPING=1")
	if code := p.Wait(); code != cli.ExitOK {
		t.Errorf("exit code %d", code)
	}
	if patience := "WATCHDOG_USEC=6000000"; !slices.ContainsFunc(heard, func(m string) bool { return strings.HasPrefix(m, patience) }) {
		t.Errorf("a watchdog faster than its meals was not asked to wait: %q", heard)
	}
}
