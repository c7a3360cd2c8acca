package logtext

import "evcp/internal/display"

// words are all sentences that a log line is made of, so that another language
// is another table. The verbs stand in the order of the call.
type words struct {
	firstOK          string // how fast the Engine answers
	failed           string // what, how many in a row, since when
	failedKO         string // how many in a row, since when
	causeChanged     string // what, since when, why
	recovered        string // after how long and how many failed checks
	okAgain          string // after how many failed checks
	checkFailed      string // what, which of how many
	notJudged        string // why, since when
	judgedAgain      string // after how long
	accepted         string // Central's reply, how fast
	refused          string
	refusedRetry     string // how long until it is asked again
	failureReceipt   string
	recoveryReceipt  string
	centralGone      string
	centralNever     string
	centralBack      string // after how long, how many reports waited
	notCentral       string
	reportRejected   string
	stalled          string
	clock            string
	forward, back    string
	settings         string // how often, how long an answer is awaited, fall, rise
	dropped          string // how many, why
	linesDropped     string // how many events, how many notices
	kafkaConnected   string // how many events wait
	kafkaGone        string
	kafkaNever       string
	kafkaTrouble     string // what
	kafkaBack        string // after how long, how many were sent, what of the others
	noneLost         string
	givenUp          string // how many
	stopped          string // whether Central answered the disconnect, how many wait, whether it is on disk
	disconnected     string
	notDisconnected  string
	someDisconnected string // of how many
	stateKept        string
	stateLost        string
	checks           display.Plural
	reports          display.Plural
	events           display.Plural
	notices          display.Plural

	// Of a fleet: what happened to many. The number comes first, but for a site's.
	siteFailed      string         // which site, how many, of how many, why, since when
	manyFailed      display.Plural // why, since when
	siteCause       string         // which site, how many, why, since when
	manyCause       display.Plural // why, since when
	siteRecovered   string         // which site, how many, after how long at most
	manyRecovered   display.Plural // after how long at most
	firstFailed     string         // what, why, how many of how many in a row that open an incident
	firstFailedKO   string         // what, how many of how many in a row that open an incident
	manyFirstFailed display.Plural // why
	manyOK          display.Plural
	manyAccepted    display.Plural // how slow at most
	manyRefused     display.Plural // Central's reply, how long until it is asked again
	failuresTold    display.Plural // how slow at most
	recoveriesTold  display.Plural // how slow at most
	goneFor         display.Plural // of how many, why
	neverFor        display.Plural // of how many, why
	backFor         display.Plural // after how long at most, how many reports waited
	manyNotTaken    display.Plural // what Central replied to the first
	stalledAll      string         // how long
	stalledOften    string         // how long at most
	moreFailed      display.Plural
	moreRecovered   display.Plural
	moreChanges     display.Plural
}

