package dashboard

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"evcp"
	"evcp/internal/central"
	"evcp/internal/testbed"
)

// earlier tells one check a second of the month before, as checks does.
func (s *eventSource) earlier(cp evcp.CPID, site, letters string) {
	s.t.Helper()
	now := time.Now().UTC()
	begin := time.Date(now.Year(), now.Month()-1, 10, 8, 0, 0, 0, time.UTC)
	all := []evcp.Observation{{Kind: evcp.Started, At: evcp.StampOf(begin), Version: "test"}}
	for i, l := range letters {
		o := evcp.Outcome{Status: evcp.OK, Response: "OK", Latency: time.Millisecond}
		if l == 'C' {
			o = evcp.Outcome{Status: evcp.ConnectionError, Cause: evcp.Refused}
		}
		all = append(all, evcp.Observation{Kind: evcp.Checked, At: evcp.StampOf(begin.Add(time.Duration(i+1) * time.Second)), Outcome: o})
	}
	s.observe(cp, site, all...)
}

// told tells that Central has answered the report of the open incident.
func (s *eventSource) told(cp evcp.CPID, site string, after time.Duration) {
	s.t.Helper()
	s.observe(cp, site, evcp.Observation{Kind: evcp.FailureReported, At: evcp.StampOf(time.Now()), Incident: s.states[cp].Incident.ID, Response: "Failure report received", Latency: after})
}

// twoSites is a Central with two sites: at Elche CP_031 has failed and its Monitor has said so;
// at Norte four were out together and are well again; all have a past.
func twoSites(t *testing.T) (*testServer, *eventSource) {
	t.Helper()
	e := newEventSource(t)
	s := startTestSite(t, central.Options{}, e.source(), anyPort, anyPort)
	e.earlier("CP_031", "Elche", strings.Repeat("O", 60)+strings.Repeat("C", 20)+strings.Repeat("O", 60))
	for n := 1; n <= 4; n++ {
		id := fmt.Sprintf("CP_%03d", n)
		s.monitor("EV_CP_M " + id + " registration request") // no heartbeat, so it is never silent
		e.checks(evcp.CPID(id), "Norte", strings.Repeat("O", 20)+"CCCCCCCC"+strings.Repeat("O", 20))
	}
	s.monitor("EV_CP_M CP_031 registration request", "EV_CP_M CP_031 ENGINE_FAILURE")
	e.checks("CP_031", "Elche", strings.Repeat("O", 30)+"KKKKKKKK")
	e.goOn("CP_001", "Norte")
	return s, e
}

// goOn tells an OK of a charge point each second until the test ends: without any event Kafka
// counts as lost.
func (s *eventSource) goOn(cp evcp.CPID, site string) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ended:
				return
			case <-time.After(time.Second):
				s.checks(cp, site, "O")
			}
		}
	}()
	s.t.Cleanup(func() { close(ended); <-done })
}

func (b *browser) open(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url))
}

// textIncludes is whether an element of the page says something.
func textIncludes(selector, text string) string {
	return fmt.Sprintf(`document.querySelector(%q)?.innerText.includes(%q)`, selector, text)
}

// Somebody who has never seen it finds on the page what is broken, since when, why, whether
// anybody has it, whether Central was told, whether it can be believed, and last month's number.
func TestWalkOfTheQuestions(t *testing.T) {
	b := chromium(t)
	s, e := twoSites(t)
	e.told("CP_031", "Elche", 4*time.Millisecond)
	b.open(s.url + "?lang=en")
	b.waitFor("what is broken", headline+`.startsWith("1 faulted: CP_031, for ")`)
	b.do(chromedp.Evaluate[chromedp.Void](`window.notReloaded = true`))
	b.open(s.url + "cp/CP_031?lang=en")
	b.waitFor("the state and for how long", `/^Faulted\s+for \d+\ss/.test(document.querySelector(".hw")?.innerText.trim())`)
	b.waitFor("since when and why", `/^\d+ checks failed, the Engine answers KO: overtemp 91C; the first at \d\d:\d\d:\d\d\.\d{3}\./.test(document.querySelector(".hy dd")?.innerText)`)
	b.waitFor("that nobody has it", textIncludes(".owner", "Nobody has taken it"))
	b.waitFor("that Central was told, and answered", `/after \d.* · 4\.0\sms/.test(document.querySelector(".inc30 .on")?.innerText)`)
	b.waitFor("both sources side by side", textIncludes(".src", "faulted")+`&&`+textIncludes(".src", "Engine answers KO × 8"))
	b.waitFor("that they agree", textIncludes(".src + .note", "They agree."))
	b.waitFor("what happens next", textIncludes(".hy", "When the Engine answers OK again the incident closes"))
	b.waitFor("one number of failed checks", textIncludes(".hy", "8 checks failed")+`&&`+textIncludes(".inc30 .on", "8 failed")+`&&`+textIncludes("#answers .hr", "8 failed"))
	b.click(`.nav a[data-name="uptime"]`)
	b.waitFor("last month's number", `/^\d+\.\d{3}\s% up while watched, all together$/.test(document.querySelector(".figure")?.innerText.trim())`)
	b.waitFor("what it is between", `/\d\s%\s–\s\d/.test(document.querySelector(".facts dd")?.innerText)`)
}

