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
		{Args: []string{"forget"}, Code: cli.ExitUsage, Want: "¿qué punto de carga hay que olvidar? ev-central forget CP_001"},
		{Args: []string{"forget", "CP_9"}, Code: cli.ExitFailed, Want: "forget CP_9: ninguna Central ha guardado nada en"},
	})
}
