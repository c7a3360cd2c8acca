package main

import (
	"strings"
	"testing"

	"evcp/internal/testbed"
)

// TestTerminal: what is typed is not shown, a failure has its advice under it, ? lists the keys,
// and q ends the Monitor.
func TestTerminal(t *testing.T) {
	g := testbed.Start(t)
	cmd := testbed.Built(t, name, flags(g, t.TempDir())...)
	cmd.Env = append(cmd.Env, "TERM=xterm", "LANG=C.UTF-8", "NO_COLOR=1")
	s, p := testbed.AtTerminal(t, cmd, 60)
	s.Shows(t, "OK: the Engine answers in", 1)
	s.Press(t, "XYZZY")
	g.SetBehaviour("ko")
	s.Shows(t, "\r\n           The Engine runs, and says itself that the charger\r\n           is not well.\r\n           Go to the charger", 1)
	s.Press(t, "?")
	s.Shows(t, "Keys: q or Ctrl-C stops it, ? shows this.", 1)
	s.Press(t, "q")
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, s.Text())
	}
	for _, wrong := range []string{"XYZZY", "…"} {
		if strings.Contains(s.Text(), wrong) {
			t.Errorf("%s is shown:\n%s", wrong, s.Text())
		}
	}
	if !strings.Contains(s.Text(), "stopped: ") {
		t.Errorf("no farewell:\n%s", s.Text())
	}
}
