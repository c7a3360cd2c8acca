package report

import (
	"errors"
	"strings"
	"testing"
	"time"

	"evcp"
	"evcp/internal/history"
	"evcp/internal/language"
	"evcp/internal/ledger"
)

// document is a report of a port with such a name, at such a site, with an outage of such a
// cause that such a person has excluded.
func document(text string) Document {
	from := evcp.StampOf(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	const day = evcp.Stamp(86_400_000_000)
	c := ledger.Question{
		Definition: ledger.NEVI, Zone: time.UTC, From: from, To: from + 365*day,
		Exclusions: []ledger.Exclusion{{ID: 1, CP: "CP_001", From: from + day, To: from + day + day/2, Reason: ledger.Grid, Who: text, Note: text}},
	}.Begin()
	c.Add(ledger.ChargingPort{Name: text, Lines: []ledger.PortLine{{CP: "CP_001"}}, Site: text, Public: true}, ledger.PortHistory{"CP_001": {Segments: []history.CPSegment{
		{From: from, To: from + day, State: history.Up},
		{From: from + day, To: from + 2*day, State: history.Down, Cause: text, Incident: evcp.EventID{Epoch: 1, Seq: 2}},
		{From: from + 2*day, To: from + 365*day, State: history.Up},
	}}})
	return Document{Uptime: c.End(ledger.Inputs{}), Position: "0:1/1"}
}

// TestText: what a person sees.
func TestText(t *testing.T) {
	d := document("north")
	d.Inputs = ledger.Inputs{Topic: "monitor-events", Segments: "0123456789abcdef", Exclusions: "x", Ports: "y"}
	const want = `Uptime by the definition NEVI, 23 CFR 680.116(b): more than 97 percent of 525,600 minutes, for each port
From 2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z, zone UTC

port     site   percent  at worst  at best  meets  minutes down  excluded  unwatched
north    north   99.863    99.863   99.863    yes      1440.000   720.000      0.000
network          99.863    99.863   99.863    yes      1440.000   720.000      0.000

Whether a charger is online to its own back end is not observed.
Position 0:1/1, topic monitor-events, missing stretches 0
Segments 0123456789ab, exclusions x, ports y
`
	if got := d.Text(language.English); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestNotice: what Central says about all its numbers stands in a report of any format, and in
// each row of a table; without it nothing does.
func TestNotice(t *testing.T) {
	for _, notice := range []string{"", "=no real chargers"} {
		d := document("north")
		d.Notice = notice
		object, err1 := d.JSON()
		table, err2 := d.CSV()
		page, err3 := d.HTML(language.English)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		for format, text := range map[string]string{
			`"notice":"=no real chargers","definition"`: string(object), "\n=no real chargers\n": d.Text(language.English), "<strong>=no real chargers</strong>": string(page),
			",excluded_by,notice\r\n": string(table), ",grid by north,'=no real chargers\r\n": string(table),
		} {
			if strings.Contains(text, format) != (notice != "") {
				t.Errorf("with the notice %q: is %q there?\n%s", notice, format, text)
			}
		}
	}
}
