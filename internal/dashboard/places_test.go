package dashboard

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"evcp/internal/central"
)

// Each place serves the page, and names its files from where it stands.
func TestPlacesServeThePage(t *testing.T) {
	c, err := central.New(central.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	d := New(Options{Central: c, Version: "test", Access: AccessRules{PublicBoard: true}})
	for place, script := range map[string]string{
		"/": `src="js/app.js"`, "/incidents": `src="js/app.js"`, "/uptime": `src="js/app.js"`, "/table": `src="js/app.js"`, "/audit": `src="js/app.js"`,
		"/signin": `src="js/app.js"`, "/cp/CP_001": `src="../js/app.js"`, "/cp/%3Cscript%3E": `src="../js/app.js"`,
	} {
		w := httptest.NewRecorder()
		d.ServeHTTP(w, httptest.NewRequest(http.MethodGet, place, http.NoBody))
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), script) {
			t.Errorf("%s: code %d, without %s", place, w.Code, script)
		}
	}
	for _, place := range []string{"/cp/", "/cp/CP_001/more", "/other"} {
		w := httptest.NewRecorder()
		d.ServeHTTP(w, httptest.NewRequest(http.MethodGet, place, http.NoBody))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: code %d", place, w.Code)
		}
	}
}
