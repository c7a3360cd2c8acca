package selftest

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"evcp/internal/display"
)

// The columns of an answer: where the text begins after shape and peer, and how many cells
// before the end of the line the time and prose end.
const (
	indent     = 13
	timeMargin = 5
	margin     = 4
	leastText  = 20 // the least room in which the outcome begins beside the address
)

// widest is the length of the longest address, at most 24.
func widest(all []peerResult) int {
	wide := 0
	for _, f := range all {
		wide = max(wide, display.Width(f.address))
	}
	return min(wide, 24)
}

// lines are one result for a person: what was tried, the outcome, how long it took;
// and when it is not well, what that means and what to do first.
func (f peerResult) lines(wide, columns int) []string {
	head := fmt.Sprintf("  %s %-7s  %s  ", f.shape.Mark(), f.peer, display.Pad(f.address, wide))
	lines := []string{strings.TrimRight(head, " ")}
	if room := columns - display.Width(head) - 1; room < leastText {
		lines = append(lines, display.WrapIndented(f.advice.Phrase, columns-margin, indent)...)
	} else {
		lines = display.WrapHanging(f.advice.Phrase, room, columns-margin, indent)
		lines[0] = timed(head+" "+lines[0], f, columns)
	}
	for _, text := range []string{f.advice.Meaning, f.advice.Do} {
		lines = append(lines, display.WrapIndented(text, columns-margin, indent)...)
	}
	return lines
}

// timed puts the time at the right edge, unless there is none or no room.
func timed(head string, f peerResult, columns int) string {
	took := display.Milliseconds(f.took)
	room := columns - timeMargin - utf8.RuneCountInString(head) - len(took)
	if f.took == 0 || room < 1 {
		return head
	}
	return head + strings.Repeat(" ", room) + took
}

// verdict says what a Monitor would do if it were started now.
func (o Options) verdict(central peerResult, engines engineResults, broker peerResult, local []peerResult, columns int) []string {
	problems := len(local) + engines.failed + engines.unknown
	if !central.well {
		problems++
	}
	reported := string(o.CP)
	if o.Fleet {
		reported = english.chargePoints.In(o.Language).Of(int64(engines.failed))
	}
	var then string
	switch {
	case slices.ContainsFunc(local, func(r peerResult) bool { return r.stops }):
		then = o.Language.Text(english.notStart)
	case central.refused && !o.Fleet:
		then = o.Language.Text(english.stop)
	case engines.failed == 0 && engines.unknown > 0:
		then = o.Language.Text(english.notJudge)
	case !central.well && engines.failed > 0:
		then = o.Language.Sprintf(english.reportLater, reported)
	case !central.well:
		then = o.Language.Text(english.watch)
	case engines.failed > 0:
		then = o.Language.Sprintf(english.report, reported)
	case problems > 0:
		then = o.Language.Text(english.inMemory)
	case !broker.well:
		return display.Wrap(o.Language.Text(english.withoutKafka), columns-margin)
	default:
		return display.Wrap(o.Language.Text(english.allWell), columns-margin)
	}
	return display.Wrap(english.problems.In(o.Language).Of(int64(problems))+o.Language.Sprintf(english.then, then), columns-margin)
}

// words are the texts of --test but the outcomes, their meaning and what to do, which
// are internal/advice's. Another language is another table. The verbs stand in the
// order of the call.
type words struct {
	title                  string // which charge point
	settings               string // where they came from
	central, engine, kafka string // names of the rows
	none                   string // in the place of brokers
	onDisk                 string
	toCreate               string // which topic
	moreTroubles           display.Plural
	titleFleet             string // how many charge points, which one registers
	chargePoints, engines  display.Plural
	allOK                  display.Plural
	someOK                 string // how many of how many
	ofSite                 string // how many of how many at a site
	moreEngines            display.Plural

	allWell, withoutKafka string
	problems              display.Plural
	then                  string // what a Monitor would do
	notStart, inMemory    string
	stop, watch, notJudge string
	report, reportLater   string // which charge point
}

var english = words{
	settings: "Settings: %s.",
	title:    "Testing %s. It registers with Central; Kafka is only asked, not written.",
	central:  "Central", engine: "Engine", kafka: "Kafka",
	none:     "none",
	onDisk:   "events stay on disk",
	toCreate: "topic %s would be created",

	moreTroubles: display.NewPlural("%d more trouble", "%d more troubles"),
	titleFleet:   "Testing %s. %s registers with Central; Kafka is only asked, not written.",
	chargePoints: display.NewPlural("%d charge point", "%d charge points"),
	engines:      display.NewPlural("%d Engine", "%d Engines"),
	allOK:        display.NewPlural("%d answered OK", "%d answered OK"),
	someOK:       "%d of %d answered OK",
	ofSite:       "%d of %d",
	moreEngines:  display.NewPlural("%d more failed", "%d more failed"),

	allWell:      "All well. The same command without --test starts the watch.",
	withoutKafka: "Ready, without Kafka. The same command without --test starts the watch.",
	problems:     display.NewPlural("%d problem", "%d problems"),
	then:         ". A Monitor started now would %s",
	notStart:     "stop with exit code 1.",
	inMemory:     "watch, and keep its events in memory alone.",
	stop:         "stop with exit code 3.",
	watch:        "watch, and go on asking for Central.",
	notJudge:     "watch, and report nothing of an Engine that it can't judge.",
	report:       "report %s as faulted.",
	reportLater:  "report %s as faulted once Central is there.",
}
