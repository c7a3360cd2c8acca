package dashboard

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"evcp/internal/central"
)

// What is not known is shown as such: the last known fault, no verdict, never heard.
func TestPageShowsWhatIsNotKnown(t *testing.T) {
	b := chromium(t)
	s := testSite(t)
	s.monitor("EV_CP_M CP_2 ENGINE_RECOVERED")
	b.do(chromedp.Navigate(s.url + "?lang=en"))
	text := func(id, want string) {
		t.Helper()
		b.waitFor(id+": "+want, fmt.Sprintf(tile, id)+fmt.Sprintf(`?.textContent.replaceAll("\u00a0", " ").includes(%q)`, want))
	}
	has := func(id, class string) {
		t.Helper()
		b.waitFor(id+" drawn as "+class, fmt.Sprintf(tile, id)+fmt.Sprintf(`?.classList.contains(%q)`, class))
	}
	b.waitFor("the sentence", headline+`.startsWith("1 last known faulted: CP_3, not heard for ")`)
	b.waitFor("the title", `document.title === "(1) EV_Central"`)
	text("CP_3", "Last known faulted")
	text("CP_3", "Faulted since")
	has("CP_3", "last")
	text("CP_4", "Its Monitor has no result to report")
	has("CP_4", "unverified")
	text("CP_5", "Expected, never heard")
	has("CP_5", "s-expected")
	for kind, n := range map[string]int{"last_known_faulted": 1, "unverified": 1, "expected": 1, "activated": 3} {
		b.waitFor(kind, fmt.Sprintf(counted, kind, n))
	}
	b.waitFor("that not all can be believed", `document.querySelector('[data-k="bel"]')?.textContent.startsWith("In part.")`)
	screenshot(t, b, "en")
	b.do(chromedp.Click(`.count.s-unverified`))
	b.waitFor("the filter", `[...document.querySelectorAll(".tile:not(.dim)")].map((e) => e.dataset.id).join() === "CP_4"`)
	b.do(chromedp.Click(`.count.s-unverified`), chromedp.Click(`[data-lang="es"]`))
	text("CP_3", "Último estado: averiado")
	text("CP_5", "Esperado, nunca oído")
	b.waitFor("the sentence in Spanish", headline+`.startsWith("1 averiado según lo último: CP_3, sin oír desde hace ")`)
	b.do(chromedp.EmulateViewport(390, 844))
	b.waitFor("no sideways scrolling", `document.documentElement.scrollWidth <= 390`)
	screenshot(t, b, "es")
	s.monitor("EV_CP_M CP_4 heartbeat OK")
	b.waitFor("that its count is gone", `document.querySelector(".count.s-unverified") === null`)
	if known, err := s.central.Forget("CP_3"); !known || err != nil {
		t.Errorf("known %t, %v", known, err)
	}
	text("CP_3", "Esperado, nunca oído") // it is in the registry
	b.waitFor("that the last known fault is gone", `document.querySelector(".count.s-last_known_faulted") === null`)
}

// screenshot writes a picture to the folder EVCP_SCREENSHOTS, for people.
func screenshot(t *testing.T, b *browser, name string) {
	t.Helper()
	dir := os.Getenv("EVCP_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/"+name+".png", png, 0o600); err != nil {
		t.Fatal(err)
	}
}

// hideable lets the test hide the page.
const hideable = `
window.isHidden = false;
Object.defineProperty(document, 'hidden', { get: () => window.isHidden });
window.hide = (h) => { window.isHidden = h; document.dispatchEvent(new Event('visibilitychange')); };`

// A browser opens six connections to one host, so a hidden tab must let go of its stream.
func TestHiddenTabLetsGoOfItsStream(t *testing.T) {
	b := chromium(t)
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	conn := s.monitor("EV_CP_M CP_001 registration request", "EV_CP_M CP_001 heartbeat OK")
	url, d := s.serveWithScript(hideable)
	streams := func(n int) {
		t.Helper()
		for deadline := time.Now().Add(patience); len(d.streams) != n; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d streams are open, want %d", len(d.streams), n)
			}
		}
	}
	b.do(chromedp.Navigate(url + "?lang=en"))
	b.waitFor("the tile", fmt.Sprintf(isState, "CP_001", "activated"))
	streams(1)
	b.do(chromedp.Evaluate[chromedp.Void](`window.hide(true)`))
	streams(0)
	s.send(conn, "EV_CP_M CP_001 ENGINE_FAILURE")
	b.do(chromedp.Evaluate[chromedp.Void](`window.hide(false)`))
	b.waitFor("what happened meanwhile", fmt.Sprintf(isState, "CP_001", "faulted"))
	b.waitFor("that the link was never lost", `!document.body.classList.contains("is-lost")`)
	streams(1)
}
