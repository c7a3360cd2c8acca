package status

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"evcp/internal/language"
)

// TestProblemsComeBack: who reads a problem has the error that was written, in each language; one
// without a code, or with one that is not known here, is its English text.
func TestProblemsComeBack(t *testing.T) {
	inner := language.Coded("line", 3, language.Coded("field", "power_kw", language.Coded("power", `"x"`)))
	for _, tc := range []struct {
		why     error
		allowed []string
		english string
		spanish string
	}{
		{language.Coded("last_operator"), nil, "it is the last operator: make another one first", "es el último operador: cree otro antes"},
		{inner, nil, `line 3: power_kw: "x": a power is 50 or 7.4, in kW`, `línea 3: power_kw: "x": una potencia es 50 o 7.4, en kW`},
		{language.Coded("unknown_site", "N"), []string{"A", "B"}, "site: there is no site N in the ports or the events; there are A, B", "no hay ningún emplazamiento N en las conexiones ni en los eventos; hay A, B"},
		{errors.New("disk I/O error"), nil, "disk I/O error", "disk I/O error"},
	} {
		w := httptest.NewRecorder()
		WriteProblem(w, 409, tc.why, tc.allowed...)
		got := ReadProblem(w.Body)
		if got == nil || got.Error() != tc.english || language.Spanish.Error(got) != tc.spanish {
			t.Errorf("%v came back as %v, %s", tc.why, got, language.Spanish.Error(got))
		}
	}
	for body, want := range map[string]string{
		`{"type":"urn:evcp:problem:of_tomorrow","detail":"new","args":["x"]}`: "new",
		`{"type":"urn:evcp:problem:line","detail":"d","args":[{"type":1}]}`:   "line map[type:1]: {1}",
	} {
		if got := ReadProblem(strings.NewReader(body)); got == nil || got.Error() != want {
			t.Errorf("%s is %v, want %s", body, got, want)
		}
	}
	if got := ReadProblem(strings.NewReader("<html>")); got != nil {
		t.Errorf("a page is %v", got)
	}
}
