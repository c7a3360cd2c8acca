package dashboard

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"

	"evcp/internal/testbed"
)

// Whoever is not signed in is led to do so and back; then takes an incident, keeps a charge point
// in maintenance, excludes an outage, finds it all in the log, and signs out.
func TestPeopleAct(t *testing.T) {
	b := chromium(t)
	s := startPeopleSite(t, AccessRules{}, false)
	s.monitor("EV_CP_M CP_002 registration request", "EV_CP_M CP_002 ENGINE_FAILURE")
	b.open(s.url + "cp/CP_002?lang=en")
	b.waitFor("the way to sign in", `location.pathname === "/signin" && document.querySelector("form[data-form=in]") && document.querySelector(".banner").hidden`)
	b.fill("name", "ana")
	b.fill("password", "a wrong one, surely")
	b.click(`.sheet .main`)
	b.waitFor("that it is wrong", textIncludes(".refusal", "Name or password is wrong."))
	b.fill("password", testPassword)
	b.click(`.sheet .main`)
	b.waitFor("the page that was asked for, signed in", `location.pathname === "/cp/CP_002" && document.querySelector(".take:not(:disabled)") && `+textIncludes(".me", "ana"))
	b.click(`[data-do="take"]`)
	b.waitFor("a form that has the focus", `document.querySelector(".dialog[open]")?.contains(document.activeElement)`)
	b.fill("note", "<b>on my way</b>")
	b.click(`.dialog .main`)
	b.waitFor("who has it", textIncludes(".owner", "taken by ana, <b>on my way</b>")+` && !document.querySelector(".dialog")`)
	b.click(`[data-do="maintain"]`)
	b.waitFor("the form", `!!document.querySelector('.dialog [name="reason"]')`)
	b.fill("reason", "new cable")
	b.click(`.dialog .main`)
	b.waitFor("the maintenance", textIncludes(".hw", "In maintenance")+`&&`+textIncludes(".hy dd", "new cable"))
	b.waitFor("the way out of it", `!!document.querySelector('[data-do="unmaintain"]:not(:disabled)')`)
	b.click(`[data-do="unmaintain"]`)
	b.click(`.dialog .main`)
	b.waitFor("what is true underneath", textIncludes(".hw", "Faulted"))
	b.click(`[data-do="changeport"]`)
	b.waitFor("the form of its port", `!!document.querySelector('.dialog [name="bay"]')`)
	b.fill("site", "Elche")
	b.fill("bay", "9")
	b.waitFor("that what partners need is folded away", `!document.querySelector(".dialog details").open && document.querySelectorAll(".dialog select[name=connector_standard] option").length === 41`)
	b.click(`.dialog summary`)
	b.fill("city", "Elche")
	b.do(chromedp.SetValue(`.dialog [name="power_type"]`, "AC_3_PHASE"))
	b.click(`.dialog .main`)
	b.waitFor("where it stands", textIncludes(".hero h1", "Elche, bay 9"))
	if a := s.signIn("ana").ask(http.MethodGet, "api/v1/ports", ""); !strings.Contains(a.body, `"city": "Elche"`) || !strings.Contains(a.body, `"power_type": "AC_3_PHASE"`) || strings.Contains(a.body, "connector_format") {
		t.Errorf("the ports are %s", a.body)
	}
	b.open(s.url + "uptime?lang=en&when=2026-10")
	b.waitFor("the exclusions", `!!document.querySelector('[data-do="exclude"]:not(:disabled)')`)
	b.click(`[data-do="exclude"]`)
	b.waitFor("the form", `!!document.querySelector('.dialog [name="note"]')`)
	for name, text := range map[string]string{"cp_id": "CP_001", "from": "2026-10-31T00:30", "to": "2026-10-31T01:00", "note": "power cut"} {
		b.fill(name, text)
	}
	b.click(`.dialog .main`)
	b.waitFor("the exclusion", textIncludes(".exclusions tbody", "power cut"))
	b.click(`.nav [data-name="audit"]`)
	b.waitFor("all of it in the log", `["take it", "begin maintenance", "exclude an outage", "enter a port", "add a user"].every((w) => [...document.querySelectorAll(".audit tbody td")].some((e) => e.innerText === w))`)
	b.do(chromedp.Focus(`[data-lang="es"]`), chromedp.KeyEvent("\r"))
	b.waitFor("the log in Spanish", `[...document.querySelectorAll(".audit tbody td")].some((e) => e.innerText === "añadir un usuario")`)
	b.do(chromedp.Focus(`[data-lang="en"]`), chromedp.KeyEvent("\r"))
	b.click(`[data-do="adduser"]`)
	b.waitFor("the form of a user", `!!document.querySelector('.dialog [name="role"]')`)
	b.fill("name", "eva")
	b.fill("password", testPassword)
	b.click(`.dialog .main`)
	b.waitFor("the new viewer", textIncludes(`[data-key="u eva"]`, "viewer")+`&&`+textIncludes(".jump", "3 users"))
	b.click(`[data-do="setpassword"][data-of="eva"]`)
	b.waitFor("the form of a password", `!!document.querySelector('.dialog [name="again"]') && !document.querySelector('.dialog [name="current"]')`)
	b.fill("password", "another long password")
	b.fill("again", "another long passwort")
	b.click(`.dialog .main`)
	b.waitFor("that the two differ", textIncludes(".dialog .refusal", "The two new passwords differ."))
	b.fill("again", "another long password")
	b.click(`.dialog .main`)
	b.waitFor("it in the log", `!document.querySelector(".dialog") && [...document.querySelectorAll(".audit tbody td")].some((e) => e.innerText === "set a password")`)
	b.click(`[data-do="removeuser"][data-of="ana"]`)
	b.click(`.dialog .main`)
	b.waitFor("that the last operator stays", textIncludes(".dialog .refusal", "it is the last operator"))
	b.click(`.dialog [data-do="cancel"]`)
	b.click(`[data-do="removeuser"][data-of="eva"]`)
	b.click(`.dialog .main`)
	b.waitFor("that the viewer is gone", `!document.querySelector('[data-key="u eva"]') && !!document.querySelector('[data-key="u ana"]')`)
	b.click(`.me`)
	b.waitFor("who is signed in", textIncludes(".sheet", "ana is signed in: operator."))
	for name, text := range map[string]string{"current": testPassword, "password": "a new long password", "again": "a new long password"} {
		b.fill(name, text)
	}
	b.click(`form[data-form="password"] .main`)
	b.waitFor("the new password", textIncludes(".done", "The password is changed."))
	b.click(`form[data-form="out"] .main`)
	b.waitFor("the way to sign in", `location.pathname === "/signin" && !!document.querySelector("form[data-form=in]")`)
}

