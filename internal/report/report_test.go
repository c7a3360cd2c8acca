package report

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"evcp"
	"evcp/internal/history"
	"evcp/internal/language"
	"evcp/internal/ledger"
)

// hostile are texts that a file, a person or a record may bring.
var hostile = []string{
	"<script>alert(1)</script>", "\x1b[31mred\x1b]0;title\a", "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "|x", "%0A",
	`"quoted", and a comma`, "\u202eright to left", "\x00", strings.Repeat("long ", 40), "é世",
}

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

// TestHostileText: no text starts a formula, a tag or a terminal's sequence, in any format.
func TestHostileText(t *testing.T) {
	for _, text := range hostile {
		d := document(text)
		for _, said := range []language.Language{language.English, language.Spanish} {
			if shown := d.Text(said); strings.ContainsAny(shown, "\x1b\a\x00\r\t") || strings.Contains(shown, "\u202e") {
				t.Errorf("%q as text: %q", text, shown)
			}
			page, err := d.HTML(said)
			if err != nil || strings.Contains(string(page), "<script") || strings.ContainsAny(string(page), "\x1b\x00") {
				t.Errorf("%q as HTML: %v\n%s", text, err, page)
			}
		}
		table, err := d.CSV()
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(string(table))).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatalf("%q as CSV: %d rows, %v", text, len(rows), err)
		}
		for _, cell := range rows[1] {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r|%") || strings.ContainsAny(cell, "\x1b\x00") {
				t.Errorf("%q as CSV: cell %q", text, cell)
			}
		}
		object, err := d.JSON()
		var back ledger.Uptime
		if err != nil || json.Unmarshal(object, &back) != nil || strings.Contains(string(object), "<script") {
			t.Errorf("%q as JSON: %v\n%s", text, err, object)
		}
		if row := rows[1]; row[5] != "1440.000" || row[8] != "720.000" {
			t.Errorf("minutes: %q", row)
		}
	}
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
