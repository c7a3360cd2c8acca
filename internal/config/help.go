package config

import (
	"cmp"
	"fmt"
	"strings"

	"evcp/internal/display"
)

// Columns of the help: what a flag does starts at helpColumn, what a way of
// calling does at least at usageColumn after "Usage: ".
const (
	helpColumn  = 27
	usageColumn = 24
)

// Help is the answer to --help, at most 80 columns wide, with a newline at the end.
func (p Program) Help() string {
	lines := append(display.Wrap(p.About, prose), "")
	lines = append(lines, p.usage()...)
	group := ""
	for _, s := range p.Settings {
		if s.Hidden {
			continue
		}
		if s.Group != group {
			group = s.Group
			lines = append(lines, "", group)
		}
		lines = append(lines, s.help()...)
	}
	lines = append(lines, "  --version", "  -h, --help", "", phraseDefaults)
	lines = append(lines, p.sources()...)
	for _, note := range p.Notes {
		lines = append(lines, display.Wrap(note, prose)...)
	}
	return strings.Join(lines, "\n") + "\n"
}

func (p Program) usage() []string {
	column := usageColumn
	for _, u := range p.Usage {
		column = max(column, display.Width(p.Name+" "+u.Args)+2)
	}
	lines := make([]string, 0, len(p.Usage))
	lead := phraseUsage
	for _, u := range p.Usage {
		lines = append(lines, hang(lead+p.Name+" "+u.Args, len(phraseUsage)+column, u.Help)...)
		lead = strings.Repeat(" ", len(phraseUsage))
	}
	return lines
}

// help is the row of one setting.
func (s Setting) help() []string {
	name := "  " + strings.TrimRight(s.flag()+" "+s.Arg, " ")
	return hang(name, helpColumn, strings.TrimSpace(s.Help+" "+s.shownDefault()))
}

func (s Setting) shownDefault() string {
	text := cmp.Or(s.DefaultText, s.Default)
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
		lines[0] = name + lines[0][display.Width(name):]
		return lines
	}
	return append([]string{name}, lines...)
}

// sources explains variables and file keys by the example, and lists the best of each
// setting's further variables.
func (p Program) sources() []string {
	s, ok := p.setting(p.Example)
	if !ok {
		return nil
	}
	text := fmt.Sprintf(phraseNoFile, s.Name, s.variable())
	if len(p.Files) > 0 {
		text = fmt.Sprintf(phraseExample, s.Name, s.variable(), s.key(), s.Default)
	}
	var also []string
	for _, s := range p.Settings {
		also = append(also, s.EnvAliases[:min(1, len(s.EnvAliases))]...)
	}
	if len(also) > 0 {
		text += fmt.Sprintf(phraseAlso, strings.Join(also, ", "))
	}
	return display.Wrap(text, prose)
}
