package main

// words are what the commands that ask say themselves, so that another language
// is another table. The verbs stand in the order of the call. What a Monitor
// answers has its words in internal/explain, what is kept in internal/eventlog.
type words struct {
	nobody     string // which charge point
	nothing    string // which charge point
	looked     string // which folder
	neighbours string // which folder, which charge points
	before     string
	bySystemd  string // which folder
	foreign    string // which charge point, why
	askAs      string
	unread     string // which charge point, why
	readAs     string
	mute       string // which charge point, in how long
	restart    string
	garbled    string // which charge point, why
	following  string
	stranger   string // which charge point, what HTTP code
	singles    string // how many events, how many of them are left out
	times      string // the zone
	none       string // which charge point
	noneSince  string // which charge point, since when
	noCommand  string
	misplaced  string // which flag, with what
	noTest     string // which command
}

var english = words{
	nobody:     "no Monitor of %s runs here",
	nothing:    "no Monitor of %s has kept anything here",
	looked:     "Looked in %s;\n--cp-id and --state-dir (or EVCP_STATE_DIR) say where.",
	neighbours: "In %s there are: %s.",
	before:     "One ran there before: ev-cp-m events says what it saw.",
	bySystemd:  "The one that systemd starts is asked with --state-dir %s, as root.",
	foreign:    "the Monitor of %s belongs to another user: %w",
	askAs:      "Ask as that user, or as root.",
	unread:     "the state of %s belongs to another user: %w",
	readAs:     "Read it as that user, or as root.",
	mute:       "the Monitor of %s does not answer within %s",
	restart:    "It stands still. Stop it and start it again: it resumes where it was.",
	garbled:    "the Monitor of %s does not answer as it should: %w",
	following:  "What comes is added as it comes; Ctrl-C ends it.",
	stranger:   "the Monitor of %s answers %d and no status; is it of another version?",
	singles:    "%[2]d of %[1]d events are left out, mostly single checks: --log-level debug.",
	times:      "Times are %s.",
	none:       "No event of %s is kept.",
	noneSince:  "No event of %s is kept since %s.",
	noCommand:  "--json, --follow and --since go with a command: ev-cp-m events --follow",
	misplaced:  "%s goes with %s",
	noTest:     "--test is no part of %s: ev-cp-m --test",
}
