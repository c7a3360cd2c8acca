package watch

import "evcp/internal/display"

// words are the sentences about a Monitor that are not in internal/logtext: the banner,
// the live line, the disk and its health. Another language is another table. The verbs
// stand in the order of the call.
type words struct {
	title                          string // which version, which charge point
	chargePoints, sites            display.Plural
	atSites                        string // charge points, sites
	inFile                         string // how many, which file
	engine, central, kafka         string // address, and what follows
	engines                        string // how many, and what follows
	state                          string // folder
	http                           string // http or https, address
	config                         string // where the settings came from
	everyCheck                     string // how often, what is reported
	oneFails                       string
	manyFail                       string // how many in a row
	noHeartbeats                   string
	heartbeats                     string // how often
	noBrokers                      string
	onDisk                         string
	topic                          string // which
	found                          string
	putAside                       string         // which file, why
	memory, anew                   string         // why
	resumed                        string         // what was seen last, which event is next
	resumedAll                     string         // how many with an open incident, of how many
	openSince                      string         // what, since when
	streak                         string         // what, how many of how many
	liveChecks                     display.Plural // how many, how many failed
	liveRate                       display.Plural // how many in a second, how many late
	liveCentral, liveKafka         string         // a shape
	refused, noDisk, noServer      string         // why
	asideAs                        string         // which file, why
	stateIs                        string         // what was found
	readAgain                      string         // file, how many added, removed, changed
	badFile                        string         // what is wrong
	takenOver                      display.Plural // how many charge points
	fewFiles                       string         // how many files, how many charge points
	lineCP, lineCentral, lineKafka string         // for systemctl status
	linePending                    display.Plural // how many events
}

var english = words{
	title:        "ev-cp-m %s watches %s. Ctrl-C stops it.",
	chargePoints: display.NewPlural("%d charge point", "%d charge points"),
	sites:        display.NewPlural("%d site", "%d sites"),
	atSites:      "%s at %s",
	inFile:       "%d in %s",
	engine:       "  Engine   %s  %s",
	engines:      "  Engines  %s  %s",
	central:      "  Central  %s  %s",
	kafka:        "  Kafka    %s  %s",
	state:        "  State    %s",
	http:         "  HTTP     %s://%s/",
	config:       "  Config   %s",
	everyCheck:   "every %s; %s",
	oneFails:     "a failure is reported",
	manyFail:     "%d failures in a row are reported",
	noHeartbeats: "no signs of life",
	heartbeats:   "a sign of life every %s",
	noBrokers:    "none",
	onDisk:       "events stay on disk",
	topic:        "topic %s",
	found:        "new",
	putAside:     "begun anew; the old one is %s: %s",
	memory:       "in memory only: %s",
	anew:         "begun anew: %s",
	resumed:      "resumed: %s, next event %d",
	resumedAll:   "resumed: %d of %d with an open incident",
	openSince:    "%s since %s",
	streak:       "%s %d of %d",
	liveChecks:   display.NewPlural("%d check, %d failed", "%d checks, %d failed"),
	liveRate:     display.NewPlural("%d check/s, %d late", "%d checks/s, %d late"),
	liveCentral:  "Central %s",
	liveKafka:    "Kafka %s",
	refused:      "the disk refused: %s; kept in memory",
	noDisk:       "the disk refuses: %s; kept in memory",
	asideAs:      "the old state is put aside as %s: %s",
	stateIs:      "the state is %s",
	readAgain:    "%s read again: %d added, %d removed, %d changed",
	badFile:      "%s; the old fleet goes on",
	takenOver:    display.NewPlural("the state of %d charge point was taken over from a folder of its own", "the states of %d charge points were taken over from folders of their own"),
	fewFiles:     "this process may open %d files, too few for %d charge points: some are not checked; raise the limit (ulimit -n, LimitNOFILE)",
	noServer:     "can't be asked how it does: %s; the watch goes on",
	lineCP:       "%s %s",
	lineCentral:  "Central %s",
	lineKafka:    "Kafka %s",
	linePending:  display.NewPlural("%d event waits on disk", "%d events wait on disk"),
}
