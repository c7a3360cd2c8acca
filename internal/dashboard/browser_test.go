package dashboard

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"evcp/internal/central"
	"evcp/internal/testbed"
)

// browser is a page in a headless Chromium, with cookies, storage and a cache of its own. It
// is closed with the test. Any line on its console is an error of the page.
type browser struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // chromedp's handle of a browser is a context

	mu      sync.Mutex
	console []string
}

func chromium(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		testbed.SkipMissing(t, "chromium in PATH, which would show the page")
	}
	process, err := sharedChromium.get(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewContext(process, chromedp.WithNewBrowserContext())
	b := &browser{t: t, ctx: ctx}
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Error(err)
		}
		cancel()
	})
	b.do(chromedp.EmulateViewport(1440, 720))
	return b
}

// sharedChromium is the process of all tests: to start one takes as long as most of them.
var sharedChromium chromiumProcess

// chromiumProcess is started by the first test that needs it, and closed after the last one.
type chromiumProcess struct {
	mu  sync.Mutex
	ctx context.Context //nolint:containedctx // chromedp's handle; nil before the start
}

func (p *chromiumProcess) get(path string) (context.Context, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx != nil {
		return p.ctx, nil
	}
	// Chromium has no sandbox as root, and containers often have a small /dev/shm.
	ctx, _ := chromedp.NewContext(context.Background(), chromedp.WithAllocatorOptions(
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("enable-precise-memory-info", true)))
	if err := chromedp.Do(ctx); err != nil {
		return nil, errors.Join(err, chromedp.Cancel(ctx))
	}
	p.ctx = ctx
	return ctx, nil
}

