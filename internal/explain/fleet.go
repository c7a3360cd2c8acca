package explain

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/display"
)

// fleetStatus is the document of a fleet: what is not well, one line each, then counts by
// site, then Central, Kafka, the disk and the Monitor itself.
func (v view) fleetStatus() (lines []string) {
	f := *v.Fleet
	lines = append(v.notWell(f), v.sites(f)...)
	lines = append(append(lines, ""), v.fleetCentral(f)...)
	lines = append(append(append(lines, v.kafka()...), v.disk()...), v.monitor()...)
	lines = append(lines, v.indented(v.Language.Rendered(v.Note, DiskTrouble, LogHeld))...)
	if v.Outbox.Refused != "" {
		lines = append(lines, v.indented(v.Language.Text(english.refusedDisk))...)
	}
	return append(lines, v.files(true)...)
}

// The widest cells of a list's columns, and of the sites in the counts.
const (
	maxID       = 20
	maxSite     = 18
	maxSiteName = 40
)

// notWell lists the charge points that need somebody. A told one has the shape of a receipt
// at its end.
func (v view) notWell(f FleetStatus) (lines []string) {
	wide := listWidths(f.NotWell)
	told := false
	for _, c := range f.NotWell {
		lines = append(lines, v.listed(c, wide)...)
		told = told || c.Told != 0
	}
	if f.More > 0 {
		lines = append(lines, "  "+english.moreNotWell.In(v.Language).Of(int64(f.More)))
	}
	if told {
		lines = append(lines, "  "+v.Language.Sprintf(english.toldMark, display.Reported.Mark()))
	}
	if len(lines) > 0 {
		lines = append(lines, "")
	}
	return lines
}

// widths are the cells of id, site and state.
type widths struct{ id, site, state int }

func listWidths(rows []CPRow) (w widths) {
	for _, c := range rows {
		w.id, w.site, w.state = max(w.id, len(c.CP)), max(w.site, display.Width(display.Safe(c.Site))), max(w.state, len(c.State))
	}
	return widths{min(w.id, maxID), min(w.site, maxSite), min(w.state, len(evcp.ConnectionError.String()))}
}

// listed is one charge point: shape, id, site, state, since when, why, and whether Central was
// told.
func (v view) listed(c CPRow, w widths) []string {
	shape, why := shapeOf(c.State), v.why(c)
	if c.Central == refusedState && shape == display.Up {
		shape = display.Failed
	}
	if c.Told != 0 {
		why += " " + display.Reported.Mark()
	}
	head := fmt.Sprintf("  %s %s", shape.Mark(), display.Pad(string(c.CP), w.id))
	if w.site > 0 {
		head += "  " + display.Pad(display.Cut(display.Safe(c.Site), w.site, "…"), w.site)
	}
	head += "  " + display.Pad(c.State, w.state)
	if c.Since != 0 {
		head += "  " + v.shortClock(c.Since)
	}
	room := v.Columns - display.Width(head) - 2
	if display.Width(why) > room && room < minText {
		return append([]string{head}, display.WrapIndented(why, v.Columns, listIndent)...)
	}
	lines := display.WrapHanging(why, room, v.Columns, listIndent)
	if len(lines) == 0 {
		return []string{head}
	}
	lines[0] = head + "  " + lines[0]
	return lines
}

// listIndent is where the text under a row of the list begins.
const listIndent = 6

// refusedState is a session whose registration Central refuses.
const refusedState = "refused"

// why is what is wrong with a listed charge point.
func (v view) why(c CPRow) string {
	switch {
	case c.Incident != "":
		return advice.For(v.Language, advice.Engine, causeOf(c.Cause, "")).With(advice.Details{CP: c.CP, Timeout: duration(c.TimeoutMS)}).Phrase
	case c.State == evcp.Monitoring.String() && c.Since == 0:
		return v.Language.Text(english.watching)
	case c.State == evcp.Monitoring.String():
		return v.Language.Text(english.noVerdictNow)
	case c.Central == refusedState:
		return v.Language.Text(english.refusedNow)
	}
	return ""
}

// maxShownSites have a line each; they are those where something is not well.
const maxShownSites = 20

