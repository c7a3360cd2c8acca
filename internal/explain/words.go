package explain

import "evcp/internal/display"

// words are all phrases that a person reads of a Monitor, so that another
// language is another table. The verbs stand in the order of the call. What went
// wrong, what it means and what to do first come from internal/advice.
type words struct {
	central, kafka, monitor string // names of the rows

	// A charge point and its Engine.
	state       string // what, for how long, since when
	failing     string // what, for how long, since when, why
	noVerdict   string // for how long, since when
	watching    string
	because     string // what, why
	answers     string // what, how fast
	notJudged   string // what, why
	oneMore     string // what, why the last check failed, how many in a row open an incident
	more        string // what, how many failed, why, how many in a row open an incident
	notReported string
	reported    string // when Central last answered a report of this incident, how long ago

	// Central.
	registered, connecting, away, refuses string // for how long
	answered                              string // how long ago the last answer was
	unanswered                            string // what, how long ago
	reports                               display.Plural

	// A fleet.
	moreNotWell                               display.Plural
	toldMark                                  string // the shape of a receipt
	noVerdictNow, refusedNow                  string
	noSite, inAll                             string
	otherSites, allSites                      display.Plural
	nRegistered, nConnecting, nAway, nRefused display.Plural
	diskRow                                   string
	inUseOf                                   string // MiB in use, MiB allowed

	// Kafka.
	none       string
	onDisk     string
	kafkaIs    map[string]string // by phase: for how long
	kafkaWaits display.Plural
	disk       string // where events wait meanwhile
	inMemory   string // the same while the disk refuses

	// The Monitor itself.
	watches, unhealthy string // for how long, checks, failed, missed
	checks             display.Plural
	restart            string
	refusedDisk        string

	// The headings and rows of explain.
	noCheck   string // of which Engine
	oneCheck  string // of which Engine, the time zone
	checked   string // how many, of which Engine, the time zone
	inARow    string // how many
	messages  string // the heading of the messages to Central
	nothing   string
	repeat    string // which
	receipt   string // how fast, Central's answer
	noReceipt string // why there was no answer
	next      string // the heading of what comes
	step      string // when, in how long, what, to whom
	engine    string // to whom
	within    string // how long
	now       string
	closes    display.Plural // OKs
	opens     display.Plural // failed checks
	opensYet  display.Plural // more of them
	folder    string         // folder
	size      string         // MiB in use, MiB allowed, process, version
	dropped   display.Plural
	leftOut   string // how many events, how many notices
	events    display.Plural
	notices   display.Plural

	// Certificates and secrets.
	files      string // the heading
	file       string // the name of a row
	inUse      string
	expires    string // when, in how long
	expired    string // when
	rejected   string // why
	unverified string
}

var english = words{
	central: "Central", kafka: "Kafka", monitor: "Monitor",

	state:       "%s for %s, since %s",
	failing:     "%s, failing for %s, since %s: %s",
	noVerdict:   "no verdict for %s, since %s",
	watching:    "watching, no verdict yet",
	because:     "%s: %s",
	answers:     "%s; answers in %s",
	notJudged:   "%s; %s",
	oneMore:     "%s, but the last check failed: %s; %d in a row open an incident",
	more:        "%s, but the last %d checks failed: %s; %d in a row open an incident",
	notReported: "Central does not know it yet.",
	reported:    "Central knows it: it last answered a report at %s, %s ago.",

	registered: "registered for %s",
	connecting: "connecting for %s",
	away:       "away for %s",
	refuses:    "has refused this Monitor for %s",
	answered:   "; last answer %s ago",
	unanswered: "; no answer to %s %s ago",
	reports:    display.NewPlural("; %d report waits", "; %d reports wait"),

	moreNotWell:  display.NewPlural("and %d more: /api/v1/cps lists it", "and %d more: /api/v1/cps lists them"),
	toldMark:     "%s told to Central",
	noVerdictNow: "no verdict",
	refusedNow:   "refused by Central",
	noSite:       "without a site",
	inAll:        "in all",
	otherSites:   display.NewPlural("%d other site", "%d other sites"),
	allSites:     display.NewPlural("%d site in all", "%d sites in all"),
	nRegistered:  display.NewPlural("%d registered", "%d registered"),
	nConnecting:  display.NewPlural("%d connecting", "%d connecting"),
	nAway:        display.NewPlural("%d away", "%d away"),
	nRefused:     display.NewPlural("%d refused", "%d refused"),
	diskRow:      "Disk",
	inUseOf:      "%.1f of %.0f MiB in use",

	none:   "none",
	onDisk: "events stay on disk",
	kafkaIs: map[string]string{
		"connecting": "connecting for %s", "connected": "connected for %s", "away": "away for %s", "catching_up": "catching up for %s",
	},
	kafkaWaits: display.NewPlural("; %d event waits", "; %d events wait"),
	disk:       " on disk",
	inMemory:   " in memory",

	watches:     "watches for %s; %s, %d failed, %d missed",
	unhealthy:   "is not well, up for %s; %s, %d failed, %d missed",
	checks:      display.NewPlural("%d check", "%d checks"),
	restart:     "Restart it: it resumes where it was.",
	refusedDisk: "It tries again every 30s, and makes a missing folder anew. If the disk is full or read-only, make room or let this user write there.",

	noCheck:   "No check of %s yet",
	oneCheck:  "The last check of %s (times are %s)",
	checked:   "The last %d checks of %s (times are %s)",
	inARow:    ", %d in a row",
	messages:  "What Central was told",
	nothing:   "  nothing yet",
	repeat:    " (repeat %d)",
	receipt:   `: answered in %s: "%s"`,
	noReceipt: ": not answered: %s",
	next:      "What happens next",
	step:      "  %s  %-9s  %s to %s",
	engine:    "the Engine",
	within:    "in %s",
	now:       "now",
	closes:    display.NewPlural("%d OK closes the incident", "%d OKs in a row close the incident"),
	opens:     display.NewPlural("%d failed check opens an incident", "%d failed checks in a row open an incident"),
	opensYet:  display.NewPlural("%d more failed check opens an incident", "%d more failed checks in a row open an incident"),
	folder:    "State %s",
	size:      "      %.1f of %.0f MiB; process %d, version %s",
	dropped:   display.NewPlural("      %d event was given up", "      %d events were given up"),
	leftOut:   "      the log stood still and left out %s and %s",
	events:    display.NewPlural("%d event", "%d events"),
	notices:   display.NewPlural("%d notice", "%d notices"),

	files:      "Certificates and secrets",
	file:       "File",
	inUse:      "in use",
	expires:    "expires on %s, in %s",
	expired:    "expired on %s",
	unverified: "any certificate is accepted: anybody can pretend to be the other side",
	rejected:   "It has changed, and can't be used; the old content stays in use: %s",
}

// Sentences that a Monitor puts into its document, which is English, and that a person
// reads in any language.
const (
	NoCheckYet  = "no check has been completed yet"
	StandsStill = "the watch stands still: no check was completed for %s"
	DiskTrouble = "state folder %s can't be used: %s; events are kept in memory only" // which folder, why
	LogHeld     = "another program keeps a transaction open in %s, so SQLite's log grows; close that program"
)