// What Central refuses is said in the language of the page: of a form, and of a file of ports line by
// line.
func TestRefusalsInSpanish(t *testing.T) {
	b := chromium(t)
	s := startPeopleSite(t, AccessRules{}, false)
	s.monitor("EV_CP_M CP_001 registration request")
	b.open(s.url + "signin?lang=es&to=%2Faudit%3Flang%3Des")
	b.waitFor("the form", `!!document.querySelector("form[data-form=in]")`)
	b.fill("name", "ana")
	b.fill("password", testPassword)
	b.click(`.sheet .main`)
	b.waitFor("the users", `!!document.querySelector('[data-do="removeuser"][data-of="ana"]')`)
	b.click(`[data-do="removeuser"][data-of="ana"]`)
	b.click(`.dialog .main`)
	b.waitFor("why not", textIncludes(".dialog .refusal", "es el último operador: cree otro antes"))
	b.click(`.dialog [data-do="cancel"]`)
	b.click(`.nav [data-name="table"]`)
	b.waitFor("the file of ports", `!!document.querySelector('[data-do="putports"]:not(:disabled)')`)
	b.click(`[data-do="putports"]`)
	b.waitFor("the field of the file", `!!document.querySelector('.dialog input[type="file"]')`)
	b.waitFor("the file", `(() => { const d = new DataTransfer(); d.items.add(new File(["cp_id,power_kw\nCP 1,50\nCP_2,x\n"], "ports.csv")); document.querySelector('.dialog input[type="file"]').files = d.files; return true; })()`)
	b.click(`.dialog .main`)
	b.waitFor("both lines", textIncludes(".dialog .refusal", `conexiones: línea 2: cp_id: "CP 1": el id de un punto de carga tiene de 1 a 64`)+`&&`+textIncludes(".dialog .refusal", `; línea 3: power_kw: "x": una potencia es 50 o 7.4, en kW`))
	b.click(`.dialog [data-do="cancel"]`)
	b.click(`[data-do="maintainsite"]`)
	b.waitFor("the form of a site", `!!document.querySelector('.dialog [name="site"]')`)
	b.fill("site", "<b>Nowhere</b>")
	b.fill("reason", "techo")
	b.click(`.dialog .main`)
	b.waitFor("the name as it is", textIncludes(".dialog .refusal", `no hay ningún emplazamiento "<b>Nowhere</b>"`))
}

