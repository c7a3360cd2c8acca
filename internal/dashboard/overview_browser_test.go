package dashboard

import (
	"fmt"
	"net"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"evcp"
	"evcp/internal/central"
)

// overviewSite is a page of eight charge points at two sites, with their events: four Monitors
// at Norte with a connection each, and one connection for the four at Sur.
func overviewSite(t *testing.T) (s *testServer, e *eventSource, norte [4]net.Conn, sur net.Conn) {
	t.Helper()
	e = newEventSource(t)
	s = startTestSite(t, central.Options{}, e.source(), anyPort, anyPort)
	sur = s.monitor()
	for n := range 8 {
		id, site, conn := fmt.Sprintf("CP_%d", n+1), "Sur", sur
		if n < 4 {
			norte[n] = s.monitor()
			site, conn = "Norte", norte[n]
		}
		s.send(conn, "EV_CP_M "+id+" registration request", "EV_CP_M "+id+" heartbeat OK")
		e.checks(evcp.CPID(id), site, "OOOOOOOO")
	}
	return s, e, norte, sur
}

// text is the text of an element on one line; "" if there is none.
func textOf(selector string) string {
	return `(document.querySelector('` + selector + `')?.textContent ?? "").replace(/\s+/g, " ")`
}

// The queue says what is wrong, since when, on which evidence, and whether it was told; a site
// that goes at once is one row that opens, and one clause of the sentence.
func TestQueueSaysWhatAndWhy(t *testing.T) {
	b := chromium(t)
	s, e, norte, sur := overviewSite(t)
	b.do(chromedp.Navigate(s.url + "?lang=en"))
	b.waitFor("that nobody is needed", `document.querySelector(".queue .none")?.textContent === "Nothing needs you."`)
	s.send(norte[1], "EV_CP_M CP_2 ENGINE_FAILURE", "EV_CP_M CP_2 heartbeat KO")
	e.checks("CP_2", "Norte", "KKUKK")
	row := textOf(`[data-key="cp CP_2"]`)
	for _, want := range []string{"Norte", "Engine answers KO: overtemp 91C", "since ", "4 of 4 failed, 1 not judged", "Central told ", "answered in 4.0 ms", "Kafka agrees"} {
		b.waitFor(want, row+`.includes("`+want+`")`)
	}
	b.waitFor("the checks that opened it, underlined", `document.querySelectorAll('[data-key="cp CP_2"] .e-k').length === 4 && document.querySelectorAll('[data-key="cp CP_2"] .e-mark').length === 1`)
	sur.Close()
	b.waitFor("one row of the site", `document.querySelectorAll(".q.s-disconnected").length === 1 && `+textOf(".q.group")+`.includes("4 of 4 went silent within")`)
	b.waitFor("its clause", textOf("#headline")+`.endsWith("Sur: all 4 silent.")`)
	b.waitFor("the number of charge points", `document.querySelector('[data-k="qn"]').textContent === "5"`)
	b.do(chromedp.Click(".qopen"))
	b.waitFor("its charge points", `[...document.querySelectorAll(".qsite a")].map((a) => a.textContent + " " + a.getAttribute("href").split("?")[0]).join() === "CP_5 /cp/CP_5,CP_6 /cp/CP_6,CP_7 /cp/CP_7,CP_8 /cp/CP_8"`)
	b.waitFor("that it is still open", `document.activeElement.matches('.qopen[aria-expanded="true"]')`)
	// The events say that it is well again, and the report does not come.
	e.checks("CP_2", "Norte", "O")
	b.waitFor("what the events say", textOf(".feed")+`.includes("Recovered after")`)
}