func (p *chromiumProcess) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx == nil {
		return nil
	}
	return chromedp.Cancel(p.ctx)
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// waitFor waits until an expression is true on the page.
func (b *browser) waitFor(what, js string) {
	b.t.Helper()
	_, err := chromedp.Run(b.ctx, chromedp.Poll[bool](js, chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(patience)))
	if err == nil {
		return
	}
	text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body.innerText`))
	b.t.Fatalf("the page does not show %s (%v):\n%s", what, err, text)
}

// recordConsole records the lines of the console, from the next load on.
func (b *browser) recordConsole() (stop func()) {
	ctx, cancel := context.WithCancel(b.ctx)
	ended := make(chan struct{})
	ready := make(chan struct{})
	go func() {
		defer close(ended)
		messages := chromedp.Console(ctx)
		close(ready)
		for m, err := range messages {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.console = append(b.console, m.String())
			b.mu.Unlock()
		}
	}()
	<-ready
	return func() { cancel(); <-ended }
}

const (
	tile     = `document.querySelector('.tile[data-id="%s"]')`
	isState  = tile + `?.classList.contains("s-%s")`
	counted  = `document.querySelector('[data-k="n-%s"]')?.textContent === "%d"`
	headline = `(document.querySelector("#headline")?.textContent ?? "")`
)

func TestPageShowsSixChargePoints(t *testing.T) {
	b := chromium(t)
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	stop := b.recordConsole()
	b.do(chromedp.Navigate(s.url + "?lang=en"))
	b.waitFor("the empty board", `document.querySelector(".empty pre")?.textContent.includes("--central-port `+s.monitors[len("127.0.0.1:"):]+`")`)
	b.waitFor("that 127.0.0.1 is this machine only", `document.querySelector(".empty").textContent.includes("instead of 127.0.0.1")`)
	for n := 1; n <= 6; n++ {
		id := fmt.Sprintf("CP_%03d", n)
		s.monitor("EV_CP_M "+id+" registration request", "EV_CP_M "+id+" heartbeat OK")
	}
	conn := s.monitor("EV_CP_M CP_002 heartbeat OK")
	b.waitFor("six tiles", `document.querySelectorAll(".tile.big.s-activated").length === 6`)
	b.waitFor("the sentence", headline+` === "Nothing is faulted. 6 of 6 watched."`)
	b.do(chromedp.Evaluate[chromedp.Void](`window.notReloaded = true`))
	s.send(conn, "EV_CP_M CP_002 ENGINE_FAILURE")
	b.waitFor("the fault", fmt.Sprintf(isState, "CP_002", "faulted"))
	b.waitFor("the count", fmt.Sprintf(counted, "faulted", 1))
	b.waitFor("the sentence", headline+`.startsWith("1 faulted: CP_002, for ")`)
	s.send(conn, "EV_CP_M CP_002 heartbeat CONNECTION_ERROR")
	b.waitFor("the cause", fmt.Sprintf(tile, "CP_002")+`.textContent.includes("No answer from the Engine")`)
	s.send(conn, "EV_CP_M CP_002 ENGINE_RECOVERED")
	b.waitFor("the recovery", fmt.Sprintf(isState, "CP_002", "activated"))
	b.waitFor("that it was never reloaded", `window.notReloaded === true`)
	stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.console) > 0 {
		t.Errorf("on the console: %q", b.console)
	}
}

// drawnWithFrame records on the page, for each change of state in a delta, whether the
// tile shows the new state when the handlers of that frame have returned.
const drawnWithFrame = `
window.drawn = [];
window.EventSource = class extends EventSource {
  addEventListener(type, handler) {
    super.addEventListener(type, (e) => {
      handler(e);
      if (type !== 'delta') return;
      for (const c of JSON.parse(e.data).changes) drawn.push(c.cp_id + ' ' + c.to + ' ' + document.querySelector('.tile[data-id="' + c.cp_id + '"]')?.classList.contains('s-' + c.to));
    });
  }
};`

// serveWithScript serves the page with a script of the test, which runs before the
// page's own.
func (s *testServer) serveWithScript(js string) (url string, d *Dashboard) {
	s.t.Helper()
	return s.serveSourceWithScript(js, nil)
}

// serveSourceWithScript does so with a history.
func (s *testServer) serveSourceWithScript(js string, past *HistorySource) (url string, d *Dashboard) {
	s.t.Helper()
	boot, err := web.ReadFile("web/js/boot.js")
	if err != nil {
		s.t.Fatal(err)
	}
	mux := http.NewServeMux()
	d = New(Options{Central: s.central, Version: "test", History: past, Access: AccessRules{PublicBoard: true}})
	mux.Handle("/", d)
	mux.Handle("GET /js/boot.js", embeddedFile{body: append(boot, js...), contentType: contentType("boot.js"), etag: `"test"`})
	server := httptest.NewServer(mux)
	s.t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return server.URL + "/", d
}

// A change of state is drawn before the page does anything else. How soon its frame is
// sent, TestFaultIsSentWithinAFrameInterval says.
func TestChangeIsDrawnWithItsFrame(t *testing.T) {
	b := chromium(t)
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	conn := s.monitor("EV_CP_M CP_001 registration request", "EV_CP_M CP_001 heartbeat OK")
	url, _ := s.serveWithScript(drawnWithFrame)
	b.do(chromedp.Navigate(url + "?lang=en"))
	b.waitFor("the tile", fmt.Sprintf(isState, "CP_001", "activated"))
	s.send(conn, "EV_CP_M CP_001 ENGINE_FAILURE")
	b.waitFor("that the fault was drawn with its frame", `window.drawn.join() === "CP_001 faulted true"`)
	s.send(conn, "EV_CP_M CP_001 ENGINE_RECOVERED")
	b.waitFor("that the recovery was drawn with its frame", `window.drawn.join() === "CP_001 faulted true,CP_001 activated true"`)
}

func TestPageSurvivesARestartOfCentral(t *testing.T) {
	b := chromium(t)
	o := central.Options{StateDir: t.TempDir()}
	s := startTestServer(t, o, testbed.FreeAddr(t), testbed.FreeAddr(t)) // no connection of others gets them meanwhile
	s.monitor("EV_CP_M CP_001 registration request", "EV_CP_M CP_001 heartbeat KO")
	b.do(chromedp.Navigate(s.url + "?lang=en"))
	b.waitFor("the fault", fmt.Sprintf(isState, "CP_001", "faulted"))
	b.do(chromedp.Evaluate[chromedp.Void](`window.notReloaded = true`))
	pages := s.url[len("http://") : len(s.url)-1]
	s.stop()
	b.waitFor("that the link is lost", `document.body.classList.contains("is-lost") && document.querySelector(".banner")?.hidden === false`)
	b.waitFor("what is not known", headline+`.endsWith("1 faulted. Not known since.")`)
	b.waitFor("a lower bound", fmt.Sprintf(tile, "CP_001")+`.textContent.includes("≥")`)
	again := startTestServer(t, o, s.monitors, pages)
	b.waitFor("that Central is back", `!document.body.classList.contains("is-lost") && document.querySelector(".banner")?.hidden`)
	b.waitFor("that it is disconnected", fmt.Sprintf(isState, "CP_001", "disconnected"))
	again.monitor("EV_CP_M CP_001 heartbeat KO")
	b.waitFor("the same fault", fmt.Sprintf(isState, "CP_001", "faulted"))
	b.waitFor("that it was never reloaded", `window.notReloaded === true`)
}

func TestPageInSpanishOnAPhone(t *testing.T) {
	b := chromium(t)
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	for n := range 14 {
		s.monitor(fmt.Sprintf("EV_CP_M CP_%03d registration request", n), fmt.Sprintf("EV_CP_M CP_%03d heartbeat KO", n))
	}
	b.do(chromedp.EmulateViewport(390, 844), chromedp.Navigate(s.url+"?lang=es&theme=dark"))
	b.waitFor("small tiles", `document.querySelectorAll(".tile.small.s-faulted").length === 14`)
	b.waitFor("the sentence", headline+`.startsWith("14 averiados. El primero, CP_")`)
	b.waitFor("no sideways scrolling", `document.documentElement.scrollWidth <= 390`)
	b.waitFor("every place of the navigation", `[...document.querySelectorAll(".nav a:not([hidden])")].every((e) => { const r = e.getBoundingClientRect(); return r.width > 0 && r.left >= 0 && r.right <= 390 && document.elementFromPoint(r.left + r.width / 2, r.top + r.height / 2) === e; })`)
	b.do(chromedp.Click(`.count.s-activated`))
	b.waitFor("a filter that hides the rest", `[...document.querySelectorAll(".tile")].every((e) => e.offsetParent === null)`)
	b.waitFor("the filter in the address", `location.search.includes("state=activated")`)
}

// CP_2 stands before CP_10.
func TestNaturalOrder(t *testing.T) {
	b := chromium(t)
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	for _, id := range []string{"CP_10", "CP_1", "CP_2"} {
		s.monitor("EV_CP_M "+id+" registration request", "EV_CP_M "+id+" heartbeat OK")
	}
	b.do(chromedp.Navigate(s.url + "?lang=en"))
	b.waitFor("the order", `[...document.querySelectorAll(".tile")].map((e) => e.dataset.id).join() === "CP_1,CP_2,CP_10"`)
}

// On a board of thousands each charge point is a mark on a canvas, in its place; what is not
// well is in the queue, at most 24 rows. A filter dims the rest. The keyboard walks over the
// marks and opens one.
func TestPageOfThousands(t *testing.T) {
	const cps = 3000
	b := chromium(t)
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	conn := s.monitor()
	for n := range cps {
		s.send(conn, fmt.Sprintf("EV_CP_M CP_%04d registration request", n), fmt.Sprintf("EV_CP_M CP_%04d heartbeat OK", n))
	}
	// red counts the pixels of the canvas that are solid and more red than green; green the other way round. Those that are dimmed are not solid.
	const pixels = `((of) => { const c = document.querySelector(".dots .cv"); const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
		let n = 0; for (let i = 0; i < d.length; i += 4) if (of(d[i], d[i + 1], d[i + 3])) n++; return n; })`
	const red = pixels + `((r, g, a) => a > 200 && r > 2 * g)`
	const green = pixels + `((r, g, a) => a > 150 && g > 2 * r)`
	const few = `document.querySelectorAll("*").length < 1200`
	b.do(chromedp.Navigate(s.url + "?lang=en"))
	b.waitFor("the marks", `document.querySelector(".dots .cv")?.getAttribute("aria-label").startsWith("3,000 ")`)
	b.waitFor("no tiles, and none faulted", `document.querySelectorAll(".tile").length === 0 && `+red+` === 0 && `+few)
	s.send(conn, "EV_CP_M CP_2990 heartbeat KO")
	b.waitFor("the fault in words and as a mark", `document.querySelector('[data-key="cp CP_2990"]') !== null && `+red+` > 0`)
	b.waitFor("the count", fmt.Sprintf(counted, "faulted", 1))
	b.do(chromedp.Click(`.count.s-faulted`))
	b.waitFor("that only the fault is not dimmed", green+` === 0 && `+red+` > 0 && location.search.includes("state=faulted")`)
	b.do(chromedp.Click(`.count.s-faulted`))
	s.send(conn, "EV_CP_M CP_2990 heartbeat OK")
	b.waitFor("the recovery", `document.querySelector('[data-key="cp CP_2990"]') === null && `+red+` === 0`)
	b.do(chromedp.Focus(`.dots .cv`), chromedp.KeyEvent(kb.Home), chromedp.KeyEvent(kb.ArrowDown))
	b.waitFor("what is said of a mark", `document.querySelector("#announcer").textContent.startsWith("CP_0001, Activated")`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.waitFor("that it is opened", `location.pathname === "/cp/CP_0001"`)
	b.do(chromedp.NavigateBack())
	b.waitFor("the marks", `document.querySelector(".dots") !== null`)
	conn.Close()
	b.waitFor("that all are lost", `document.querySelector('[data-k="n-disconnected"]')?.textContent === "3,000"`)
	b.waitFor("some of them in words", `document.querySelectorAll(".q").length === 24 && document.querySelector(".more").textContent.startsWith("+2,976") && `+few)
}
