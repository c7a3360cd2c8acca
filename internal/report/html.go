package report

import (
	"bytes"
	"html/template"

	"evcp/internal/display"
	"evcp/internal/language"
)

// page prints to A4 without a script and without anything from elsewhere.
const page = `<!DOCTYPE html>
<html lang="{{.Lang}}"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{.Title}}</title>
<style>
@page { size: A4; margin: 15mm }
body { font: 10pt/1.4 sans-serif; color: #000; max-width: 180mm; margin: 1em auto }
h1 { font-size: 14pt } h2 { font-size: 12pt; break-after: avoid }
table { border-collapse: collapse; width: 100%; font-size: 8.5pt }
thead { display: table-header-group } tr { break-inside: avoid }
th, td { padding: 2px 5px; border-bottom: 1px solid #bbb; text-align: left; overflow-wrap: anywhere }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: normal; white-space: nowrap }
tfoot td { font-weight: bold } p.inputs { font: 8pt monospace; overflow-wrap: anywhere }
</style></head><body>
<h1>{{.Title}}</h1>
<p>{{.Window}}</p>
{{if .Notice}}<p><strong>{{.Notice}}</strong></p>
{{end}}<table><thead><tr>{{range $i, $h := .Head}}<th{{if ge $i 2}} class="n"{{end}}>{{$h}}</th>{{end}}</tr></thead>
<tbody>{{range .Rows}}<tr>{{range $i, $c := .}}<td{{if ge $i 2}} class="n"{{end}}>{{$c}}</td>{{end}}</tr>
{{end}}</tbody>
<tfoot><tr>{{range $i, $c := .Network}}<td{{if ge $i 2}} class="n"{{end}}>{{$c}}</td>{{end}}</tr></tfoot></table>
{{range .Notes}}<p>{{.}}</p>
{{end}}{{if .Outages}}<h2>{{.OutagesTitle}}</h2>
<table><thead><tr>{{range .OutageHead}}<th>{{.}}</th>{{end}}</tr></thead>
<tbody>{{range .Outages}}<tr>{{range .}}<td>{{.}}</td>{{end}}</tr>
{{end}}</tbody></table>
{{end}}<p class="inputs">{{range .Inputs}}{{.}}<br>
{{end}}</p>
</body></html>
`

var pageTemplate = template.Must(template.New("report").Parse(page))

// HTML is the report as a page that prints on A4.
func (d Document) HTML(said language.Language) ([]byte, error) {
	v := struct {
		Lang, Title, Window, Notice, OutagesTitle string
		Head, Network, OutageHead                 []string
		Notes, Inputs                             []string
		Rows, Outages                             [][]string
	}{
		Lang: language.Names()[said], Title: said.Sprintf("Uptime by the definition %s", said.Text(titles[d.Definition])),
		Window: display.Safe(said.Sprintf("From %s to %s, zone %s", d.From, d.To, d.Zone)), Notice: display.Safe(d.Notice), OutagesTitle: said.Text("Outages"),
		Head: []string{said.Text("port"), said.Text("site"), said.Text("percent"), said.Text("at worst"), said.Text("at best"), said.Text("meets"),
			said.Text("minutes down"), said.Text("excluded"), said.Text("unwatched")},
		OutageHead: []string{said.Text("port"), said.Text("begin"), said.Text("end"), said.Text("minutes"), said.Text("cause"), said.Text("excluded"), said.Text("by")},
		Network:    d.row(said, said.Text("network"), "", d.Network),
		Inputs: []string{"position " + d.Position, "topic " + d.Inputs.Topic, "segments " + d.Inputs.Segments, "exclusions " + d.Inputs.Exclusions,
			"ports " + d.Inputs.Ports, "tzdata " + d.Inputs.TZData, "version " + d.Inputs.Version},
	}
	if d.Until {
		v.Notes = append(v.Notes, said.Text("The window has not ended: it is cut at --until."))
	}
	if strict := d.Network.PercentStrict; strict != nil {
		v.Notes = append(v.Notes, said.Sprintf("With what is ineligible left out of both sums: %s %%", *strict))
	}
	for _, note := range d.Notes {
		v.Notes = append(v.Notes, display.Safe(said.Text(note)))
	}
	for i := range v.Inputs { // a backup may come from anywhere
		v.Inputs[i] = display.Safe(v.Inputs[i])
	}
	for _, p := range d.Ports {
		v.Rows = append(v.Rows, d.row(said, display.Safe(p.Port()), display.Safe(p.Site), p.Sums))
		for _, o := range p.Outages {
			v.Outages = append(v.Outages, []string{
				display.Safe(p.Port()), o.From, o.To, minutes(o.Micros), display.Safe(o.Cause), minutes(o.Excluded), display.Safe(o.ExcludedBy),
			})
		}
	}
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, v)
	return b.Bytes(), err
}
