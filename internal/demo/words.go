package demo

import (
	"fmt"
	"strings"
)

// words are all sentences of the demo but those of its story. The verbs stand in
// the order of the call.
type words struct {
	banner      []string
	page, kafka string // addresses
	everyRound  string // how many seconds
	yourTurn    string
	taken       string // the port wanted, what is there, the port it got
	thePage     string
	theBroker   string
	central     string

	allUp       string // how many of how many
	failedKO    string // what, how many, since when
	failed      string // the same
	activated   string // after how long
	monitorBack string // after how long
	again       string // after how many failed checks
	frozen      string
	thawed      string // how many events were sent
	thawedLess  string // how many events were sent, how many are missing
	stalled     string // for how long
	dropped     string // how many events, why
	broken      string // why

	chosen     string // which charge point
	notChosen  string
	willKO     string
	willBeMute string
	willOK     string
	unseen     string
	ending     string // how many events

	live            string // three counts, checks, late ones, events waiting
	counted         string // how long, checks, late ones
	nothingHappened string
	happened        string // faults, lost Monitors, what became of them
	onceOfOne       string
	onceOfMany      string
	toldOfOne       string
	toldOfMany      string // how many are not cleared
	otherwise       string // told faults, told losses, cleared faults, cleared losses
	arrived         string // how many
	arrivedLess     string // how many of how many
	next            string

	events, checks, faults, losses, alarms noun
}

// noun goes with a number: one, and any other.
type noun struct{ one, many string }

func (n noun) of(count int) string {
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
	yourTurn:   "Your turn: 1 to 6 choose a charge point; then k KO, m mute, o OK.",
	taken:      "Port %d is taken by another program; %s is on %d.",
	thePage:    "the page",
	theBroker:  "the broker",
	central:    "Central",

	allUp:       "%d of %d activated",
	failedKO:    "faulted: %s, %s in a row since %s",
	failed:      "faulted: %s, %s since %s",
	activated:   "activated after %s",
	monitorBack: "activated after %s: its Monitor is back",
	again:       "OK again after %s; nothing to report",
	frozen:      "broker frozen; events wait on disk",
	thawed:      "broker back: %s sent, none lost",
	thawedLess:  "broker back: %s sent, %d missing",
	stalled:     "this program stood still for %s; no Engine is blamed",
	dropped:     "%s given up: %s",
	broken:      "its Monitor could not go on: %s",

	chosen:     "%s: k answers KO, m is mute, o answers OK",
	notChosen:  "first choose a charge point: 1 to 6",
	willKO:     "answers KO from now on, as you asked",
	willBeMute: "is mute from now on, as you asked",
	willOK:     "answers OK from now on, as you asked",
	unseen:     " (its Monitor is away and can't see it)",
	ending:     "ending; the broker still takes %s. Ctrl-C doesn't wait for it",

	live:            "%s %d  %s %d  %s %d | %s, %d late | %s waiting",
	counted:         "%s, %s, %d late.",
	nothingHappened: "No fault and no lost Monitor.",
	happened:        "%s and %s%s",
	onceOfOne:       ", told once and cleared once.",
	onceOfMany:      ", each told once and cleared once.",
	toldOfOne:       ", told once, not cleared yet.",
	toldOfMany:      ", each told once; %d not cleared yet.",
	otherwise:       "; told %d and %d, cleared %d and %d.",
	arrived:         "All %s reached the topic.",
	arrivedLess:     "Only %d of %s reached the topic.",
	next:            `Next: "Three terminals" in README.md.`,

	events: noun{"event", "events"},
	checks: noun{"check", "checks"},
	faults: noun{"fault", "faults"},
	losses: noun{"lost Monitor", "lost Monitors"},
	alarms: noun{"false alarm", "false alarms"},
}

// trimmed is a sentence without blanks at its end.
func trimmed(sentence string, figures ...any) string {
	return strings.TrimRight(fmt.Sprintf(sentence, figures...), " ")
}
