package config

import (
	"fmt"
	"strings"

	"evcp/internal/console/cell"
)

// sourceKind is the kind of place that a value came from.
type sourceKind uint8

const (
	fromDefault sourceKind = iota
	fromFile
	fromVariable
	fromFlag
	originCount
)

// value is one text given for a setting, and where it stood.
type value struct {
	origin  sourceKind
	name    string // the source's own name: --engine-port, CENTRAL_PORT, engine_port
	text    string
	setting Setting
	at      location // in the file
}

// fault says why v is no good, in the words of its source.
func (v value) fault(why string) problem {
	switch v.origin {
	case fromFlag:
		return problem{text: fmt.Sprintf("%s: %s", flagAndText(v.name, v.text), why)}
	case fromVariable:
		return problem{text: fmt.Sprintf("%s %s: %s%s", v.name, quote(v.text), why, v.kubernetes())}
	case fromFile:
		return v.at.fault(fmt.Sprintf("%s %s: %s", v.name, quote(v.text), why))
	}
	return problem{text: fmt.Sprintf(phraseDefault, flagAndText(v.name, v.text), why)}
}

// kubernetes explains a variable that nobody set by hand: for a Service named
// "central" every pod gets CENTRAL_PORT=tcp://10.96.0.7:5000.
func (v value) kubernetes() string {
	service, isPort := strings.CutSuffix(v.name, "_PORT")
	scheme, _, isURL := strings.Cut(v.text, "://")
	if !isPort || !isURL || scheme != "tcp" && scheme != "udp" && scheme != "sctp" {
		return ""
	}
	service = strings.ToLower(strings.ReplaceAll(service, "_", "-"))
	if v.name == v.setting.variable() {
		return fmt.Sprintf(phraseKubernetesOwn, service)
	}
	return fmt.Sprintf(phraseKubernetes, service, v.setting.variable())
}

// maxShown is how many cells of a bad text an error repeats.
const maxShown = 60

// quote shows a text from outside between quotes, escaped once.
func quote(s string) string {
	return `"` + cell.Cut(strings.ReplaceAll(cell.Safe(firstBytes(s)), `"`, `\"`), maxShown, "…") + `"`
}

// show is quote for what was typed: as it was typed, if a shell needs no quotes.
func show(s string) string {
	if s == "" || len(s) > maxShown || strings.ContainsFunc(s, needsQuotes) {
		return quote(s)
	}
	return s
}

func flagAndText(name, text string) string { return name + " " + show(text) }

func needsQuotes(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_./:,=+@%", r))
}

// firstBytes spares the escaping of a megabyte of which 60 cells are shown.
func firstBytes(s string) string { return s[:min(len(s), 4*maxShown)] }
