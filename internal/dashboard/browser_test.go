package dashboard

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"evcp/internal/central"
	"evcp/internal/testbed"
)

// browser is a page in a headless Chromium, closed with the test. Whatever it
// says on its console is an error of the page.
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
	// The context outlives the test by its cleanup. Root has no sandbox to offer, and containers often a small /dev/shm.
	ctx, cancel := chromedp.NewContext(context.WithoutCancel(t.Context()), chromedp.WithAllocatorOptions(
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-dev-shm-usage", true)))
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

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// waitFor waits until an expression is true on the page.
func (b *browser) waitFor(what, js string) {
	b.t.Helper()
	_, err := chromedp.Run(b.ctx, chromedp.Poll[bool](js, chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(30*time.Second)))
	if err == nil {
		return
	}
	text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body.innerText`))
	b.t.Fatalf("the page does not show %s (%v):\n%s", what, err, text)
}

// listen collects what the page complains of, from its next load on.
func (b *browser) listen() (stop func()) {
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
	headline = `document.querySelector("#headline").textContent`
)

func TestPageShowsSixChargePoints(t *testing.T) {
	b := chromium(t)
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	stop := b.listen()
	b.do(chromedp.Navigate(s.url + "?lang=en"))
	b.waitFor("the empty board", `document.querySelector(".empty pre")?.textContent.includes("--central-port `+s.monitors[len("127.0.0.1:"):]+`")`)
	for n := 1; n <= 6; n++ {
		id := fmt.Sprintf("CP_%03d", n)
		s.monitor("EV_CP_M "+id+" registration request", "EV_CP_M "+id+" heartbeat OK")
	}
	conn := s.monitor("EV_CP_M CP_002 heartbeat OK")
	b.waitFor("six tiles", `document.querySelectorAll(".tile.big.s-activated").length === 6`)
	b.waitFor("the sentence", headline+` === "Nothing is faulted. 6 of 6 watched."`)
	b.do(chromedp.Evaluate[chromedp.Void](`window.notReloaded = true`))
	if !b.reactsWithinASecond(s, conn) {
		t.Error("five faults, and none was seen within a second")
	}
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
		t.Errorf("the page complains: %q", b.console)
	}
}

// reactsWithinASecond lets a slow machine try five times: what is measured is
// the page, not the machine's worst moment.
func (b *browser) reactsWithinASecond(s *testServer, conn net.Conn) bool {
	b.t.Helper()
	for range 5 {
		s.send(conn, "EV_CP_M CP_002 ENGINE_FAILURE")
		told := time.Now()
		b.waitFor("the fault", fmt.Sprintf(isState, "CP_002", "faulted"))
		if took := time.Since(told); took < time.Second {
			b.t.Logf("a fault was seen %v after it was told", took.Round(time.Millisecond))
			return true
		}
		s.send(conn, "EV_CP_M CP_002 ENGINE_RECOVERED")
		b.waitFor("the recovery", fmt.Sprintf(isState, "CP_002", "activated"))
	}
	return false
}

func TestPageSurvivesARestartOfCentral(t *testing.T) {
	b := chromium(t)
	o := central.Options{StateDir: t.TempDir()}
	s := startTestServer(t, o, anyPort, anyPort)
	s.monitor("EV_CP_M CP_001 registration request", "EV_CP_M CP_001 heartbeat KO")
	b.do(chromedp.Navigate(s.url + "?lang=en"))
	b.waitFor("the fault", fmt.Sprintf(isState, "CP_001", "faulted"))
	b.do(chromedp.Evaluate[chromedp.Void](`window.notReloaded = true`))
	pages := s.url[len("http://") : len(s.url)-1]
	s.stop()
	b.waitFor("that it is lost", `document.body.classList.contains("is-lost") && document.querySelector(".banner") !== null`)
	b.waitFor("what is not known", headline+`.endsWith("1 faulted. Not known since.")`)
	b.waitFor("a lower bound", fmt.Sprintf(tile, "CP_001")+`.textContent.includes("≥")`)
	again := startTestServer(t, o, s.monitors, pages)
	b.waitFor("Central again", `!document.body.classList.contains("is-lost") && document.querySelector(".banner") === null`)
	b.waitFor("that nobody was heard yet", fmt.Sprintf(isState, "CP_001", "disconnected"))
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
	b.waitFor("the sentence", headline+`.startsWith("14 averiados. El más antiguo, CP_")`)
	b.waitFor("no sideways scrolling", `document.documentElement.scrollWidth <= 390`)
	b.do(chromedp.Click(`.count.s-activated`))
	b.waitFor("a filter that hides the rest", `[...document.querySelectorAll(".tile")].every((e) => e.offsetParent === null)`)
	b.waitFor("the filter in the address", `location.search.includes("state=activated")`)
}

// On a board of hundreds, what is out of sight is drawn when it comes into sight;
// a fault is drawn everywhere, at once.
func TestPageOfHundreds(t *testing.T) {
	b := chromium(t)
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	conn := s.monitor()
	for n := range 450 {
		s.send(conn, fmt.Sprintf("EV_CP_M CP_%03d registration request", n), fmt.Sprintf("EV_CP_M CP_%03d heartbeat OK", n))
	}
	b.do(chromedp.Navigate(s.url + "?lang=en"))
	const bars = tile + `?.querySelectorAll("rect").length`
	b.waitFor("what is in sight", fmt.Sprintf(bars, "CP_000")+` === 1`)
	b.waitFor("that the rest waits", fmt.Sprintf(bars, "CP_449")+` === 0`)
	s.send(conn, "EV_CP_M CP_449 heartbeat OK", "EV_CP_M CP_000 heartbeat OK")
	b.waitFor("a heartbeat in sight", fmt.Sprintf(bars, "CP_000")+` === 2`)
	s.send(conn, "EV_CP_M CP_440 heartbeat KO")
	b.waitFor("a fault out of sight", fmt.Sprintf(isState, "CP_440", "faulted"))
	b.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(tile, "CP_449") + `.scrollIntoView()`))
	b.waitFor("what came into sight", fmt.Sprintf(bars, "CP_449")+` === 2`)
}
