package main

import (
	"strings"
	"testing"

	"evcp/internal/cli"
	"evcp/internal/testbed"
)

// TestSpanish: the help and errors are Spanish where it is asked for, and fit the screen.
func TestSpanish(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--help"}, cli.ExitOK, "Entre paréntesis, los valores por defecto."},
		{[]string{"--lagn", "es"}, cli.ExitUsage, "opción desconocida: --lagn. ¿Quiso decir --lang?"},
		{[]string{"--page", "x"}, cli.ExitUsage, "un puerto en el que escuchar es un número de 0 a 65535"},
	} {
		stdout, stderr, code := testbed.RunProcess(t, testbed.Self(t, append([]string{"--lang", "es"}, c.args...)...))
		if said := strings.Join(strings.Fields(stdout+stderr), " "); code != c.code || !strings.Contains(said, c.want) {
			t.Errorf("%v: exit %d\n%s%s", c.args, code, stdout, stderr)
		}
		testbed.IsSpanish(t, stdout+stderr)
		for line := range strings.Lines(stdout + stderr) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
				t.Errorf("%d columns: %s", n, line)
			}
		}
	}
}
