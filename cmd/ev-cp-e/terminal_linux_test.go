package main

import (
	"strings"
	"testing"

	"evcp/internal/testbed"
)

// TestTerminal: the keys are shown, change the behaviour and end the script; Ctrl-C and q
// end the program.
func TestTerminal(t *testing.T) {
	for _, last := range []string{"\x03", "q"} {
		address := testbed.FreeAddr(t)
		c := testbed.Self(t, "--listen", address, "--script", "ok 1h, reset", "--color", "always")
		s, p := testbed.AtTerminal(t, c, 80)

		s.Shows(t, "plays an Engine on "+address+". Ctrl-C stops it.", 1)
		s.Shows(t, "Script  ok 1h, reset", 1)
		s.Shows(t, "x refuse", 1)
		s.Shows(t, "no Monitor yet", 1)
		s.Shows(t, "behaviour ok: answers OK", 1)
		if got := check(t, address); got != "OK" {
			t.Errorf("replied %q", got)
		}
		s.Shows(t, "1 question, last ", 1)
		s.Shows(t, "CP_001 Monitor connected", 1)
		s.Press(t, "k")
		s.Shows(t, "behaviour ko: answers KO", 1)
		if got := check(t, address); got != "KO" {
			t.Errorf("replied %q", got)
		}
		s.Press(t, "x")
		s.Shows(t, "behaviour refuse: does not listen", 1)
		if got := check(t, address); !strings.Contains(got, "connection refused") {
			t.Errorf("replied %q", got)
		}
		s.Press(t, "z?")
		s.Shows(t, "x refuse", 2)
		s.Press(t, last)
		s.Shows(t, "stopped after ", 1)
		if code := p.Wait(); code != 0 {
			t.Errorf("exit code %d:\n%s", code, s.Text())
		}
		if strings.Contains(s.Text(), "behaviour reset") {
			t.Error("the script went on after a key")
		}
	}
}
