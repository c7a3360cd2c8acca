package language_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"evcp/internal/language"
)

func TestOfLocale(t *testing.T) {
	for _, c := range []struct {
		vars map[string]string
		want language.Language
	}{
		{nil, language.English},
		{map[string]string{"LANG": "es_ES.UTF-8"}, language.Spanish},
		{map[string]string{"LANG": "es"}, language.Spanish},
		{map[string]string{"LANG": "es_MX"}, language.Spanish},
		{map[string]string{"LANG": "es@euro"}, language.Spanish},
		{map[string]string{"LANG": "est_EE.UTF-8"}, language.English},
		{map[string]string{"LANG": "et_EE.UTF-8"}, language.English},
		{map[string]string{"LANG": "C.UTF-8"}, language.English},
		{map[string]string{"LANG": "es_ES.UTF-8", "LC_ALL": "C"}, language.English},
		{map[string]string{"LANG": "de_DE.UTF-8", "LC_MESSAGES": "es_ES.UTF-8"}, language.Spanish},
		{map[string]string{"LANG": "de_DE.UTF-8", "LC_MESSAGES": "en_GB", "LC_ALL": "es_AR"}, language.Spanish},
		{map[string]string{"LC_CTYPE": "es_ES.UTF-8"}, language.English},
	} {
		if got := language.OfLocale(func(name string) string { return c.vars[name] }); got != c.want {
			t.Errorf("%v is language %d", c.vars, got)
		}
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct{ english, spanish string }{
		{"connection refused", "conexión rechazada"},
		{"what a peer says", "what a peer says"},
		{"", ""},
	} {
		if en, es := language.English.Text(c.english), language.Spanish.Text(c.english); en != c.english || es != c.spanish {
			t.Errorf("%q is %q and %q", c.english, en, es)
		}
	}
	if got := language.Spanish.Sprintf("%[2]d of %[1]d events are left out, mostly single checks: --log-level debug.", 9, 2); got != "Se omiten 2 de 9 eventos, casi todos comprobaciones sueltas: --log-level debug." {
		t.Error(got)
	}
}

// TestErrors says errors in both languages: those made for people, joined and wrapped ones,
// and those that only end with a text of the catalogue.
func TestErrors(t *testing.T) {
	denied := language.Errorf("the state of %s belongs to another user: %w", "CP_001", fs.ErrPermission)
	for _, c := range []struct {
		err              error
		english, spanish string
	}{
		{language.New("no such file"), "no such file", "no existe ese fichero"},
		{denied, "the state of CP_001 belongs to another user: permission denied", "el estado de CP_001 es de otro usuario: permiso denegado"},
		{fmt.Errorf("open it: %w", denied), "open it: the state of CP_001 belongs to another user: permission denied", "open it: el estado de CP_001 es de otro usuario: permiso denegado"},
		{errors.Join(language.New("no such file"), errors.New("100%")), "no such file\n100%", "no existe ese fichero\n100%"},
		{language.Errorf("choose %s", "%d"), "choose %d", "elija %d"},
		{&fs.PathError{Op: "open", Path: "a", Err: fs.ErrNotExist}, "open a: file does not exist", "open a: el fichero no existe"},
	} {
		if en, es := language.English.Error(c.err), language.Spanish.Error(c.err); en != c.english || es != c.spanish || c.err.Error() != c.english {
			t.Errorf("%v is\n%q and\n%q", c.err, en, es)
		}
	}
	if !errors.Is(denied, fs.ErrPermission) {
		t.Error("the error lost what it wraps")
	}
}

// TestRendered translates sentences that another process has sent.
func TestRendered(t *testing.T) {
	const still, used = "the watch stands still: no check was completed for %s", "state folder %s can't be used: %s; events are kept in memory only"
	for english, spanish := range map[string]string{
		"the watch stands still: no check was completed for 6s":                            "la vigilancia está parada: ninguna comprobación completada en 6s",
		"state folder /a b can't be used: disk full: 1; 2; events are kept in memory only": "la carpeta de estado /a b no se puede usar: disk full: 1; 2; los eventos se guardan solo en memoria",
		"the watch stands": "the watch stands",
		"state folder x can't be used: y; events are kept in memory": "state folder x can't be used: y; events are kept in memory",
		"": "",
	} {
		if en, es := language.English.Rendered(english, still, used), language.Spanish.Rendered(english, still, used); en != english || es != spanish {
			t.Errorf("%q is %q and %q", english, en, es)
		}
	}
}
