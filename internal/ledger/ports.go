package ledger

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"evcp"
	"evcp/internal/language"
)

// ChargingPort is one port of a charger, and which charge points it was, one after the
// other.
type ChargingPort struct {
	Name   string
	Lines  []PortLine // by time
	Site   string
	Watts  int64
	Public bool
	Hours  OpeningHours

	HoursSaid bool // somebody entered them
	Place     PortPlace
	Connector PortConnector
}

// PortLine is one charge point that a port was.
type PortLine struct {
	CP             evcp.CPID
	Commissioned   evcp.Stamp // 0: its first event
	Decommissioned evcp.Stamp // 0: never
}

// CP is the charge point that the port is now, or was last.
func (p ChargingPort) CP() evcp.CPID { return p.Lines[len(p.Lines)-1].CP }

const (
	maxPorts    = 1_000_000
	maxCellText = 200
)

// PortColumns are the columns of a file of ports. A report needs the first eight alone, OCPI
// those after position.
var PortColumns = []string{
	"port", "cp_id", "commissioned", "decommissioned", "site", "power_kw", "public", "hours",
	"name", "bay", "position", "address", "city", "postal_code", "country", "time_zone", "latitude", "longitude",
	"evse_id", "connector_standard", "connector_format", "power_type", "max_voltage", "max_amperage",
}

// PortCells is one line of a file of ports: its cells by column, and its number in the file.
type PortCells struct {
	Line  int
	Cells map[string]string // an empty cell may be missing
}

// ParsePorts reads a file of ports: CSV with a first line that names the columns. Dates
// without a time are midnight in the zone. A port that was renamed has several lines.
func ParsePorts(data []byte, zone *time.Location) ([]ChargingPort, error) {
	lines, err := ReadPortCells(data)
	if err != nil {
		return nil, err
	}
	return PortsOf(lines, zone)
}

// ReadPortCells reads the cells of a file of ports. PortsOf checks what they say.
func ReadPortCells(data []byte) (lines []PortCells, err error) {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	r.FieldsPerRecord, r.TrimLeadingSpace = -1, true
	head, err := r.Read()
	if err != nil {
		return nil, lineError(1, language.Coded("port_columns", strings.Join(PortColumns, ",")))
	}
	for i, name := range head {
		if head[i] = strings.TrimSpace(name); !slices.Contains(PortColumns, head[i]) {
			return nil, lineError(1, language.Coded("no_column", strconv.QuoteToASCII(head[i]), strings.Join(PortColumns, ", ")))
		}
	}
	if !slices.Contains(head, "cp_id") {
		return nil, lineError(1, language.Coded("no_cp_column"))
	}
	var wrong portErrors
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return lines, wrong.err()
		}
		if bad := (*csv.ParseError)(nil); errors.As(err, &bad) {
			return nil, lineError(bad.Line, language.Coded("csv_quote")) // of what a CSV can't be, no other is left: cells are counted here
		} else if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		if len(cells) != len(head) {
			wrong.add(line, language.Coded("cells", len(cells), len(head)))
			continue
		}
		if len(lines) == maxPorts {
			return nil, lineError(line, language.Coded("most_lines", maxPorts))
		}
		p := PortCells{line, make(map[string]string, len(head))}
		for i, name := range head {
			p.Cells[name] = strings.TrimSpace(cells[i])
		}
		lines = append(lines, p)
	}
}

// maxPortErrors is how many wrong lines of a file are told; the others are counted.
const maxPortErrors = 20

func lineError(line int, why error) error { return language.Coded("line", line, why) }

// portErrors are the wrong lines of a file of ports.
type portErrors struct {
	told []any
	more int
}

func (w *portErrors) add(line int, err error) {
	if len(w.told) == maxPortErrors {
		w.more++
		return
	}
	w.told = append(w.told, lineError(line, err))
}

// err is one error for all of them; nil without any.
func (w *portErrors) err() error {
	switch {
	case w.told == nil:
		return nil
	case w.more > 0:
		return language.Coded(language.ListCode, append(w.told, language.Coded("more_lines", w.more))...)
	}
	return language.Coded(language.ListCode, w.told...)
}

// PortsOf are the ports of a file's lines.
func PortsOf(lines []PortCells, zone *time.Location) ([]ChargingPort, error) {
	byName := map[string]*ChargingPort{}
	var names []string
	var wrong portErrors
	parser := portParser{zone, map[string]bool{}}
	for _, l := range lines {
		p, err := parser.parse(l.Cells)
		if err == nil {
			names, err = addPort(byName, names, p)
		}
		if err != nil {
			wrong.add(l.Line, err)
		}
	}
	if err := wrong.err(); err != nil {
		return nil, err
	}
	ports := make([]ChargingPort, 0, len(names))
	for _, name := range names {
		ports = append(ports, *byName[name])
	}
	return ports, checkPorts(ports)
}

// WritePortCells writes a file of ports, with the columns that some line has.
func WritePortCells(lines []PortCells) []byte {
	var head []string
	for i, name := range PortColumns {
		if i < 2 || slices.ContainsFunc(lines, func(l PortCells) bool { return l.Cells[name] != "" }) {
			head = append(head, name)
		}
	}
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	_ = w.Write(head) // a buffer takes everything
	for _, l := range lines {
		cells := make([]string, len(head))
		for i, name := range head {
			cells[i] = l.Cells[name]
		}
		_ = w.Write(cells)
	}
	w.Flush()
	return text.Bytes()
}

