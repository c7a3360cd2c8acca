package main

import (
	"regexp"
	"strings"
	"testing"

	"evcp"
	"evcp/internal/cli"
	"evcp/internal/testbed"
)

// TestSpanishAnswers goes through a fault in Spanish with every command, beside a Monitor
// whose log is English, since it is no terminal.
func TestSpanishAnswers(t *testing.T) {
	t.Parallel()
	g, dir := testbed.Start(t), t.TempDir()
	r := g.ReadTopic()
	ask := func(args ...string) string {
		p := start(t, []string{"LANG=es_ES.UTF-8"}, append(flags(g, dir), args...)...)
		if code := p.Wait(); code == cli.ExitUsage {
			t.Errorf("%v: exit %d, %s", args, code, p.Stderr.String())
		}
		said := p.Stdout.String()
		testbed.IsSpanish(t, said)
		for line := range strings.Lines(said) {
			if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 && args[0] != "events" {
				t.Errorf("%v: %d columns: %s", args, n, line)
			}
		}
		return said
	}
	testbed.Golden(t, "testdata/help-es.txt", ask("--help"))
	selfTestSays(t, "testdata/trial-es.txt", func() string { return normaliseSelfTest(ask("--test"), g) })
	p := start(t, []string{"LANG=es_ES.UTF-8", "EVCP_LANG=es"}, flags(g, dir)...)
	g.Until("an OK", func() bool { return r.Count(evcp.HealthCheck) > 0 })
	g.SetBehaviour("ko")
	g.Until("the receipt", func() bool { return r.Count(evcp.ReportEngineFailure) == 1 })
	holds := func(command string, wanted ...string) {
		said := unwrapped(ask(command))
		for _, want := range wanted {
			if !strings.Contains(said, want) {
				t.Errorf("%s lacks %q:\n%s", command, want, said)
			}
		}
	}
	waiting := regexp.MustCompile(`\b(\d+ eventos en espera|1 evento en espera)\b`) // a check has just been made, or not
	if said := unwrapped(ask("status")); !waiting.MatchString(said) || !regexp.MustCompile(` fallidas, \d+ perdidas`).MatchString(said) {
		t.Errorf("status lacks the events that wait, or the checks: %s", said)
	}
	holds("status", "KO, falla desde hace ", ": dice KO", "Vaya al cargador: ", "Central lo sabe: su última respuesta a un aviso fue ", "registrado desde hace ")
	holds("explain", "Las últimas ", "(las horas son UTC)", "Lo que se comunicó a Central", "Lo que pasará después", "1 OK cierra la incidencia")
	p.Terminate()
	holds("events", "un Monitor empezó a vigilar, versión ", "KO: 3 comprobaciones seguidas desde las ", "fallo comunicado a Central: ", "el Monitor paró: por orden")
	if log := p.Stderr.String(); !strings.Contains(log, `msg="KO: 3 checks in a row since`) {
		t.Errorf("the log off a terminal is not English:\n%s", log)
	}
}

// TestSpanishErrors: off a terminal an error is English, unless Spanish is asked for by name.
func TestSpanishErrors(t *testing.T) {
	t.Parallel()
	const english, spanish = "no Monitor of CP_001 runs here", "aquí no hay en marcha ningún Monitor de CP_001"
	for _, c := range []struct {
		vars []string
		args []string
		want string
	}{
		{[]string{"LANG=es_ES.UTF-8"}, nil, english},
		{[]string{"LANG=es_ES.UTF-8", "EVCP_LANG=es"}, nil, spanish},
		{nil, []string{"--lang", "es"}, spanish},
		{[]string{"EVCP_LANG=es"}, []string{"--lang", "en"}, english},
		{nil, []string{"--lang", "fr"}, "--lang fr: choose en or es"},
		{[]string{"EVCP_LANG=es"}, []string{"--fall", "0"}, "--fall 0: hace falta un número entero de 1 a 1000000"},
	} {
		p := start(t, c.vars, append([]string{"status"}, c.args...)...)
		p.Wait()
		if said := p.Stderr.String(); !strings.Contains(said, c.want) {
			t.Errorf("%v %v: says %s, not %q", c.vars, c.args, said, c.want)
		}
	}
}