// The two sources are both shown where they differ, underlined twice.
func TestSourcesThatDisagree(t *testing.T) {
	b := chromium(t)
	s, e := twoSites(t)
	e.goOn("CP_031", "Elche") // its events are well again, and no report says so
	b.open(s.url + "cp/CP_031?lang=en")
	b.waitFor("that they disagree", `document.querySelectorAll(".src .clash").length === 2 && `+textIncludes(".src + .note", "They disagree."))
}

// A lost link says so on the page of a charge point: nothing there looks fresh.
func TestChargePointPageWithoutCentral(t *testing.T) {
	b := chromium(t)
	s, _ := twoSites(t)
	b.open(s.url + "cp/CP_031?lang=en")
	b.waitFor("the fault", textIncludes(".hw", "Faulted"))
	s.stop()
	b.waitFor("a lower bound", `document.body.classList.contains("is-lost") && /≥\s\d/.test(document.querySelector(".hw").innerText)`)
	b.waitFor("no next check", `document.querySelector('[data-k="next"]').innerText === ""`)
}

// Incidents are found by site, cause and time; a site that failed together is one row that opens
// by the keyboard, and keeps the focus while news come.
func TestIncidentsPage(t *testing.T) {
	b := chromium(t)
	s, e := twoSites(t)
	b.open(s.url + "incidents?lang=en")
	b.waitFor("a row for the site and one for CP_031", `document.querySelectorAll(".inc tbody tr").length === 2 && `+textIncludes(".inc", "4 charge points within"))
	b.waitFor("the sentence", textIncludes(".psub", "5 incidents, 1 goes on"))
	b.do(chromedp.Focus(`.inc tr:not(.on) .opener`), chromedp.KeyEvent("\r"))
	b.waitFor("its four charge points", `document.querySelectorAll(".inc tr.inner").length === 4`)
	b.do(chromedp.Evaluate[chromedp.Void](`window.held = document.activeElement`))
	e.checks("CP_004", "Norte", "CCC")
	s.monitor("EV_CP_M CP_004 ENGINE_FAILURE")
	b.waitFor("the new incident", textIncludes(".psub", "6 incidents, 2 go on"))
	b.waitFor("the focus where it was", `document.activeElement === window.held && held.matches(".opener[aria-expanded=true]")`)
	b.do(chromedp.Evaluate[chromedp.Void](`(() => { const s = document.querySelector("select[name=cause]"); s.value = "said_ko"; s.dispatchEvent(new Event("change", {bubbles: true})); })()`))
	b.waitFor("the filter in the address", `new URLSearchParams(location.search).get("cause") === "said_ko" && document.querySelectorAll(".inc tbody tr").length === 1`)
	b.open(s.url + "incidents?lang=en&cause=said_ko&from=2000-01-01&to=2000-03-01")
	b.waitFor("none in the days of the address", textIncludes(".notice", "No incident fits."))
	b.open(s.url + "incidents?lang=en&cause=said_ko")
	b.waitFor("a file of the same", `document.querySelector("a[download]")?.href.includes("cause=said_ko&format=csv")`)
	b.click(`.inc a`)
	b.waitFor("the page of the charge point", `location.pathname === "/cp/CP_031" && `+textIncludes(".hero h1", "CP_031"))
}

