package selftest

// words are what --test says itself, so that another language is another table.
// The verbs stand in the order of the call. What came of each trial, what it means
// and what to do are internal/advice's.
type words struct {
	title                  string // which charge point
	central, engine, kafka string // names of the rows
	none                   string // in the place of brokers
	onDisk                 string
	toCreate               string // which topic

	allWell, withoutKafka   string
	oneProblem, twoProblems string // what a Monitor would do
	stop, watch             string
	report, reportLater     string // which charge point
}

var english = words{
	title:   "Testing %s. It registers with Central; Kafka is only asked, not written.",
	central: "Central", engine: "Engine", kafka: "Kafka",
	none:     "none",
	onDisk:   "events stay on disk",
	toCreate: "topic %s would be created",

	allWell:      "All well. The same command without --test starts the watch.",
	withoutKafka: "Ready, without Kafka. The same command without --test starts the watch.",
	oneProblem:   "1 problem. A Monitor started now would %s",
	twoProblems:  "2 problems. A Monitor started now would %s",
	stop:         "stop with exit code 3.",
	watch:        "watch, and go on asking for Central.",
	report:       "report %s as faulted.",
	reportLater:  "report %s as faulted once Central is there.",
}
