// Package report writes what the ledger has computed for people and for other programs: as
// text, CSV, JSON and HTML. Names come from files and from the network: none of them starts
// a formula, a tag or a terminal's sequence.
package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"evcp/internal/display"
	"evcp/internal/language"
	"evcp/internal/ledger"
)

// Document is a report to be written.
type Document struct {
	ledger.Uptime
	Position string // where the topic was, for --at
	Until    bool   // the window has not ended
	Notice   string // of Central, about all its numbers; "": none
}

// titles are the names of the definitions.
var titles = words{
	ledger.NEVI:  "NEVI, 23 CFR 680.116(b): more than 97 percent of 525,600 minutes, for each port",
	ledger.UK:    "United Kingdom, SI 2023/1168: at least 99 percent of the year, for the network",
	ledger.Plain: "plain: up / (up + down)",
}

// words are sentences that people read.
type words map[ledger.Definition]string

// JSON is the report for other programs.
func (d Document) JSON() ([]byte, error) {
	var b bytes.Buffer
	err := json.NewEncoder(&b).Encode(struct {
		Notice string `json:"notice,omitempty"`
		ledger.Uptime
	}{d.Notice, d.Uptime})
	return b.Bytes(), err
}

// CSV has one line for each outage.
func (d Document) CSV() ([]byte, error) {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.UseCRLF = true // RFC 4180
	rows := [][]string{{"port", "cp_id", "site", "start", "end", "minutes", "cause", "incident_id", "excluded_minutes", "excluded_by"}}
	for _, p := range d.Ports {
		for _, o := range p.Outages {
			rows = append(rows, []string{
				Cell(p.Port()), Cell(p.CP), Cell(p.Site), o.From, o.To, minutes(o.Micros), Cell(o.Cause), Cell(o.Incident), minutes(o.Excluded), Cell(o.ExcludedBy),
			})
		}
	}
	AddNotice(rows, d.Notice)
	err := w.WriteAll(rows)
	return []byte(b.String()), err
}

// AddNotice adds a column to a table with a first row of names: the notice, in each row. A row
// may be copied elsewhere without the others.
func AddNotice(rows [][]string, notice string) {
	if notice == "" {
		return
	}
	for i := range rows {
		rows[i] = append(rows[i], Cell(notice))
	}
	rows[0][len(rows[0])-1] = "notice"
}

// Cell is a text that no spreadsheet takes for a formula.
func Cell(s string) string {
	s = display.Safe(s) // also of tabs and line ends
	if first, _ := utf8.DecodeRuneInString(s); s != "" && strings.ContainsRune("=+-@|%＝＋－＠", first) {
		return "'" + s
	}
	return s
}

// minutes are microseconds in minutes, cut to three decimals.
func minutes(us int64) string {
	thousandths := us / 60_000
	return fmt.Sprintf("%d.%03d", thousandths/1000, thousandths%1000)
}

// Text is the report at a terminal.
func (d Document) Text(said language.Language) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintln(&b, display.Safe(said.Sprintf(format, args...))) }
	line("Uptime by the definition %s", said.Text(titles[d.Definition]))
	line("From %s to %s, zone %s", d.From, d.To, d.Zone)
	if d.Notice != "" {
		line("%s", d.Notice)
	}
	if d.Until {
		line("The window has not ended: it is cut at --until.")
	}
	b.WriteByte('\n')
	rows := [][]string{{said.Text("port"), said.Text("site"), said.Text("percent"), said.Text("at worst"), said.Text("at best"), said.Text("meets"),
		said.Text("minutes down"), said.Text("excluded"), said.Text("unwatched")}}
	for _, p := range d.Ports {
		row := d.row(said, display.Safe(p.Port()), display.Safe(p.Site), p.Sums)
		if p.Young {
			row[0] += "*"
		}
		rows = append(rows, row)
	}
	rows = append(rows, d.row(said, said.Text("network"), "", d.Network))
	b.WriteString(table(rows))
	for _, p := range d.Ports {
		if p.Young {
			line("* it is younger than the window")
			break
		}
	}
	b.WriteByte('\n')
	if strict := d.Network.PercentStrict; strict != nil {
		line("With what is ineligible left out of both sums: %s %%", *strict)
	}
	for _, note := range d.Notes {
		line(note)
	}
	line("Position %s, topic %s, missing stretches %d", d.Position, d.Inputs.Topic, d.Inputs.Gaps)
	line("Segments %s, exclusions %s, ports %s", short(d.Inputs.Segments), short(d.Inputs.Exclusions), short(d.Inputs.Ports))
	return b.String()
}

// short is the begin of a hash, enough to compare two reports by eye.
func short(hash string) string { return hash[:min(len(hash), 12)] }

func (d Document) row(said language.Language, name, site string, s ledger.Sums) []string {
	return []string{name, site, value(s.Percent), value(s.AtWorst), value(s.AtBest), verdict(said, s.Meets), minutes(s.Down), minutes(s.Excluded), minutes(s.Unwatched)}
}

func value(percent *string) string {
	if percent == nil {
		return "–"
	}
	return *percent
}

func verdict(said language.Language, meets *bool) string {
	switch {
	case meets == nil:
		return "–"
	case *meets:
		return said.Text("yes")
	}
	return said.Text("no")
}

// table aligns columns: texts to the left, numbers to the right.
func table(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, text := range row {
			widths[i] = max(widths[i], display.Width(text))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, text := range row {
			pad := strings.Repeat(" ", widths[i]-display.Width(text))
			if i >= 2 {
				text, pad = pad, text
			}
			line.WriteString(text + pad + "  ")
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}
