package process_test

import (
	"context"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"evcp/internal/process"
	"evcp/internal/wait"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 60 * time.Second

func start(t *testing.T, script string) *process.Child {
	t.Helper()
	dir, g := t.TempDir(), process.NewGroup()
	t.Cleanup(g.Close)
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir, cmd.Env = dir, process.Env(dir)
	c, err := g.Start("child", filepath.Join(dir, "log"), cmd)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// An exit that nobody asked for is unexpected, and the log's end says why.
func TestUnexpectedExit(t *testing.T) {
	c := start(t, "echo no disk; exit 3")
	if code := c.ExitCode(); code != 3 || !c.UnexpectedExit() || c.Tail() != "no disk" {
		t.Errorf("exit code %d, unexpected %t, tail %q", code, c.UnexpectedExit(), c.Tail())
	}
	if err := c.WaitListening(t.Context(), "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "child ended: no disk") {
		t.Errorf("%v", err)
	}
}

// SIGTERM is enough for one that handles it; one that ignores it is killed.
func TestStop(t *testing.T) {
	polite := start(t, "exec sleep 1000")
	if took, stopped := polite.Stop(patience); !stopped || polite.UnexpectedExit() {
		t.Errorf("after %s: stopped %t, unexpected %t", took, stopped, polite.UnexpectedExit())
	}
	ignoring := start(t, "trap '' TERM; echo ready; exec sleep 1000") // exec keeps what is ignored
	wait.Until(t.Context(), time.Millisecond, func() bool { return ignoring.Tail() == "ready" })
	if took, stopped := ignoring.Stop(50 * time.Millisecond); stopped || took < 50*time.Millisecond || ignoring.ExitCode() != -1 {
		t.Errorf("after %s: stopped %t, exit code %d", took, stopped, ignoring.ExitCode())
	}
}

// Close also ends a child that stands still.
func TestCloseKillsStopped(t *testing.T) {
	g := process.NewGroup()
	c, err := g.Start("child", "", exec.Command("sleep", "1000"))
	if err != nil {
		t.Fatal(err)
	}
	c.Signal(syscall.SIGSTOP)
	g.Close()
	if c.ExitCode() != -1 || c.UnexpectedExit() {
		t.Errorf("exit code %d, unexpected %t", c.ExitCode(), c.UnexpectedExit())
	}
}

func TestWaitListening(t *testing.T) {
	c := start(t, "exec sleep 1000")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := c.WaitListening(t.Context(), l.Addr().String()); err != nil {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.WaitListening(ended, "127.0.0.1:1"); err == nil {
		t.Error("no error after the end of the context")
	}
}
