package logtext

import "evcp/internal/display"

// words are all sentences that a log line is made of, so that another language
// is another table. The verbs stand in the order of the call.
type words struct {
	first          string // how fast the Engine answers
	failed         string // what, how many in a row, since when
	failedKO       string // how many in a row, since when
	failedWords    string // how many in a row, since when, what
	turned         string // what, since when, why
	recovered      string // after how long and how many failed checks
	again          string // after how many failed checks
	oneFailed      string // what, which of how many
	accepted       string // Central's words, how fast
	refused        string
	refusedAgain   string // how long until it is asked again
	failureTold    string
	recoveryTold   string
	centralGone    string
	centralNever   string
	centralBack    string // after how long, how many reports waited
	stranger       string
	unreceived     string
	stalled        string
	clock          string
	forward, back  string
	dropped        string // how many, why
	leftOut        string // how many events, how many notices
	kafkaThere     string // how many events wait
	kafkaGone      string
	kafkaNever     string
	kafkaBack      string // after how long, how many were sent
	stopped        string // what of Central, how many wait
	centralTold    string
	centralNotTold string
	stateKept      string
	stateLost      string
	checks         display.Plural
	reports        display.Plural
	events         display.Plural
	notices        display.Plural
}

var english = words{
	first:          "OK: the Engine answers in %s",
	failed:         "%s: %s, %d checks since %s",
	failedKO:       "%s: %d checks in a row since %s",
	failedWords:    "%s: %d checks in a row since %s: %s",
	turned:         "%s now, since %s: %s",
	recovered:      "OK after %s and %s",
	again:          "OK again after %s; nothing to report",
	oneFailed:      "%s: %s (%d)",
	accepted:       `accepted by Central: "%s" (%s)`,
	refused:        `refused by Central: "%s"`,
	refusedAgain:   `refused by Central: "%s"; the watch goes on, asked again every %s`,
	failureTold:    `failure told to Central: "%s" (%s)`,
	recoveryTold:   `recovery told to Central: "%s" (%s)`,
	centralGone:    "Central is gone: %s; the watch goes on",
	centralNever:   "Central is not there: %s; the watch goes on",
	centralBack:    "Central is back after %s; %s waiting",
	stranger:       `what answers there is not EV_Central: "%s"`,
	unreceived:     `Central did not take a report: "%s"; it is told again`,
	stalled:        "this Monitor stood still for %s; the Engine isn't blamed",
	clock:          "the wall clock was set %s by %s; no duration feels it",
	forward:        "forward",
	back:           "back",
	dropped:        "%s given up: %s",
	leftOut:        "the log stood still and left out %s and %s; see ev-cp-m events",
	kafkaThere:     "Kafka is there; %s waiting",
	kafkaGone:      "Kafka is gone: %s; events wait on disk",
	kafkaNever:     "Kafka is not there: %s; events wait on disk",
	kafkaBack:      "Kafka is back after %s: %s sent, none lost",
	stopped:        "stopped: %s, %s waiting, %s",
	centralTold:    "Central told",
	centralNotTold: "Central not told",
	stateKept:      "state kept",
	stateLost:      "state NOT kept: the disk refused",
	checks:         display.NewPlural("%d failed check", "%d failed checks"),
	reports:        display.NewPlural("%d report was", "%d reports were"),
	events:         display.NewPlural("%d event", "%d events"),
	notices:        display.NewPlural("%d notice", "%d notices"),
}
