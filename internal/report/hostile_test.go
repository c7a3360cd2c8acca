package report

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"evcp"
	"evcp/internal/history"
	"evcp/internal/language"
	"evcp/internal/ledger"
)

// hostile are texts that a file, a person or a record may bring.
var hostile = []string{
	"<script>alert(1)</script>", "</td><script src=//x>", `"onmouseover="alert(1)`, "&lt;script>", "{{.}}", "\x1b[31mred\x1b]0;title\a", "\u009b31m",
	"=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "|x", "%0A", "%s%n", "＝1", "＋1", "－1", "＠1",
	`"quoted", and a comma`, "\u202eright to left", "\x00", "\xff\xfe", strings.Repeat("long ", 40), strings.Repeat("W", 100_000), "é世",
}

// formula are the first characters of a cell that a spreadsheet may take for a formula.
const formula = "=+-@\t\r\n|%＝＋－＠"

// hostileDocument has the text in every field that a file, a person, the network or the database
// may fill.
func hostileDocument(text string) Document {
	d := document(text)
	d.Position = text
	d.Inputs = ledger.Inputs{Topic: text, Version: text, TZData: text, Segments: text, Exclusions: text, Ports: text}
	d.Zone = text
	d.Notes = append(d.Notes, text)
	for i := range d.Ports {
		for k := range d.Ports[i].Outages {
			d.Ports[i].Outages[k].Incident = text
		}
	}
	return d
}

// harmless: the text starts no formula, no tag and no terminal's sequence, in any format, and
// takes no other cell than its own.
func harmless(t *testing.T, text string) {
	t.Helper()
	d := hostileDocument(text)
	for _, said := range []language.Language{language.English, language.Spanish} {
		shown := d.Text(said) + historyOf(text, said)
		if strings.ContainsFunc(shown, func(r rune) bool { return r != '\n' && r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u202e' }) || strings.ContainsRune(shown, '\uFFFD') && !strings.ContainsRune(text, '\uFFFD') {
			t.Errorf("%.80q as text: %.2000q", text, shown)
		}
		page, err := d.HTML(said)
		if err != nil || strings.Count(string(page), "<script") != 0 || strings.ContainsAny(string(page), "\x1b\x00\u202e") {
			t.Errorf("%.80q as HTML: %v\n%.5000s", text, err, page)
		}
		plain, err := hostileDocument("x").HTML(said)
		if err != nil || tags(string(page)) != tags(string(plain)) {
			t.Errorf("%.80q adds or ends a tag: %v\n%.5000s", text, err, page)
		}
	}
	table, err := d.CSV()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(table))).ReadAll()
	if err != nil || len(rows) != 2 {
		t.Fatalf("%.80q as CSV: %d rows, %v", text, len(rows), err)
	}
	for _, cell := range rows[1] {
		if first, _ := utf8.DecodeRuneInString(cell); strings.ContainsRune(formula, first) || strings.ContainsFunc(cell, func(r rune) bool { return r < ' ' || r == '\u202e' }) {
			t.Errorf("%.80q as CSV: cell %.200q", text, cell)
		}
	}
	if row := rows[1]; row[5] != "1440.000" || row[8] != "720.000" {
		t.Errorf("minutes: %.2000q", row)
	}
	object, err := d.JSON()
	var back ledger.Uptime
	if err != nil || json.Unmarshal(object, &back) != nil || strings.Contains(string(object), "<script") || strings.ContainsFunc(string(object), func(r rune) bool { return r < ' ' && r != '\n' }) {
		t.Errorf("%.80q as JSON: %v\n%.2000s", text, err, object)
	}
}

// tags is how many tags begin and end.
func tags(page string) [2]int { return [2]int{strings.Count(page, "<"), strings.Count(page, ">")} }

// historyOf is the story of a charge point with a hostile cause.
func historyOf(text string, said language.Language) string {
	const from = evcp.Stamp(1_767_225_600_000_000)
	return CPStory{
		CP: "CP_001", Segments: []history.CPSegment{{From: from, To: from + 1, State: history.Down, Cause: text}},
		Incidents: []history.IncidentDetail{{ID: evcp.EventID{Epoch: 1, Seq: 2}, FirstFailed: from, Cause: text}},
		Reports:   []history.TCPReport{{At: from, Said: text, Answered: text}},
	}.Text(0, time.UTC, said)
}

func TestHostileText(t *testing.T) {
	for _, text := range hostile {
		harmless(t, text)
	}
}

func FuzzReport(f *testing.F) {
	for _, text := range hostile[:len(hostile)-2] {
		f.Add(text)
	}
	f.Fuzz(harmless)
}
