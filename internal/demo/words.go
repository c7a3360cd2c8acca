package demo

import (
	"fmt"
	"strings"
)

// words are the texts that people read, as formats, without those of the script.
// A comment names the arguments in their order.
type words struct {
	banner      []string
	page, kafka string // addresses
	everyRound  string // how many seconds
	keysHelp    string
	portTaken   string // the port wanted, what was to listen there, the port it got
	thePage     string
	theBroker   string
	central     string

	allUp             string // how many of how many
	failedKO          string // what, how many, since when
	failed            string // the same
	activated         string // after how long
	monitorBack       string // after how long
	okAgain           string // after how many failed checks
	frozen            string
	brokerBack        string // how many events were sent
	brokerBackMissing string // how many events were sent, how many are missing
	stalled           string // for how long
	dropped           string // how many events, why
	monitorFailed     string // why

	chosen     string // which charge point
	notChosen  string
	willKO     string
	willBeMute string
	willOK     string
	noMonitor  string
	ending     string // how many events

	live        string // three counts, checks, late ones, events waiting
	counted     string // how long, checks, late ones
	noIncidents string
	incidents   string // faults, lost Monitors, their outcome
	oneCleared  string
	allCleared  string
	oneOpen     string
	someOpen    string // how many are not cleared
	mismatch    string // faults shown, losses shown, faults cleared, losses cleared
	allArrived  string // how many
	someArrived string // how many of how many
	next        string

	events, checks, faults, losses, alarms countNoun
}

// countNoun is a noun as it stands after 1, and after any other number.
type countNoun struct{ one, many string }

func (n countNoun) of(count int) string {
	if count == 1 {
		return "1 " + n.one
	}
	return fmt.Sprint(count, " ", n.many)
}

var english = words{
	banner: []string{
		"EV_CP_M demo: six charge points, a Monitor for each, Central and a broker, all",
		"in this process. Ctrl-C ends it and leaves nothing behind.",
	},
	page:       "  Page    http://localhost:%d/",
	kafka:      "  Kafka   kcat -C -q -b localhost:%d -t %s",
	everyRound: "Every %v s the same story:",
	keysHelp:   "Your turn: 1 to 6 choose a charge point; then k KO, m mute, o OK.",
	portTaken:  "Port %d is taken by another program; %s is on %d.",
	thePage:    "the page",
	theBroker:  "the broker",
	central:    "Central",

	allUp:             "%d of %d activated",
	failedKO:          "faulted: %s, %s in a row since %s",
	failed:            "faulted: %s, %s since %s",
	activated:         "activated after %s",
	monitorBack:       "activated after %s: its Monitor is back",
	okAgain:           "OK again after %s; nothing to report",
	frozen:            "broker frozen; events wait on disk",
	brokerBack:        "broker back: %s sent, none lost",
	brokerBackMissing: "broker back: %s sent, %d missing",
	stalled:           "this program stood still for %s; no Engine is blamed",
	dropped:           "%s given up: %s",
	monitorFailed:     "its Monitor could not go on: %s",

	chosen:     "%s: k answers KO, m is mute, o answers OK",
	notChosen:  "first choose a charge point: 1 to 6",
	willKO:     "answers KO from now on, as you asked",
	willBeMute: "is mute from now on, as you asked",
	willOK:     "answers OK from now on, as you asked",
	noMonitor:  " (its Monitor is away and can't see it)",
	ending:     "ending; the broker still takes %s. Ctrl-C doesn't wait for it",

	live:        "%s %d  %s %d  %s %d | %s, %d late | %s waiting",
	counted:     "%s, %s, %d late.",
	noIncidents: "No fault and no lost Monitor.",
	incidents:   "%s and %s%s",
	oneCleared:  ", told once and cleared once.",
	allCleared:  ", each told once and cleared once.",
	oneOpen:     ", told once, not cleared yet.",
	someOpen:    ", each told once; %d not cleared yet.",
	mismatch:    "; told %d and %d, cleared %d and %d.",
	allArrived:  "All %s reached the topic.",
	someArrived: "Only %d of %s reached the topic.",
	next:        `Next: "Three terminals" in README.md.`,

	events: countNoun{"event", "events"},
	checks: countNoun{"check", "checks"},
	faults: countNoun{"fault", "faults"},
	losses: countNoun{"lost Monitor", "lost Monitors"},
	alarms: countNoun{"false alarm", "false alarms"},
}

// phrase formats a text and removes the blanks at its end.
func phrase(format string, args ...any) string {
	return strings.TrimRight(fmt.Sprintf(format, args...), " ")
}