// addPort joins the lines of one port. What else they say of it must agree.
func addPort(byName map[string]*ChargingPort, names []string, p ChargingPort) ([]string, error) {
	known := byName[p.Name]
	if known == nil {
		if len(names) == maxPorts {
			return nil, language.Coded("most_ports", maxPorts)
		}
		byName[p.Name] = &p
		return append(names, p.Name), nil
	}
	if known.Site != p.Site || known.Watts != p.Watts || known.Public != p.Public || fmt.Sprint(known.Hours) != fmt.Sprint(p.Hours) {
		return nil, language.Coded("port_differs", p.Name)
	}
	if known.Connector != p.Connector {
		return nil, language.Coded("connector_differs", p.Name)
	}
	known.Lines = append(known.Lines, p.Lines...)
	return names, nil
}

// checkPorts checks that each charge point is one port at a time, and sorts the lines.
func checkPorts(ports []ChargingPort) error {
	seen := map[evcp.CPID]string{}
	for _, p := range ports {
		slices.SortStableFunc(p.Lines, func(a, b PortLine) int { return cmp.Compare(a.Commissioned, b.Commissioned) })
		for i, l := range p.Lines {
			if other, twice := seen[l.CP]; twice {
				return language.Coded("cp_twice", l.CP, other, p.Name)
			}
			seen[l.CP] = p.Name
			if i > 0 && (p.Lines[i-1].Decommissioned == 0 || l.Commissioned < p.Lines[i-1].Decommissioned) {
				return language.Coded("cp_overlaps", p.Name, p.Lines[i-1].CP, l.CP)
			}
		}
	}
	return nil
}

// portParser reads the lines of one file of ports.
type portParser struct {
	zone      *time.Location  // of dates without a time
	timeZones map[string]bool // names that were found to be right
}

func (r *portParser) parse(cells map[string]string) (p ChargingPort, err error) {
	p.Public = true
	var l PortLine
	for _, name := range PortColumns {
		cell := cells[name]
		if len(cell) > maxCellText || !utf8.ValidString(cell) {
			return p, language.Coded("field", name, language.Coded("cell_bytes", maxCellText))
		}
		if i := strings.IndexFunc(cell, notShown); i >= 0 {
			return p, language.Coded("field", name, language.Coded("cell_hidden", strconv.QuoteToASCII(cell)))
		}
		switch name {
		case "port":
			p.Name = cell
		case "cp_id":
			l.CP, err = ParseCP(cell)
		case "commissioned":
			l.Commissioned, err = parseMoment(cell, r.zone)
		case "decommissioned":
			l.Decommissioned, err = parseMoment(cell, r.zone)
		case "site":
			p.Site = cell
		case "power_kw":
			p.Watts, err = parseKW(cell)
		case "public":
			p.Public, err = parseYes(cell)
		case "hours":
			p.HoursSaid = cell != ""
			p.Hours, err = ParseHours(cell)
		default:
			err = r.placeColumn(&p, name, cell)
		}
		if err != nil {
			return p, language.Coded("field", name, err)
		}
	}
	if l.Decommissioned != 0 && l.Decommissioned <= l.Commissioned {
		return p, language.Coded("field", "decommissioned", language.Coded("decommissioned"))
	}
	p.Name = cmp.Or(p.Name, string(l.CP))
	p.Lines = []PortLine{l}
	return p, nil
}

// ParseCP reads the id of a charge point that a person wrote.
func ParseCP(text string) (evcp.CPID, error) {
	cp, err := evcp.ParseCPID(text)
	if err != nil {
		return "", language.Coded("cp_id", strconv.QuoteToASCII(text[:min(len(text), maxCellText)]))
	}
	return cp, nil
}

// notShown are characters that a terminal obeys, or that change the direction of a text.
func notShown(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// parseMoment reads a date in the zone, or a time with its zone; "" is 0.
func parseMoment(text string, zone *time.Location) (evcp.Stamp, error) {
	if text == "" {
		return 0, nil
	}
	at, err := time.ParseInLocation(time.DateOnly, text, zone)
	if err != nil {
		at, err = time.Parse(time.RFC3339, text)
	}
	if err != nil || at.Year() < 1971 || at.Year() > 2199 {
		return 0, language.Coded("date", strconv.QuoteToASCII(text))
	}
	return evcp.StampOf(at), nil
}

// parseKW reads a power in kW with at most three decimals, as watts.
func parseKW(text string) (int64, error) {
	whole, decimals, _ := strings.Cut(cmp.Or(text, "0"), ".")
	n, err := strconv.ParseUint(whole+(decimals + "000")[:3], 10, 32)
	if err != nil || len(decimals) > 3 {
		return 0, language.Coded("power", strconv.QuoteToASCII(text))
	}
	return int64(n), nil
}

func parseYes(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "", "yes", "true", "1":
		return true, nil
	case "no", "false", "0":
		return false, nil
	}
	return false, language.Coded("yes_no", strconv.QuoteToASCII(text))
}
