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
		{Args: []string{"--page", "x"}, Code: cli.ExitUsage, Want: "un puerto en el que escuchar es un número de 0 a 65535"},
	})
}
