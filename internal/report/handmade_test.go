package report

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"evcp"
	"evcp/internal/archive"
	"evcp/internal/generator"
	"evcp/internal/kafka"
	"evcp/internal/language"
	"evcp/internal/ledger"
	"evcp/internal/testbed"
)

// handmadeCase is one file of testdata: what happened on 1 October 2026 (UTC), checked once a
// second, and below the line the answers by each definition, which were computed by hand. How
// is said in its comments.
//
//	until TIME                             ends each window
//	ports                                  the lines of the file of ports, until an empty line
//	TIME M start CP                        Monitor M (any name) begins to watch; fall is 3
//	TIME M OK|KO|UNKNOWN N                 its next N checks, the first one at TIME
//	TIME M lost OK|KO N                    the same, and their records are not on the topic
//	TIME M dropped FACTS                   says that so many of what is lost were facts
//	TIME M stop | clock STEP | forget      forget: its state is lost
//	TIME first OK|KO N CP                  checks of the first EV_CP_M
//	exclude CP FROM TO REASON DECLARED
type handmadeCase struct {
	name       string
	ports      []ledger.ChargingPort
	until      evcp.Stamp
	records    []kgo.Record
	exclusions []archive.Annotation
	want       string
}

// clockTime is a time of that day.
func clockTime(t *testing.T, text string) evcp.Stamp {
	t.Helper()
	at, err := time.Parse(time.DateTime, "2026-10-01 "+text)
	if err != nil {
		t.Fatal(err)
	}
	return evcp.StampOf(at)
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// story makes the records of a case, by the judgement of the real Monitor.
type story struct {
	*testing.T
	*handmadeCase
	monitors map[string]*generator.SimulatedMonitor
	lost     map[string][]evcp.Event
}

func readHandmade(t *testing.T, file string) handmadeCase {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	in, want, found := strings.Cut(string(content), "----\n")
	if !found {
		t.Fatalf("%s has no answers", file)
	}
	c := handmadeCase{name: strings.TrimSuffix(filepath.Base(file), ".txt"), want: want}
	s := story{t, &c, map[string]*generator.SimulatedMonitor{}, map[string][]evcp.Event{}}
	before, ports, _ := strings.Cut(in, "ports\n")
	ports, after, _ := strings.Cut(ports, "\n\n")
	if c.ports, err = ledger.ParsePorts([]byte(ports), time.UTC); err != nil {
		t.Fatal(file, err)
	}
	for line := range strings.Lines(before + after) {
		if words := strings.Fields(line); len(words) > 0 && words[0] != "#" {
			s.tell(words)
		}
	}
	return c
}

func (s story) tell(words []string) {
	s.Helper()
	switch words[0] {
	case "until":
		s.until = clockTime(s.T, words[1])
		return
	case "exclude":
		s.exclusions = append(s.exclusions, archive.Annotation{Exclusion: ledger.Exclusion{
			CP: evcp.CPID(words[1]), From: clockTime(s.T, words[2]), To: clockTime(s.T, words[3]), Reason: ledger.ExclusionReason(words[4]), Declared: clockTime(s.T, words[5]), Who: "ana",
		}})
		return
	}
	at := clockTime(s.T, words[0])
	if words[1] == "first" {
		for n := range number(s.T, words[3]) {
			s.records = append(s.records, kgo.Record{Key: []byte(words[4]), Value: fmt.Appendf(nil,
				`{"cp_id": %q, "monitor_id": "EV_CP_M", "action": "health_check", "status": %q, "engine_response": %q, "consecutive_failures": 0, "timestamp": %d.0}`,
				words[4], words[2], words[2], int(at)/1_000_000+n)})
		}
		return
	}
	m := s.monitors[words[1]]
	if words[2] == "start" {
		if m == nil {
			m = &generator.SimulatedMonitor{CP: evcp.CPID(words[3]), Policy: evcp.Policy{Fall: 3, Rise: 1, Interval: time.Second, Timeout: 900 * time.Millisecond, Instance: words[1]}}
			s.monitors[words[1]] = m
		}
		s.write(m.Observe(evcp.Observation{Kind: evcp.Started, At: at, Version: "test"}))
		return
	}
	switch words[2] {
	case "stop":
		s.write(m.Observe(evcp.Observation{Kind: evcp.Stopping, At: at, Reason: "asked to stop"}))
	case "forget":
		m.Forget()
	case "clock":
		step, err := time.ParseDuration(words[3])
		if err != nil {
			s.Fatal(err)
		}
		s.write(m.Observe(evcp.Observation{Kind: evcp.ClockStepped, At: at, Gap: step}))
	case "dropped":
		lost := s.lost[words[1]]
		s.write(m.Observe(evcp.Observation{
			Kind: evcp.Dropped, At: at, DroppedEpoch: lost[0].Epoch, From: lost[0].Seq, To: lost[len(lost)-1].Seq,
			Count: uint64(len(lost)), Facts: uint64(number(s.T, words[3])), Reason: "size",
		}))
		delete(s.lost, words[1])
	case "lost":
		s.checks(at, m, words[3], words[4], func(e []evcp.Event) { s.lost[words[1]] = append(s.lost[words[1]], e...) })
	default:
		s.checks(at, m, words[2], words[3], s.write)
	}
}

// checks makes checks a second apart.
func (s story) checks(at evcp.Stamp, m *generator.SimulatedMonitor, status, count string, write func([]evcp.Event)) {
	s.Helper()
	outcome := map[string]evcp.Outcome{
		"OK": {Status: evcp.OK, Response: "OK"}, "KO": {Status: evcp.KO, Cause: evcp.SaidKO, Response: "KO"}, "UNKNOWN": {Status: evcp.Unknown, Cause: evcp.Stalled},
	}[status]
	for range number(s.T, count) {
		write(m.Check(at, outcome))
		at = at.Add(time.Second)
	}
}

func (s story) write(events []evcp.Event) {
	for _, e := range events {
		s.records = append(s.records, kgo.Record{Key: []byte(e.CP), Value: e.AppendJSON(nil)})
	}
}

// question is the window of a definition, from its begin to the end of the case.
func (c handmadeCase) question(t *testing.T, d ledger.Definition) ledger.Question {
	t.Helper()
	q := ledger.Question{Definition: d, Zone: time.UTC}
	var err error
	if d == ledger.UK {
		q.From, _, err = ledger.YearWindow("2026", time.UTC)
	} else {
		q.From, _, err = ledger.MonthWindow(d, "2026-10", time.UTC)
	}
	if err != nil {
		t.Fatal(err)
	}
	q.To = c.until
	return q
}

// documents are the reports of a case by each definition, from a history on disk.
func (c handmadeCase) documents(t *testing.T, dir string) (all []Document) {
	t.Helper()
	v, err := archive.OpenView(filepath.Join(dir, archive.FileName), "", false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	for _, d := range ledger.Definitions {
		u, err := v.Uptime(t.Context(), c.question(t, d), c.ports, archive.PortSelection{}, "test")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Document{Uptime: u, Position: v.Position()})
	}
	return all
}

// written are reports in every format.
func written(t *testing.T, all []Document) string {
	t.Helper()
	var b bytes.Buffer
	for _, d := range all {
		object, err1 := d.JSON()
		table, err2 := d.CSV()
		page, err3 := d.HTML(language.English)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatal(err)
		}
		b.Write(slices.Concat(object, table, page, []byte(d.Text(language.English))))
	}
	return b.String()
}

