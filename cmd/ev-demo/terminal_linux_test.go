package main

import (
	"strings"
	"testing"

	"evcp/internal/cli"
	"evcp/internal/testbed"
)

// TestTerminal: a narrow terminal shows every key, ? shows them again, and q ends the demo.
func TestTerminal(t *testing.T) {
	cmd := testbed.Self(t)
	cmd.Env = append(cmd.Env, "TERM=xterm", "LANG=C.UTF-8", "NO_COLOR=1", "TMPDIR="+t.TempDir())
	s, p := testbed.AtTerminal(t, cmd, 60)
	yourTurn := "Your turn: 1 to 6 choose a charge point; then k KO, m mute,\r\no OK.\r\n"
	s.Shows(t, yourTurn, 1)
	s.Shows(t, "6 of 6 activated", 1)
	s.Press(t, "z?")
	s.Shows(t, yourTurn, 2)
	s.Press(t, "q")
	if code := p.Wait(); code != cli.ExitOK || strings.Contains(s.Text(), "…") || !strings.Contains(s.Text(), "Next: ") {
		t.Errorf("exit code %d:\n%s", code, s.Text())
	}
}