// The table shows a hundred rows of any number, sorts, filters, and keeps the focus.
func TestTablePage(t *testing.T) {
	b := chromium(t)
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	conn := s.monitor("EV_CP_M CP_000 registration request")
	var all []string
	for n := 1; n < 450; n++ {
		all = append(all, fmt.Sprintf("EV_CP_M CP_%03d registration request", n))
	}
	s.send(conn, all...)
	s.monitor("EV_CP_M CP_007 heartbeat KO")
	b.open(s.url + "table?lang=en")
	b.waitFor("a hundred rows", `document.querySelectorAll(".cps tbody tr").length === 100 && `+textIncludes(".turn", "1–100 of 450"))
	b.click(`.turn button[data-page="2"]`)
	b.waitFor("the next hundred", `document.querySelector(".cps tbody th").innerText === "CP_100" && location.search.includes("page=2")`)
	b.click(`[data-sort="state"]`)
	b.waitFor("the faulted one first", `document.querySelector(".cps tbody th").innerText === "CP_007" && document.querySelector('[aria-sort="ascending"]').innerText.startsWith("State")`)
	b.do(chromedp.Focus(`.cps tbody a`))
	s.monitor("EV_CP_M CP_200 heartbeat KO")
	b.waitFor("that rows stay while one has the focus", `document.activeElement.innerText === "CP_007"`)
	b.do(chromedp.Evaluate[chromedp.Void](`document.activeElement.blur()`))
	b.waitFor("the new one when nobody reads", `[...document.querySelectorAll(".cps tbody th")].slice(0, 2).map((e) => e.innerText).join() === "CP_007,CP_200"`)
	b.do(chromedp.SendKeys(`input[name=q]`, "cp_44"))
	b.waitFor("the ten that fit, and the focus in the field", `document.querySelectorAll(".cps tbody tr").length === 10 && document.activeElement.name === "q" && location.search.includes("q=cp_44")`)
}

// A report names what it was computed from; an unknown charge point is said to be none.
func TestUptimePage(t *testing.T) {
	b := chromium(t)
	s, _ := twoSites(t)
	b.open(s.url + "uptime?lang=es")
	b.waitFor("Spanish", `/^\d+,\d{3}\s% del tiempo observado, todo junto$/.test(document.querySelector(".figure")?.innerText.trim())`)
	b.waitFor("the inputs", textIncludes(".inputs", "ev-central report --definition plain --month "))
	b.waitFor("files", `[...document.querySelectorAll(".files a")].map((a) => new URL(a.href).searchParams.get("format")).join() === "csv,json,html"`)
	b.click(`.ledger .opener`)
	b.waitFor("the outage of the port", `/20\ss · Conexión rechazada/.test(document.querySelector(".ledger .moments")?.innerText)`)
	b.open(s.url + "uptime?lang=en&by=uk")
	b.waitFor("why there is none of the UK", textIncludes(".notice", "uk is about public ports"))
	b.open(s.url + "cp/CP_%3Cb%3E?lang=en")
	b.waitFor("that it is no id", textIncludes(".cpage", "CP_<b>"))
}

// Of a new installation the month that is over has nothing, so this one is shown.
func TestUptimeOfANewInstallation(t *testing.T) {
	b := chromium(t)
	s, _, _, _ := overviewSite(t)
	b.open(s.url + "uptime?lang=en")
	b.waitFor("a number", `/^\d+\.\d{3}\s% up while watched/.test(document.querySelector(".figure")?.innerText.trim())`)
	b.waitFor("the month chosen, and not in the address", `document.querySelector('select[name="when"]').value === "" && !location.search.includes("when=")`)
}

// A check is late only if others' events came without it; if none came at all, events are away.
func TestWhatIsLate(t *testing.T) {
	b := chromium(t)
	s, _ := twoSites(t) // CP_001 goes on
	b.open(s.url + "cp/CP_002?lang=en")
	b.waitFor("that its check is late", textIncludes(`[data-k="next"]`, "next check late by"))
	silent, _, _, _ := overviewSite(t)
	b.open(silent.url + "cp/CP_2?lang=en")
	b.waitFor("that no events come", textIncludes(`[data-k="next"]`, "no event of any charge point for"))
}

