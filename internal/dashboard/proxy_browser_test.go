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

// TestPageComesBackBehindAProxy: a proxy answers for a Central that is away with a page of its
// own and code 502. For an EventSource that is final, so the page makes a new one.
func TestPageComesBackBehindAProxy(t *testing.T) {
	b := chromium(t)
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	s.monitor("EV_CP_M CP_001 registration request", "EV_CP_M CP_001 heartbeat OK")
	to, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	var away atomic.Bool
	var refused atomic.Int32
	forward := httputil.NewSingleHostReverseProxy(to)
	forward.FlushInterval = -1
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if away.Load() {
			refused.Add(1)
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprint(w, "<h1>502 Bad Gateway</h1>")
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	t.Cleanup(proxy.CloseClientConnections) // the stream
	b.do(chromedp.Navigate(proxy.URL + "/?lang=en"))
	b.waitFor("the tile", fmt.Sprintf(isState, "CP_001", "activated"))
	b.do(chromedp.Evaluate[chromedp.Void](`window.notReloaded = true`))
	away.Store(true)
	proxy.CloseClientConnections()
	b.waitFor("that it is lost", `document.body.classList.contains("is-lost")`)
	testbed.Until(t, "another attempt", func() bool { return refused.Load() > 1 })
	away.Store(false)
	s.monitor("EV_CP_M CP_002 registration request", "EV_CP_M CP_002 heartbeat OK")
	b.waitFor("what came meanwhile", `!document.body.classList.contains("is-lost") && `+fmt.Sprintf(isState, "CP_002", "activated"))
	b.waitFor("that it was never reloaded", `window.notReloaded === true`)
}