// What holds the focus stays the same element, whatever comes and whatever is filtered; a
// keystroke in the search makes no element anew.
func TestFocusSurvivesUpdates(t *testing.T) {
	b := chromium(t)
	s, e, norte, _ := overviewSite(t)
	s.send(norte[1], "EV_CP_M CP_2 ENGINE_FAILURE")
	e.checks("CP_2", "Norte", "KKK")
	b.do(chromedp.Navigate(s.url + "?lang=en"))
	b.waitFor("the row", `document.querySelector('[data-key="cp CP_2"] .qm') !== null`)
	same := func(what string) {
		t.Helper()
		b.waitFor("that the focus is still on "+what, `document.activeElement === window.held && held.isConnected`)
	}
	b.do(chromedp.Evaluate[chromedp.Void](`(window.held = document.querySelector('[data-key="cp CP_2"] .qm')).focus()`))
	e.checks("CP_2", "Norte", "K")
	b.waitFor("one more failed check", textOf(`[data-key="cp CP_2"]`)+`.includes("4 of 4")`)
	same("the row")
	s.send(norte[0], "EV_CP_M CP_1 ENGINE_FAILURE") // older rows would come before it
	b.waitFor("another row", `document.querySelector('[data-key="cp CP_1"]') !== null`)
	same("the row")
	b.do(chromedp.Evaluate[chromedp.Void](`(window.held = document.querySelector('.tile[data-id="CP_3"]')).focus()`))
	s.send(norte[2], "EV_CP_M CP_3 ENGINE_FAILURE")
	b.waitFor("the fault", fmt.Sprintf(isState, "CP_3", "faulted"))
	same("the tile")
	s.monitor("EV_CP_M CP_0 registration request")
	b.waitFor("one that came", fmt.Sprintf(tile, "CP_0")+` !== null`)
	same("the tile")
	b.do(chromedp.Evaluate[chromedp.Void](`window.before = [...document.querySelectorAll(".tile, .count, .q, .feed li")]`),
		chromedp.Focus(".find input"), chromedp.SendKeys(".find input", "CP_3"))
	b.waitFor("the filter", `location.search.includes("q=CP_3") && document.querySelectorAll(".tile:not(.dim)").length === 1`)
	b.waitFor("that the elements are the same", `before.filter((e) => !e.matches(".q, li")).every((e) => e.isConnected) && document.activeElement.matches(".find input")`)
	b.do(chromedp.Focus(`.count.s-faulted`), chromedp.KeyEvent(kb.Enter))
	b.waitFor("the other filter", `location.search.includes("state=faulted") && document.activeElement.matches('.count.s-faulted[aria-pressed="true"]')`)
	b.do(chromedp.Focus(`[data-lang="es"]`), chromedp.KeyEvent(kb.Enter))
	b.waitFor("the language, with its button focused", textOf("#headline")+`.startsWith("3 averiados.") && document.activeElement.matches('[data-lang="es"]')`)
}

// The page by the keyboard alone.
func TestKeyboardWalk(t *testing.T) {
	b := chromium(t)
	s, _, norte, sur := overviewSite(t)
	s.send(norte[1], "EV_CP_M CP_2 ENGINE_FAILURE")
	s.send(sur, "EV_CP_M CP_7 ENGINE_FAILURE")
	b.do(chromedp.Navigate(s.url + "?lang=en"))
	b.waitFor("two rows", `document.querySelectorAll(".q").length === 2`)
	focused := func(what, selector string) {
		t.Helper()
		b.waitFor(what+" focused", `document.activeElement.matches('`+selector+`')`)
	}
	b.do(chromedp.KeyEvent("/"))
	focused("the search", ".find input")
	b.do(chromedp.Evaluate[chromedp.Void](`document.activeElement.select()`), chromedp.KeyEvent("Sur")) // a protocol's key press types its character all the same
	b.waitFor("the filter", `document.querySelectorAll(".tile:not(.dim)").length === 4 && document.querySelectorAll(".q").length === 1`)
	b.do(chromedp.KeyEvent(kb.Escape)) // out of the field
	b.do(chromedp.KeyEvent(kb.Escape)) // out of the filter
	b.waitFor("no filter", `!location.search.includes("q=") && document.querySelectorAll(".tile.dim").length === 0`)
	b.do(chromedp.Focus(`[data-key="cp CP_2"] .qm`), chromedp.KeyEvent("j"))
	focused("the next row", `[data-key="cp CP_7"] .qm`)
	b.do(chromedp.KeyEvent("k"))
	focused("the row before", `[data-key="cp CP_2"] .qm`)
	b.waitFor("one stop for all tiles", `document.querySelectorAll('.tile[tabindex="0"]').length === 1`)
	b.do(chromedp.Focus(`.tile[tabindex="0"]`), chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowDown))
	b.waitFor("another tile", `document.activeElement.matches('.tile[tabindex="0"]') && document.activeElement.dataset.id !== "CP_1" && document.querySelectorAll('.tile[tabindex="0"]').length === 1`)
	b.do(chromedp.Evaluate[chromedp.Void](`window.at = "/cp/" + document.activeElement.dataset.id`), chromedp.KeyEvent(kb.Enter))
	b.waitFor("its page", `location.pathname === window.at`)
	b.do(chromedp.KeyEvent("?"))
	b.waitFor("the keys", `document.querySelector("dialog.keys").open && document.querySelector("dialog.keys").textContent.includes("search")`)
	b.do(chromedp.Click("dialog.keys input"), chromedp.KeyEvent(kb.Escape))
	b.waitFor("that they are closed", `!document.querySelector("dialog.keys").open`)
	b.do(chromedp.Evaluate[chromedp.Void](`document.activeElement.blur()`), chromedp.KeyEvent("/"))
	b.waitFor("that / is off", `!document.activeElement.matches(".find input")`)
}