// numbers are those of the reports that are computed by hand: times in seconds.
func numbers(all []Document) string {
	var b strings.Builder
	seconds := func(us int64) string {
		if us%1_000_000 != 0 {
			return fmt.Sprint(us, " us")
		}
		return fmt.Sprint(us / 1_000_000)
	}
	row := func(name string, s ledger.Sums) {
		fmt.Fprintf(&b, "%s up %s down %s unwatched %s excluded %s percent %s worst %s best %s", name, seconds(s.Up), seconds(s.Down), seconds(s.Unwatched), seconds(s.Excluded),
			value(s.Percent), value(s.AtWorst), value(s.AtBest))
		if s.PercentStrict != nil {
			fmt.Fprintf(&b, " strict %s", *s.PercentStrict)
		}
		fmt.Fprintf(&b, " meets %s\n", verdict(language.English, s.Meets))
	}
	for _, d := range all {
		fmt.Fprintf(&b, "%s\n", d.Definition)
		for _, p := range d.Ports {
			row(p.Port(), p.Sums)
			for _, o := range p.Outages {
				fmt.Fprintf(&b, "  %s to %s %s", o.From[len("2026-10-01T"):len(o.From)-1], o.To[len("2026-10-01T"):len(o.To)-1], o.Cause)
				if o.ExcludedBy != "" {
					fmt.Fprintf(&b, ", %s by %s", seconds(o.Excluded), o.ExcludedBy)
				}
				b.WriteByte('\n')
			}
		}
		row("network", d.Network)
	}
	return b.String()
}