// axe is the accessibility checker of npm, by the lock file of scripts/node.
func axe(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("EVCP_TEST_NODE")
	if folder == "" {
		testbed.SkipMissing(t, "axe-core (EVCP_TEST_NODE)")
	}
	script, err := os.ReadFile(filepath.Join(folder, "axe-core", "axe.min.js"))
	if err != nil {
		testbed.SkipMissing(t, "axe-core: "+err.Error())
	}
	return string(script)
}

// findings are what axe finds serious or worse: the rule and the first element of each.
const findings = `axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations.filter((v) => v.impact === "serious" || v.impact === "critical")
	.map((v) => v.id + " " + v.nodes.slice(0, 3).map((n) => n.target.join(" ") + ": " + (n.failureSummary || "").split("\n").slice(1).join(" ")).join("; ")).join("\n"))`

// accessible runs axe on what is shown.
func (b *browser) accessible(script, what string) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](script))
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](findings, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	if found != "" {
		b.t.Errorf("%s:\n%s", what, found)
	}
}

// Every page has no serious finding of axe in both themes, and fits a phone.
func TestPagesAreAccessible(t *testing.T) {
	script := axe(t)
	b := chromium(t)
	s, _ := twoSites(t)
	for place, ready := range map[string]string{
		"": `document.querySelectorAll(".tile").length === 5`, "cp/CP_031": `document.querySelector(".lat") && document.querySelector(".inc30")`, "incidents": `document.querySelector(".inc tbody tr")`,
		"uptime": `document.querySelector(".ledger")`, "table": `document.querySelector(".cps tbody tr")`, "audit": `document.querySelector(".audit .pbody :not(.note)")`, "signin": `document.querySelector(".signin :is(form, .notice)")`,
	} {
		for _, theme := range []string{"light", "dark"} {
			b.do(chromedp.EmulateViewport(1440, 900), chromedp.Navigate(s.url+place+"?lang=en&theme="+theme))
			b.waitFor("/"+place, "!!("+ready+")")
			b.accessible(script, "/"+place+", "+theme)
		}
		b.do(chromedp.EmulateViewport(390, 844))
		b.waitFor("that /"+place+" does not scroll sideways on a phone", `document.documentElement.scrollWidth <= innerWidth`)
	}
}

// click clicks what can be clicked within the time of waitFor; chromedp alone waits for ever. What
// moves while the page is laid out is waited for: a press where it was would not be a click.
func (b *browser) click(selector string) {
	b.t.Helper()
	b.waitFor(selector, fmt.Sprintf(`(() => {
		const e = document.querySelector(%q);
		if (!e || e.disabled) return false;
		const was = e.lastBox;
		e.lastBox = JSON.stringify(e.getBoundingClientRect());
		return e.lastBox === was;
	})()`, selector))
	b.do(chromedp.Click(selector))
}

// fill enters a text into a field of the open form.
func (b *browser) fill(name, text string) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`(() => { const f = [...document.querySelectorAll(':is(.dialog, .sheet) [name=%q]')].at(-1); f.value = %q; f.dispatchEvent(new Event("input", {bubbles: true})); })()`, name, text)))
}

// What whoever runs Central says about its numbers stands on every page, as text.
func TestNoticeOnEveryPage(t *testing.T) {
	b := chromium(t)
	s, e := twoSites(t)
	page := httptest.NewServer(New(Options{Central: s.central, Version: "test", History: e.source(), Notice: "<b>Made up</b> before 3 May.", Access: AccessRules{PublicBoard: true}}))
	t.Cleanup(func() { page.CloseClientConnections(); page.Close() })
	const shown = `document.querySelector(".standing")?.innerText === "<b>Made up</b> before 3 May." && document.querySelector(".standing").offsetHeight > 0`
	for _, place := range []string{"/", "/cp/CP_031", "/incidents", "/uptime", "/table"} {
		b.open(page.URL + place + "?lang=en")
		b.waitFor("the notice on "+place, shown)
	}
	b.open(s.url + "?lang=en")
	b.waitFor("none where there is none", `document.querySelectorAll(".tile").length > 0 && document.querySelector(".standing").hidden`)
}