var english = words{
	firstOK:          "OK: the Engine answers in %s",
	failed:           "%s: %s, %d checks since %s",
	failedKO:         "%s: %d checks in a row since %s",
	causeChanged:     "%s now, since %s: %s",
	recovered:        "OK after %s and %s",
	okAgain:          "OK again after %s; nothing to report",
	checkFailed:      "%s: %s (%d)",
	notJudged:        "%s, since %s; the Engine isn't blamed",
	judgedAgain:      "judged again after %s",
	accepted:         `accepted by Central: "%s" (%s)`,
	refused:          `refused by Central: "%s"`,
	refusedRetry:     `refused by Central: "%s"; the watch goes on, asked again every %s`,
	failureReceipt:   `failure told to Central: "%s" (%s)`,
	recoveryReceipt:  `recovery told to Central: "%s" (%s)`,
	centralGone:      "Central is gone: %s; the watch goes on",
	centralNever:     "Central is not there: %s; the watch goes on",
	centralBack:      "Central is back after %s; %s waiting",
	notCentral:       `what answers there is not EV_Central: "%s"`,
	reportRejected:   `Central did not take a report: "%s"; it is told again`,
	stalled:          "this Monitor stood still for %s; the Engine isn't blamed",
	clock:            "the wall clock was set %s by %s; no duration feels it",
	forward:          "forward",
	back:             "back",
	settings:         "checked every %s from now on, an answer awaited for %s; fall %d, rise %d",
	dropped:          "%s given up: %s",
	linesDropped:     "the log stood still and left out %s and %s; see ev-cp-m events",
	kafkaConnected:   "Kafka is there; %s waiting",
	kafkaGone:        "Kafka is gone: %s; events wait on disk",
	kafkaNever:       "Kafka is not there: %s; events wait on disk",
	kafkaTrouble:     "Kafka takes events, but %s",
	kafkaBack:        "Kafka is back after %s: %s sent, %s",
	noneLost:         "none lost",
	givenUp:          "%d given up",
	stopped:          "stopped: %s, %s waiting, %s",
	disconnected:     "Central told",
	notDisconnected:  "Central not told",
	someDisconnected: "Central told for %d of %d",
	stateKept:        "state kept",
	stateLost:        "state NOT kept: the disk refused",
	checks:           display.NewPlural("%d failed check", "%d failed checks"),
	reports:          display.NewPlural("%d report was", "%d reports were"),
	events:           display.NewPlural("%d event", "%d events"),
	notices:          display.NewPlural("%d notice", "%d notices"),

	siteFailed:      "%s: %d of %d, %s since %s",
	manyFailed:      display.NewPlural("%d failed: %s since %s", "%d failed: %s since %s"),
	siteCause:       "%s: %d of the failed now, since %s: %s",
	manyCause:       display.NewPlural("%d of the failed now, since %s: %s", "%d of the failed now, since %s: %s"),
	siteRecovered:   "%s: %d OK again, after %s at most",
	manyRecovered:   display.NewPlural("%d OK again, after %s at most", "%d OK again, after %s at most"),
	firstFailed:     "%s: %s; %d of %d",
	firstFailedKO:   "%s; %d of %d",
	manyFirstFailed: display.NewPlural("%d fails at its first check: %s", "%d fail at their first check: %s"),
	manyOK:          display.NewPlural("%d OK", "%d OK"),
	manyAccepted:    display.NewPlural("%d accepted by Central (%s)", "%d accepted by Central (%s)"),
	manyRefused:     display.NewPlural(`%d refused by Central: "%s"; asked again every %s`, `%d refused by Central: "%s"; asked again every %s`),
	failuresTold:    display.NewPlural("%d failure told to Central (%s)", "%d failures told to Central (%s)"),
	recoveriesTold:  display.NewPlural("%d recovery told to Central (%s)", "%d recoveries told to Central (%s)"),
	goneFor:         display.NewPlural("Central is gone for %d of %d: %s", "Central is gone for %d of %d: %s"),
	neverFor:        display.NewPlural("Central is not there for %d of %d: %s", "Central is not there for %d of %d: %s"),
	backFor:         display.NewPlural("Central is back for %d after %s; %s waiting", "Central is back for %d after %s; %s waiting"),
	manyNotTaken:    display.NewPlural(`Central did not take %d message as it should: "%s"`, `Central did not take %d messages as it should: "%s"`),
	stalledOften:    "this Monitor stood still several times, for up to %s; no Engine is blamed",
	stalledAll:      "this Monitor stood still for %s; no Engine is blamed",
	moreFailed:      display.NewPlural("%d more failed in this second; ev-cp-m status lists them", "%d more failed in this second; ev-cp-m status lists them"),
	moreRecovered:   display.NewPlural("%d more OK again in this second", "%d more OK again in this second"),
	moreChanges:     display.NewPlural("%d more change in this second; ev-cp-m events shows it", "%d more changes in this second; ev-cp-m events shows them"),
}
