package dashboard

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"evcp/internal/central"
	"evcp/internal/testbed"
)

// proxied is a page behind a proxy of the test. While away is set the proxy answers for it, with a
// page of its own and code 502, and counts.
type proxied struct {
	*httptest.Server
	away    atomic.Bool
	refused atomic.Int32
}

func newProxied(t *testing.T, page string) *proxied {
	t.Helper()
	to, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(to)
	forward.FlushInterval = -1
	p := &proxied{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.away.Load() {
			p.refused.Add(1)
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprint(w, "<h1>502 Bad Gateway</h1>")
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(p.Close)
	t.Cleanup(p.CloseClientConnections) // the stream
	return p
}

// leave breaks the streams and waits until the page has tried in vain to come back.
func (p *proxied) leave(b *browser) {
	b.t.Helper()
	p.away.Store(true)
	p.CloseClientConnections()
	b.waitFor("that it is lost", `document.body.classList.contains("is-lost")`)
	before := p.refused.Load()
	testbed.Until(b.t, "another attempt", func() bool { return p.refused.Load() > before+1 })
}

// TestSignedOutWhileCentralIsAway: who was removed meanwhile is led to sign in when Central is back.
func TestSignedOutWhileCentralIsAway(t *testing.T) {
	b := chromium(t)
	s := startPeopleSite(t, AccessRules{}, false)
	proxy := newProxied(t, s.url)
	b.open(proxy.URL + "/signin?lang=en")
	b.waitFor("the form", `!!document.querySelector("form[data-form=in]")`)
	b.fill("name", "ben")
	b.fill("password", testPassword)
	b.click(`.sheet .main`)
	b.waitFor("the board, signed in", `location.pathname === "/" && !document.body.classList.contains("is-lost") && `+textIncludes(".me", "ben"))
	proxy.leave(b)
	if a := s.signIn("ana").ask(http.MethodDelete, "api/v1/users/ben", ""); a.code != http.StatusNoContent {
		t.Fatal(a)
	}
	proxy.away.Store(false)
	b.waitFor("the way to sign in", `location.pathname === "/signin" && !!document.querySelector("form[data-form=in]")`)
}

// TestPageComesBackBehindAProxy: a proxy answers for a Central that is away with a page of its
// own and code 502. For an EventSource that is final, so the page makes a new one.
func TestPageComesBackBehindAProxy(t *testing.T) {
	b := chromium(t)
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	s.monitor("EV_CP_M CP_001 registration request", "EV_CP_M CP_001 heartbeat OK")
	proxy := newProxied(t, s.url)
	b.do(chromedp.Navigate(proxy.URL + "/?lang=en"))
	b.waitFor("the tile", fmt.Sprintf(isState, "CP_001", "activated"))
	b.do(chromedp.Evaluate[chromedp.Void](`window.notReloaded = true`))
	proxy.leave(b)
	proxy.away.Store(false)
	s.monitor("EV_CP_M CP_002 registration request", "EV_CP_M CP_002 heartbeat OK")
	b.waitFor("what came meanwhile", `!document.body.classList.contains("is-lost") && `+fmt.Sprintf(isState, "CP_002", "activated"))
	b.waitFor("that it was never reloaded", `window.notReloaded === true`)
}