// The log of a public board asks in one sentence to sign in. Who does is known at once, though the
// stream has gone on all the time.
func TestAuditAsksToSignIn(t *testing.T) {
	b := chromium(t)
	s := startPeopleSite(t, AccessRules{PublicBoard: true}, false)
	b.open(s.url + "audit?lang=en")
	b.waitFor("the sentence alone", `document.querySelector(".audit .pbody")?.innerText.trim() === "Sign in to read who did what."`)
	b.click(`.audit .notice a`)
	b.waitFor("the way to sign in", `!!document.querySelector("form[data-form=in]")`)
	b.fill("name", "ana")
	b.fill("password", testPassword)
	b.click(`.sheet .main`)
	b.waitFor("the log, signed in", `location.pathname === "/audit" && !!document.querySelector(".audit tbody tr") && !!document.querySelector(".users tbody tr") && `+textIncludes(".me", "ana"))
	b.click(`.me`)
	b.click(`form[data-form="out"] .main`)
	b.waitFor("the board, signed out", `location.pathname === "/" && `+textIncludes(".me", "Sign in"))
}

// What is shown to who is signed in has no serious finding of axe either: forms, ports, the log.
func TestFormsAreAccessible(t *testing.T) {
	script := axe(t)
	b := chromium(t)
	s := startPeopleSite(t, AccessRules{}, false)
	s.monitor("EV_CP_M CP_002 registration request", "EV_CP_M CP_002 ENGINE_FAILURE")
	b.open(s.url + "signin?lang=en&to=/table")
	b.waitFor("the form", `!!document.querySelector("form[data-form=in]")`)
	b.accessible(script, "signing in")
	b.fill("name", "ana")
	b.fill("password", testPassword)
	b.click(`.sheet .main`)
	b.waitFor("the table", `location.pathname === "/table" && !!document.querySelector('[data-do="addport"]:not(:disabled)')`)
	b.accessible(script, "the table with ports")
	b.click(`[data-do="addport"]`)
	b.waitFor("a form", `!!document.querySelector(".dialog[open]")`)
	b.click(`.dialog summary`)
	b.accessible(script, "a form")
	b.do(chromedp.KeyEvent("\x1b"))
	b.waitFor("the focus back on its button", `!document.querySelector(".dialog") && document.activeElement.dataset.do === "addport"`)
	b.click(`.nav [data-name="audit"]`)
	b.waitFor("the log", `!!document.querySelector(".audit tbody tr")`)
	b.accessible(script, "the log")
}

// Who can sign in at a provider, which is another site, sees where, beside name and password; goes
// there and comes back to the place that was asked for, signed in; and sees that it did not work.
func TestBrowserGoesToTheProvider(t *testing.T) {
	b := chromium(t)
	b.do(func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true})
		return chromedp.Void{}, err
	})
	s, p := startProviderSite(t)
	s.url = strings.Replace(s.url, "127.0.0.1", "localhost", 1) // the provider has this address
	s.page.pageURL = strings.TrimSuffix(s.url, "/")
	b.open(s.url + "signin?lang=en&to=/uptime%3Fwhen%3D2026-10")
	b.waitFor("the way", textIncludes(".signin a.button", "Sign in at 127.0.0.1")+` && new URL(document.querySelector(".signin a.button").href).pathname === "`+providerPath+`" && new URL(document.querySelector(".signin a.button").href).searchParams.get("to") === "/uptime?when=2026-10" && !!document.querySelector("form[data-form=in]")`)
	b.click(".signin a.button")
	b.waitAcross("the place, signed in", `location.pathname + location.search === "/uptime?when=2026-10" && `+textIncludes(".me", "eva@example.net"))
	b.click(`.me`)
	b.click(`form[data-form="out"] .main`)
	b.waitFor("that she is signed out", `location.pathname === "/signin" && !!document.querySelector("form[data-form=in]")`)
	p.mu.Lock()
	p.gone = true
	p.mu.Unlock()
	b.do(chromedp.Focus(`[data-lang="es"]`), chromedp.KeyEvent("\r"))
	b.click(".signin a.button")
	b.waitAcross("that it failed", textIncludes(".signin .refusal", "127.0.0.1 no ha dado entrada a nadie."))
}

// waitAcross is waitFor while the browser goes to other pages.
func (b *browser) waitAcross(what, js string) {
	b.t.Helper()
	testbed.Until(b.t, what, func() bool {
		is, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](js))
		return err == nil && is
	})
}

// The first token makes the first operator.
func TestFirstOperatorOnThePage(t *testing.T) {
	b := chromium(t)
	s := startPeopleSite(t, AccessRules{}, true)
	token, err := s.accounts.NewFirstToken()
	if err != nil {
		t.Fatal(err)
	}
	b.open(s.url + "signin?lang=es")
	b.waitFor("the first token is asked for", `!!document.querySelector("form[data-form=token]")`)
	b.fill("token", token)
	b.click(`.sheet .main`)
	b.waitFor("name and password", `!!document.querySelector("form[data-form=make]")`)
	b.fill("name", "eva")
	b.fill("password", testPassword)
	b.click(`.sheet .main`)
	b.waitFor("the board, signed in", `location.pathname === "/" && `+textIncludes(".me", "eva"))
}
