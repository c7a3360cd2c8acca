package config_test

import (
	"strings"
	"testing"

	"evcp/internal/language"
)

// TestWhichLanguage: a flag beats a variable, that beats the locale; a name that is not
// known is an error, which is said in the locale's language.
func TestWhichLanguage(t *testing.T) {
	for _, c := range []struct {
		args        string
		vars        map[string]string
		want        language.Language
		asked, help bool
		err         string
	}{
		{"", nil, language.English, false, false, ""},
		{"", map[string]string{"LANG": "es_ES.UTF-8"}, language.Spanish, false, false, ""},
		{"", map[string]string{"EVCP_LANG": "es"}, language.Spanish, true, false, ""},
		{"--lang en", map[string]string{"EVCP_LANG": "es", "LANG": "es_ES"}, language.English, true, false, ""},
		{"--help --lang=es", nil, language.Spanish, true, true, ""},
		{"--fall 0 --lang es", nil, language.Spanish, true, false, "m: --fall 0: hace falta un número entero de 1 a 1000000"},
		{"--lang fr", nil, language.English, false, false, "m: --lang fr: choose en or es"},
		{"--lang fr", map[string]string{"LC_ALL": "es_ES"}, language.Spanish, false, false, "m: --lang fr: elija en o es"},
		{"", map[string]string{"EVCP_LANG": "ES"}, language.English, false, false, `m: EVCP_LANG "ES": choose en or es`},
		{"--fal 2 --lang es", nil, language.Spanish, true, false, "m: opción desconocida: --fal. ¿Quiso decir --fall?\nTodas las opciones: m --help"},
		{"--config x --lang es", nil, language.Spanish, true, false, "m: --config x: no existe ese fichero"},
	} {
		p := monitor(&options{})
		p.Name = "m"
		in, err := p.Load(strings.Fields(c.args), env(c.vars), disk(nil))
		if in.Language != c.want || in.Asked != c.asked || in.Help != c.help {
			t.Errorf("%q %v: %+v", c.args, c.vars, in)
		}
		if said := errorText(in.Language, err); said != c.err {
			t.Errorf("%q %v: says\n%s\nwant\n%s", c.args, c.vars, said, c.err)
		}
	}
}

func errorText(l language.Language, err error) string {
	if err == nil {
		return ""
	}
	return l.Error(err)
}

// TestSpanishErrorsOfAFile says what the file does, in Spanish, with the carets in place.
func TestSpanishErrorsOfAFile(t *testing.T) {
	_, err := monitor(&options{}).Load(nil, env(nil), disk(map[string]string{"./network.yaml": "fall: 0\nrise: 2\nrise: 3\nengine_prot: 1\n"}))
	want := `ev-cp-m: 3 errores en ./network.yaml; no se ha arrancado nada.

./network.yaml:1: fall "0": hace falta un número entero de 1 a 1000000
    1 | fall: 0
      |       ^
./network.yaml:3: rise está dos veces; la primera, en la línea 2
    3 | rise: 3
      | ^^^^
./network.yaml:4: clave desconocida: engine_prot. ¿Quiso decir engine_port?
    4 | engine_prot: 1
      | ^^^^^^^^^^^`
	if got := errorText(language.Spanish, err); got != want {
		t.Errorf("says\n%s\nwant\n%s", got, want)
	}
}

// TestSpanishHelp: every row has Spanish, keeps its flag, and none is too wide.
func TestSpanishHelp(t *testing.T) {
	help := monitor(&options{}).Help(language.Spanish)
	for _, want := range []string{
		"\nUso: ev-cp-m [opciones]", "\nPunto de carga\n", "  --engine-port PUERTO       (5001)\n",
		"  --kafka-compression NOMBRE none, gzip, snappy, lz4 o zstd (none)\n", "\nEntre paréntesis, los valores por defecto.",
	} {
		if !strings.Contains(help, want) {
			t.Errorf("%s\nlacks %q", help, want)
		}
	}
	for line := range strings.Lines(help) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}
