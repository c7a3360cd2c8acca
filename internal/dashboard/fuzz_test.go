package dashboard

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"evcp/internal/central"
)

// FuzzPast: whatever is asked of the API of the past, the answer is one that the description
// has, readable, and its next page can be asked for.
func FuzzPast(f *testing.F) {
	c, err := central.New(central.Options{})
	if err != nil {
		f.Fatal(err)
	}
	defer c.Close()
	d := New(Options{Central: c, Version: "test", Access: AccessRules{PublicBoard: true}, History: testHistory(f)})
	var paths []string
	for path := range d.api() {
		if path != eventsPath && path != changesPath { // streams
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	for i := range paths {
		for _, query := range []string{
			"", "cursor=CP_001/0&limit=1", "cursor=1793404800000000&limit=1", "from=2026-10-31T00:00:00Z&to=2026-10-31T01:00:00%2B02:00", "limit=0", "at=0:1/0", "cursor=-1",
			"definition=nevi&month=2026-10&zone=Europe/Madrid&until=2026-10-31T12:00:00Z", "definition=uk&year=2026", "definition=plain&month=2026-10&format=csv", "site=Norte&state=down",
			"q=%3Cscript%3E", "limit=99999999999999999999", "from=2026-10-31T00:00:00Z&from=x", "a;b", "cursor=%00", "format=html",
		} {
			f.Add(uint8(i), "CP_001", query)
		}
	}
	f.Add(uint8(1), "<script>alert(1)</script>", "x=%1b[31m")
	f.Fuzz(func(t *testing.T, which uint8, id, query string) {
		path := strings.Replace(paths[int(which)%len(paths)], "{id}", url.PathEscape(id), 1)
		a := answerTo(d, path, query)
		if !slices.Contains([]int{http.StatusOK, http.StatusBadRequest, http.StatusNotFound, http.StatusUnauthorized, http.StatusRequestURITooLong, http.StatusTemporaryRedirect, http.StatusMovedPermanently}, a.Code) {
			t.Fatalf("%s?%s: %d %s", path, query, a.Code, a.Body)
		}
		if strings.Contains(a.Body.String(), "<script") && !strings.HasPrefix(a.Header().Get("Content-Type"), "text/html") || strings.ContainsAny(a.Body.String(), "\x00\x1b") {
			t.Errorf("%s?%s: %s", path, query, a.Body)
		}
		if !strings.Contains(a.Header().Get("Content-Type"), "json") {
			return
		}
		var page struct{ Next *string }
		if !json.Valid(a.Body.Bytes()) {
			t.Errorf("%s?%s: no JSON: %s", path, query, a.Body)
		} else if json.Unmarshal(a.Body.Bytes(), &page) == nil && page.Next != nil {
			values, _ := url.ParseQuery(query) // it was answered, so it can be read
			values.Set("cursor", *page.Next)
			if next := answerTo(d, path, values.Encode()); next.Code != http.StatusOK {
				t.Errorf("%s?%s: the next page: %d %s", path, values.Encode(), next.Code, next.Body)
			}
		}
	})
}

func answerTo(d *Dashboard, path, query string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/", http.NoBody)
	r.URL = &url.URL{Path: path, RawQuery: query}
	if unescaped, err := url.PathUnescape(path); err == nil {
		r.URL.Path, r.URL.RawPath = unescaped, path
	}
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w
}