// Without the events the page says what is live, what is not known, and what comes next.
func TestPageSaysThatKafkaIsLost(t *testing.T) {
	b := chromium(t)
	s, e, norte, _ := overviewSite(t)
	s.send(norte[1], "EV_CP_M CP_2 ENGINE_FAILURE")
	e.checks("CP_2", "Norte", "KKKKK")
	b.do(chromedp.Navigate(s.url + "?lang=en"))
	b.waitFor("that it can be believed", `document.querySelector(".chain")?.getAttribute("aria-label").includes("Kafka OK")`)
	b.waitFor("the last 24 hours", textOf(".up24 .fig")+`.includes("% up while watched")`)
	e.lose("connection refused")
	b.waitFor("the banner", `!document.querySelector(".banner").hidden && `+textOf(".banner")+`.startsWith("Central lost Kafka")`)
	b.waitFor("the broken leg", `document.querySelector(".chain").getAttribute("aria-label").includes("Kafka ✕") && document.querySelector(".chain .cut") !== null`)
	b.waitFor("that single checks are not known", textOf(`[data-key="cp CP_2"]`)+`.includes("not known since")`)
	s.send(norte[0], "EV_CP_M CP_1 ENGINE_FAILURE")
	b.waitFor("a new fault with a bound and no cause", textOf(`[data-key="cp CP_1"]`)+`.includes("≥") && `+textOf(`[data-key="cp CP_1"]`)+`.includes("cause not known")`)
	e.lose("")
	e.checks("CP_2", "Norte", "K")
	b.waitFor("that it is over", `document.querySelector(".banner").hidden && `+textOf(`[data-key="cp CP_2"]`)+`.includes("6 of 6 failed")`)
}

// A flood of one kind is one line of the feed; the fault before it is still there. While it is
// pointed at nothing moves.
func TestFeedFoldsAFlood(t *testing.T) {
	b := chromium(t)
	s, _, norte, _ := overviewSite(t)
	b.do(chromedp.Navigate(s.url + "?lang=en"))
	b.waitFor("the board", fmt.Sprintf(tile, "CP_1")+` !== null`)
	s.send(norte[1], "EV_CP_M CP_2 ENGINE_FAILURE")
	b.waitFor("the fault", textOf(".feed")+`.includes("CP_2Monitor reports a failure")`)
	conn := s.monitor()
	var all []string
	for n := range 80 {
		all = append(all, fmt.Sprintf("EV_CP_M N_%d registration request", n))
	}
	s.send(conn, all...)
	b.waitFor("that the flood is counted", `[...document.querySelectorAll(".foldrow")].some((e) => /^\d\d:\d\d:\d\d\d+ registered, of \d+ charge points$/.test(e.textContent.trim()))`)
	b.waitFor("the fault", textOf(".feed")+`.includes("CP_2Monitor reports a failure")`)
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector(".feed ol").dispatchEvent(new PointerEvent("pointerenter"))`))
	s.send(norte[1], "EV_CP_M CP_2 ENGINE_RECOVERED")
	b.waitFor("that it is well again", fmt.Sprintf(isState, "CP_2", "activated"))
	b.waitFor("that it is held", `document.querySelector(".feed .held").hidden === false`)
	b.waitFor("that nothing has moved", `!`+textOf(".feed")+`.includes("Recovery reported")`)
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector(".feed ol").dispatchEvent(new PointerEvent("pointerleave"))`))
	b.waitFor("what came meanwhile", textOf(".feed")+`.includes("Recovery reported")`)
}

// A list's rows are brought to their texts: those that stay are the same elements, in the order of
// the texts, and what has the text of before is left as it is.
func TestRowsBecomeTheirTexts(t *testing.T) {
	b := chromium(t)
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	b.do(chromedp.Navigate(s.url + "?lang=en"))
	got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`import('/js/patch.js').then(({ patchRows }) => {
		const list = document.createElement('ul'), row = (key, text) => '<li data-key="' + key + '">' + text + '</li>';
		patchRows(list, [row('a', '1'), row('b&amp;b', '2'), row('gone', '3')]);
		const [a, b] = list.children;
		b.firstChild.nodeValue = 'ticked'; // as the texts that time changes
		patchRows(list, [row('b&amp;b', '2'), row('new', '4'), row('a', '5')]);
		return list.innerHTML + (list.children[0] === b && list.children[2] === a);
	})`, chromedp.EvalAwaitPromise))
	if want := `<li data-key="b&amp;b">ticked</li><li data-key="new">4</li><li data-key="a">5</li>true`; err != nil || got != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
}
