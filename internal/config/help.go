package config

import (
	"cmp"
	"strings"

	"evcp/internal/display"
	"evcp/internal/language"
)

// Columns of the help: what a flag does starts at helpColumns, since values have longer names
// in Spanish; what a way of calling does at least at usageColumn after "Usage: ".
var helpColumns = [...]int{language.English: 27, language.Spanish: 29}

const usageColumn = 24

// Help is the answer to --help in l, at most 80 columns wide, with a newline at the end.
func (p Program) Help(l language.Language) string {
	lines := append(display.Wrap(l.Text(p.About), prose), "")
	lines = append(lines, p.usage(l)...)
	group := ""
	for _, s := range p.Settings {
		if s.Hidden {
			continue
		}
		if s.Group != group {
			group = s.Group
			lines = append(lines, "")
			lines = append(lines, display.Wrap(l.Text(group), prose)...)
		}
		lines = append(lines, hang(s.shownName(l), helpColumns[l], strings.TrimSpace(l.Text(s.Help)+" "+s.shownDefault(l)))...)
	}
	lines = append(lines, "  --version", "  -h, --help", "", l.Text(phraseDefaults))
	lines = append(lines, p.sources(l)...)
	for _, note := range p.Notes {
		lines = append(lines, display.Wrap(l.Text(note), prose)...)
	}
	return strings.Join(lines, "\n") + "\n"
}

func (p Program) usage(l language.Language) []string {
	column := usageColumn
	for _, u := range p.Usage {
		column = max(column, display.Width(p.Name+" "+l.Text(u.Args))+2)
	}
	lines := make([]string, 0, len(p.Usage))
	lead := l.Text(phraseUsage)
	indent := display.Width(lead)
	for _, u := range p.Usage {
		lines = append(lines, hang(lead+p.Name+" "+l.Text(u.Args), indent+column, l.Text(u.Help))...)
		lead = strings.Repeat(" ", indent)
	}
	return lines
}

// argument is what a setting's value is called.
type argument string

func (a argument) String() string { return a.In(language.English) }

// In implements language.Translatable.
func (a argument) In(l language.Language) string { return l.Text(string(a)) }

func (s Setting) shownName(l language.Language) string {
	return "  " + strings.TrimRight(s.flag()+" "+argument(s.Arg).In(l), " ")
}

func (s Setting) shownDefault(l language.Language) string {
	text := cmp.Or(l.Text(s.DefaultText), s.Default)
	if text == "" {
		return ""
	}
	return "(" + text + ")"
}

// hang sets text beside name from column on, and under it if name is too long.
func hang(name string, column int, text string) []string {
	if text == "" {
		return []string{name}
	}
	lines := display.Wrap(text, display.Columns-column)
	for i := range lines {
		lines[i] = strings.Repeat(" ", column) + lines[i]
	}
	if display.Width(name) < column {
		lines[0] = name + lines[0][display.Width(name):] // only blanks are cut off
		return lines
	}
	return append([]string{name}, lines...)
}

// sources explains variables and file keys by the example, and lists the best of each
// setting's further variables.
func (p Program) sources(l language.Language) []string {
	s, ok := p.setting(p.Example)
	if !ok {
		return nil
	}
	text := l.Sprintf(phraseNoFile, s.Name, s.variable())
	if len(p.Files) > 0 {
		text = l.Sprintf(phraseExample, s.Name, s.variable(), s.key(), s.Default)
	}
	var also []string
	for _, s := range p.Settings {
		also = append(also, s.EnvAliases[:min(1, len(s.EnvAliases))]...)
	}
	if len(also) > 0 {
		text += l.Sprintf(phraseAlso, strings.Join(also, ", "))
	}
	return display.Wrap(text, prose)
}
