package main

import (
	"testing"

	"evcp/internal/cli"
	"evcp/internal/testbed"
)

// TestSpanish: the help and errors are Spanish where it is asked for, and fit the screen.
func TestSpanish(t *testing.T) {
	testbed.SaysInSpanish(t, []testbed.SpanishAnswer{
		{Args: []string{"--help"}, Code: cli.ExitOK, Want: "Entre paréntesis, los valores por defecto."},
		{Args: []string{"--lagn", "es"}, Code: cli.ExitUsage, Want: "opción desconocida: --lagn. ¿Quiso decir --lang?"},
		{Args: []string{"--behaviour", "sleep"}, Code: cli.ExitUsage, Want: "no existe ese comportamiento; elija ok,"},
		{Args: []string{"--script", "ok, ko"}, Code: cli.ExitUsage, Want: "elemento 1, \"ok\": tras el comportamiento va cuánto dura, como en ko 5s"},
	})
}
