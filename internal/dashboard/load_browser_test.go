package dashboard

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"evcp"
	"evcp/internal/central"
)

// watchTasks records on the page how long its tasks are, when its board was drawn first, and
// when it got word of each change of state.
const watchTasks = `
window.tasks = [];
new PerformanceObserver((l) => { for (const e of l.getEntries()) tasks.push([e.startTime, e.duration]); }).observe({ entryTypes: ['longtask'] });
window.drawnAt = 0;
new MutationObserver((_, o) => { if (document.querySelector('.dots .cv')?.getAttribute('aria-label')) { drawnAt = performance.now(); o.disconnect(); } }).observe(document, { childList: true, subtree: true, attributes: true });`

// TestPageUnderLoad measures the page with thousands of charge points, while a fifth of them is
// heard each second, and when 2,000 go down in one second. What it measures it prints: figures
// of one machine are no reason to fail on another. It fails for what is wrong on any machine: a
// change that is not shown at the end, or a mark that has moved.
//
// With EVCP_PAGE_LOAD=10000,60s it is the measurement of BENCHMARKS.md.
func TestPageUnderLoad(t *testing.T) {
	cps, length := 2000, 3*time.Second
	if s := os.Getenv("EVCP_PAGE_LOAD"); s != "" {
		var seconds int
		if _, err := fmt.Sscanf(s, "%d,%ds", &cps, &seconds); err != nil {
			t.Fatalf("EVCP_PAGE_LOAD can't be %s: 10000,60s is", strconv.Quote(s))
		}
		length = time.Duration(seconds) * time.Second
	}
	b := chromium(t)
	e := newEventSource(t)
	s := startTestSite(t, central.Options{}, e.source(), anyPort, anyPort)
	url, _ := s.serveSourceWithScript(watchTasks, e.source())
	id := func(n int) string { return fmt.Sprintf("CP_%05d", n) }
	site := func(n int) string { return fmt.Sprintf("S-%03d", n/50) }
	const connections = 8
	type teller struct{ send func(messages ...string) }
	var tellers []teller
	for range connections {
		conn := s.monitor()
		tellers = append(tellers, teller{func(messages ...string) { s.send(conn, messages...) }})
	}
	each := func(from, to int, do func(tell teller, n int)) {
		done := make(chan struct{})
		for k, tell := range tellers {
			go func() {
				defer func() { done <- struct{}{} }()
				for n := from + k; n < to; n += connections {
					do(tell, n)
				}
			}()
		}
		for range tellers {
			<-done
		}
	}
	each(0, cps, func(tell teller, n int) {
		tell.send("EV_CP_M "+id(n)+" registration request", "EV_CP_M "+id(n)+" heartbeat OK")
	})
	for n := range cps {
		e.checks(evcp.CPID(id(n)), site(n), "OO")
	}
	b.do(chromedp.EmulateViewport(1920, 1080), chromedp.Navigate(url+"?lang=en"))
	b.waitFor("all marks", `window.drawnAt > 0`)
	number := func(js string) float64 {
		t.Helper()
		v, err := chromedp.Run(b.ctx, chromedp.Evaluate[float64](js))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	const longest = `Math.max(0, ...tasks.map((t) => t[1]))`
	t.Logf("%d charge points: first drawn %.0f ms after navigation; longest task until then %.0f ms", cps, number(`drawnAt`), number(longest))
	places := func() string {
		t.Helper()
		v, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`(() => { const c = document.querySelector(".dots .cv"); return c.width + " " + c.height; })()`))
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	before := places()
	time.Sleep(time.Second)
	b.do(chromedp.Evaluate[chromedp.Void](`tasks.length = 0`))
	updates := 0
	for begin, turn := time.Now(), 0; time.Since(begin) < length; turn++ {
		second := time.Now()
		from := turn % 5 * (cps / 5)
		each(from, from+cps/5, func(tell teller, n int) { tell.send("EV_CP_M " + id(n) + " heartbeat OK") })
		updates += cps / 5
		time.Sleep(time.Until(second.Add(time.Second)))
	}
	t.Logf("%d updates in %v: longest task %.0f ms, %.0f over 50 ms; heap %.0f MB", updates, length, number(longest), number(`tasks.length`), number(`performance.memory.usedJSHeapSize / 1e6`))
	b.do(chromedp.Evaluate[chromedp.Void](`tasks.length = 0`))
	down := min(2000, cps)
	began := time.Now()
	each(0, down, func(tell teller, n int) { tell.send("EV_CP_M " + id(n) + " ENGINE_FAILURE") })
	told := time.Since(began)
	b.waitFor("every change", fmt.Sprintf(`document.querySelector('[data-k="n-faulted"]')?.textContent.replace(",", "") === "%d"`, down))
	t.Logf("%d went down within %v: all shown %v later; longest task %.0f ms, %.0f over 50 ms", down, told.Round(time.Millisecond), (time.Since(began) - told).Round(time.Millisecond), number(longest), number(`tasks.length`))
	red := `(() => { const c = document.querySelector(".dots .cv"); const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
		let n = 0; for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 200 && d[i] > 2 * d[i + 1]) n++; return n; })()`
	b.waitFor("a mark for each", fmt.Sprintf(red+` > %d`, 20*down))
	if after := places(); after != before {
		t.Errorf("the canvas was %s and is %s: marks have moved", before, after)
	}
	each(0, down, func(tell teller, n int) { tell.send("EV_CP_M " + id(n) + " ENGINE_RECOVERED") })
	b.waitFor("that all are well again", `document.querySelector('[data-k="n-faulted"]')?.textContent === "0" && `+red+` === 0`)
}
