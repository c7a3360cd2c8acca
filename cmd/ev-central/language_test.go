package main

import (
	"os"
	"path/filepath"
	"testing"

	"evcp/internal/cli"
	"evcp/internal/testbed"
)

// TestSpanish: the help and errors are Spanish where it is asked for, and fit the screen.
func TestSpanish(t *testing.T) {
	ports := filepath.Join(t.TempDir(), "ports.csv")
	if err := os.WriteFile(ports, []byte("cp_id,power_kw\nCP 1,50\nCP_2,x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	testbed.SaysInSpanish(t, []testbed.SpanishAnswer{
		{Args: []string{"--help"}, Code: cli.ExitOK, Want: "Entre paréntesis, los valores por defecto."},
		{Args: []string{"--lagn", "es"}, Code: cli.ExitUsage, Want: "opción desconocida: --lagn. ¿Quiso decir --lang?"},
		{Args: []string{"forget"}, Code: cli.ExitUsage, Want: "¿qué punto de carga hay que olvidar? ev-central forget CP_001"},
		{Args: []string{"forget", "CP_9"}, Code: cli.ExitFailed, Want: "forget CP_9: ninguna Central ha guardado nada en"},
		{Args: []string{"--ports", ports}, Code: cli.ExitUsage, Want: `línea 2: cp_id: "CP 1": el id de un punto de carga tiene de 1 a 64`},
		{Args: []string{"--ports", ports}, Code: cli.ExitUsage, Want: `línea 3: power_kw: "x": una potencia es 50 o 7.4, en kW`},
	})
}