// sites counts the charge points of each site where one is not well, and of the others
// together.
func (v view) sites(f FleetStatus) (lines []string) {
	well, others, rest := SiteStatus{}, 0, false // others: sites that have a name
	var shown []SiteStatus
	for _, s := range f.Sites {
		if s.Failed+s.Unknown > 0 && len(shown) < maxShownSites {
			shown = append(shown, s)
			continue
		}
		if rest = true; s.Site != "" {
			others++
		}
		well.OK, well.Failed, well.Unknown = well.OK+s.OK, well.Failed+s.Failed, well.Unknown+s.Unknown
	}
	if f.MoreSites > 0 { // what the list has not is in the totals alone
		others, rest = others+f.MoreSites, true
		well = v.rest(f, shown)
	}
	name, all := v.Language.Text(english.noSite), shown
	switch {
	case len(f.Sites) == 1 && f.Sites[0].Site == "":
		name = v.Language.Text(english.inAll)
		if rest {
			all = append(all, well)
		}
	case rest:
		switch {
		case others == 0: // those without a site
		case len(shown) == 0:
			well.Site = english.allSites.In(v.Language).Of(int64(others))
		default:
			well.Site = english.otherSites.In(v.Language).Of(int64(others))
		}
		all = append(all, well)
	}
	wide, number := 0, 1
	for i := range all {
		if all[i].Site == "" {
			all[i].Site = name
		}
		all[i].Site = display.Cut(display.Safe(all[i].Site), maxSiteName, "…")
		wide = max(wide, display.Width(all[i].Site))
		number = max(number, len(strconv.Itoa(max(all[i].OK, all[i].Failed, all[i].Unknown))))
	}
	for _, s := range all {
		lines = append(lines, fmt.Sprintf("  %s  %s %*d  %s %*d  %s %*d", display.Pad(s.Site, wide),
			display.Up.Mark(), number, s.OK, display.Failed.Mark(), number, s.Failed, display.Unknown.Mark(), number, s.Unknown))
	}
	return lines
}

// rest is what the totals have besides the shown sites.
func (v view) rest(f FleetStatus, shown []SiteStatus) SiteStatus {
	rest := SiteStatus{
		OK: f.States[evcp.OK.String()], Failed: f.States[evcp.KO.String()] + f.States[evcp.ConnectionError.String()],
		Unknown: f.States[evcp.Monitoring.String()],
	}
	for _, s := range shown {
		rest.OK, rest.Failed, rest.Unknown = rest.OK-s.OK, rest.Failed-s.Failed, rest.Unknown-s.Unknown
	}
	return rest
}

// fleetCentral is one row for all sessions.
func (v view) fleetCentral(f FleetStatus) []string {
	n := f.Central.Sessions
	shape, trouble := display.Up, advice.Advice{}
	switch {
	case n["away"] > 0:
		shape = display.Gone
		if last := f.Central.Last; last != nil && !last.Answered {
			trouble = advice.For(v.Language, advice.Central, causeOf(last.Cause, last.Detail)).With(advice.Details{Reply: last.Why})
		}
	case n[refusedState] > 0:
		shape = display.Failed
		trouble = advice.For(v.Language, advice.Central, evcp.SaidKO).With(advice.Details{Reply: f.Central.Reply})
	case n["connecting"] > 0:
		shape = display.Note
	}
	var parts []string
	for _, s := range []struct {
		state string
		word  display.Plural
	}{{"registered", english.nRegistered}, {"connecting", english.nConnecting}, {"away", english.nAway}, {refusedState, english.nRefused}} {
		if n[s.state] > 0 || s.state == "registered" {
			parts = append(parts, s.word.In(v.Language).Of(int64(n[s.state])))
		}
	}
	text := strings.Join(parts, ", ")
	if n["away"] > 0 && trouble.Phrase != "" {
		text = v.Language.Sprintf(english.because, text, trouble.Phrase)
	}
	if f.Central.Pending > 0 {
		text += english.reports.In(v.Language).Of(int64(f.Central.Pending))
	}
	return append(append(v.row(shape, v.Language.Text(english.central), f.Central.Address, text), v.indented(trouble.Meaning)...), v.indented(trouble.Do)...)
}

// disk is the state folder.
func (v view) disk() []string {
	const mib = 1 << 20
	shape := display.Up
	if v.Outbox.Refused != "" {
		shape = display.Failed
	}
	text := v.Language.Sprintf(english.inUseOf, float64(v.Outbox.Bytes)/mib, float64(v.Outbox.Limit)/mib)
	if n := v.Outbox.Dropped; n > 0 {
		text += "; " + strings.TrimSpace(english.dropped.In(v.Language).Of(int64(n)))
	}
	return v.row(shape, v.Language.Text(english.diskRow), path.Base(v.Outbox.Folder), text)
}
