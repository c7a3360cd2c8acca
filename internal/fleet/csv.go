package fleet

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"evcp/internal/config"
	"evcp/internal/language"
)

// csvColumns are the names that the header may hold.
var csvColumns = append([]string{"cp_id", "engine", "site"}, settingKeys...)

// readCSV reads a table: a header, and a charge point or a range of them in each line. The
// separator is the comma, the semicolon or the tab, whichever the header holds most often.
func (c *collector) readCSV(defaults CheckSettings) {
	lines := c.text.Lines()
	t := csvTable{collector: c, lines: lines, reader: csv.NewReader(strings.NewReader(strings.Join(lines, "\n")))}
	t.reader.Comma = separator(lines)
	t.reader.Comment, t.reader.FieldsPerRecord, t.reader.ReuseRecord = '#', -1, true
	for {
		record, err := t.reader.Read()
		parse := (*csv.ParseError)(nil)
		switch {
		case errors.Is(err, io.EOF):
			return
		case errors.As(err, &parse):
			c.reject(t.place(parse.StartLine, 1, ""), language.New(`a quote stands in quotes, and twice: "Calle ""A"""`))
			continue
		case err != nil: // the reader can't fail otherwise
			c.reject(filePlace{}, err)
			return
		}
		switch {
		case t.columns == nil:
			t.readHeader(record)
		case !slices.ContainsFunc(record, func(text string) bool { return strings.TrimSpace(text) != "" }):
		case len(record) != len(t.columns):
			c.reject(t.fieldPlace(0, record[0]), language.Errorf("the header has %d fields, and this line %d", len(t.columns), len(record)))
		default:
			t.readRecord(record, defaults)
		}
	}
}

// separator is the one that the first line uses.
func separator(lines []string) rune {
	i := slices.IndexFunc(lines, func(line string) bool { return !isBlank(line) && line[0] != '#' })
	best := ','
	if i < 0 {
		return best
	}
	for _, s := range ";\t" {
		if strings.Count(lines[i], string(s)) > strings.Count(lines[i], string(best)) {
			best = s
		}
	}
	return best
}

// csvTable is a table being read.
type csvTable struct {
	*collector
	lines   []string
	reader  *csv.Reader
	columns []string // what each column is; "" is one that was rejected
}

func (t *csvTable) readHeader(record []string) {
	seen := map[string]bool{}
	for i, text := range record {
		name := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(text)), " ", "_")
		at := t.fieldPlace(i, text)
		switch {
		case !slices.Contains(csvColumns, name):
			t.reject(at, config.UnknownKey(text, csvColumns))
			name = ""
		case seen[name]:
			t.reject(at, config.KeyTwice(name, at.line))
			name = ""
		}
		seen[name] = true
		t.columns = append(t.columns, name)
	}
	for _, name := range csvColumns[:2] {
		if !seen[name] {
			t.reject(t.fieldPlace(0, record[0]), language.Errorf("%s is missing", name))
		}
	}
}

func (t *csvTable) readRecord(record []string, defaults CheckSettings) {
	r := listEntry{settings: defaults, at: t.fieldPlace(0, record[0])}
	for i, text := range record {
		at := t.fieldPlace(i, text)
		text = strings.TrimSpace(text)
		var why error
		switch key := t.columns[i]; {
		case key == "" || text == "":
		case key == "cp_id":
			r.cp = givenValue{strings.Clone(text), at, true}
		case key == "engine":
			r.engine = givenValue{strings.Clone(text), at, true}
		case key == "site":
			if why = config.Text(&r.settings.Site)(strings.Clone(text)); why != nil {
				t.reject(at, config.ValueError(key, text, why))
			}
		default:
			if why = r.settings.set(key, strings.Clone(text)); why != nil {
				t.reject(at, config.ValueError(key, text, why))
			}
		}
	}
	if slices.Contains(t.columns, "cp_id") && slices.Contains(t.columns, "engine") {
		t.add(r)
	}
}

// fieldPlace is the place of a field of the line that was read last.
func (t *csvTable) fieldPlace(i int, text string) filePlace {
	line, column := t.reader.FieldPos(i)
	return t.place(line, column, text)
}

// place turns the column of the reader, in bytes, into one in characters. It is looked for
// only as long as errors are few: a file may be one line.
func (t *csvTable) place(line, column int, text string) filePlace {
	p := filePlace{line: line, column: column, width: max(utf8.RuneCountInString(text), 1)}
	if line < 1 || line > len(t.lines) || column-1 > len(t.lines[line-1]) || column > 4096 {
		return p
	}
	p.column = utf8.RuneCountInString(t.lines[line-1][:column-1]) + 1
	return p
}