// TestHandmadeCases: from records on a topic to reports, two times: read by a Follower from
// a broker, and taken partition by partition in another order, with repetitions and restarts.
// Both give the numbers that were computed by hand, and the same bytes in every format.
func TestHandmadeCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) != 12 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	var cases []handmadeCase
	var records []*kgo.Record
	var exclusions []archive.Annotation
	for _, file := range files {
		c := readHandmade(t, file)
		cases, exclusions = append(cases, c), append(exclusions, c.exclusions...)
		for i := range c.records {
			records = append(records, &c.records[i])
		}
	}
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "events"))
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	produceAll(t, broker.ListenAddrs(), records)
	followed, disordered := t.TempDir(), t.TempDir()
	follow(t, followed, broker.ListenAddrs(), int64(len(records)), exclusions)
	takeDisordered(t, disordered, records, exclusions)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			all := c.documents(t, followed)
			if got := numbers(all); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if first, second := written(t, all), written(t, c.documents(t, disordered)); first != second {
				t.Errorf("in another order\n%s\nwant\n%s", second, first)
			}
		})
	}
}

// produceAll writes the records, and so gives them partitions and offsets.
func produceAll(t *testing.T, brokers []string, records []*kgo.Record) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic("events"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func openArchive(t *testing.T, dir string) *archive.Archive {
	t.Helper()
	a, err := archive.Open(dir, slog.New(slog.DiscardHandler))
	if err == nil {
		err = a.SetTopic("events")
	}
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// annotateAndClose adds the exclusions, and closes the history.
func annotateAndClose(t *testing.T, a *archive.Archive, exclusions []archive.Annotation) {
	t.Helper()
	for _, n := range exclusions {
		if _, err := a.Annotate(n); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(a.Commit(), a.Close()); err != nil {
		t.Fatal(err)
	}
}

// follow reads the topic as Central does.
func follow(t *testing.T, dir string, brokers []string, count int64, exclusions []archive.Annotation) {
	t.Helper()
	a := openArchive(t, dir)
	f, err := archive.NewFollower(a, kafka.Options{Brokers: brokers, Topic: "events"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); f.Run(ctx) }()
	testbed.Until(t, "the records", func() bool { return f.Status().Records == count })
	stop()
	<-done
	annotateAndClose(t, a, exclusions)
}

// takeDisordered takes the last partition first, each part of it twice, and opens the history
// again after each.
func takeDisordered(t *testing.T, dir string, records []*kgo.Record, exclusions []archive.Annotation) {
	t.Helper()
	parts := map[int32][]kafka.TopicRecord{}
	for _, r := range records {
		parts[r.Partition] = append(parts[r.Partition], kafka.TopicRecord{Partition: r.Partition, Offset: r.Offset, Value: r.Value})
	}
	if len(parts) != 3 {
		t.Fatalf("%d partitions", len(parts))
	}
	a := openArchive(t, dir)
	for partition := int32(2); partition >= 0; partition-- {
		for part := range slices.Chunk(parts[partition], 700) {
			if err := errors.Join(a.Take(kafka.ReadBatch{Records: part}), a.Take(kafka.ReadBatch{Records: part}), a.Commit(), a.Close()); err != nil {
				t.Fatal(err)
			}
			a = openArchive(t, dir)
		}
	}
	annotateAndClose(t, a, exclusions)
}
