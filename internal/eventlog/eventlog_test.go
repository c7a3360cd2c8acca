package eventlog_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"evcp"
	"evcp/internal/eventlog"
	"evcp/internal/outbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// makeHistory makes a folder with a history: an OK each second, five KO from second 60 on,
// and OKs again. Another charge point is in the same folder.
func makeHistory(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	box, err := outbox.Open(dir, outbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	policy := evcp.Policy{Fall: 3, Rise: 1, Instance: "test"}
	states := map[evcp.CPID]evcp.State{}
	for second := range 90 {
		outcome := evcp.Outcome{Status: evcp.OK, Response: "OK", Latency: time.Millisecond}
		if second >= 60 && second < 65 {
			outcome = evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO, Response: "KO\x1b", Latency: time.Millisecond}
		}
		for _, cp := range []evcp.CPID{"CP_001", "CP_002"} {
			next, events := policy.Next(states[cp], evcp.Observation{
				CP: cp, Kind: evcp.Checked, At: evcp.StampOf(noon.Add(time.Duration(second) * time.Second)), Outcome: outcome,
			}, nil)
			states[cp] = next
			box.Append(outbox.Batch{Generation: box.Generation(), Events: events, Judged: []outbox.Judged{{Handle: box.Handle(cp), Events: len(events), State: next}}})
		}
	}
	if err := box.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// run is Run for CP_001, with what it printed.
func run(t *testing.T, o eventlog.Options) (lines []string, summary eventlog.Summary) {
	t.Helper()
	o.CP, o.Zone, o.Wait = "CP_001", time.UTC, 900*time.Millisecond
	o.WriteText = func(line string) { lines = append(lines, line) }
	o.WriteJSON = func(b []byte) error { lines = append(lines, string(b)); return nil }
	summary, err := eventlog.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return lines, summary
}

func TestWhatIsWorthASentence(t *testing.T) {
	dir := makeHistory(t)
	first := "2026-11-24 12:00:00 ● CP_001 OK: the Engine answers in 1 ms"
	failed := "2026-11-24 12:01:02 ▲ CP_001 KO: 3 checks in a row since 12:01:00"
	again := "2026-11-24 12:01:05 ● CP_001 OK after 5s and 5 failed checks"
	for name, c := range map[string]struct {
		since   time.Time
		level   slog.Level
		want    []string
		summary eventlog.Summary
	}{
		"all":           {time.Time{}, slog.LevelInfo, []string{first, failed, again}, eventlog.Summary{Events: 92, Hidden: 89}},
		"since the end": {noon.Add(65 * time.Second), slog.LevelInfo, []string{again}, eventlog.Summary{Events: 26, Hidden: 25}},
		"later":         {noon.Add(time.Hour), slog.LevelInfo, nil, eventlog.Summary{}},
		"every check": {noon.Add(88 * time.Second), slog.LevelDebug, []string{
			"2026-11-24 12:01:28 ● CP_001 OK in 1 ms", "2026-11-24 12:01:29 ● CP_001 OK in 1 ms",
		}, eventlog.Summary{Events: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			lines, summary := run(t, eventlog.Options{Dir: dir, Since: c.since, Level: c.level})
			if !slices.Equal(lines, c.want) || summary != c.summary {
				t.Errorf("%+v\n%s", summary, strings.Join(lines, "\n"))
			}
		})
	}
}

func TestTheVeryLines(t *testing.T) {
	dir := makeHistory(t)
	lines, summary := run(t, eventlog.Options{Dir: dir, JSON: true})
	if len(lines) != 92 || summary.Events != 92 {
		t.Fatalf("%d lines, %+v", len(lines), summary)
	}
	seq := uint64(0)
	for _, line := range lines {
		e, err := evcp.ParseEvent([]byte(line))
		if err != nil || e.CP != "CP_001" || e.Seq != seq+1 || !strings.HasSuffix(line, "}\n") {
			t.Fatalf("%q: %v", line, err)
		}
		seq++
	}
	if lines, _ := run(t, eventlog.Options{Dir: dir, JSON: true, Since: noon.Add(89 * time.Second)}); len(lines) != 1 {
		t.Errorf("since the last: %d", len(lines))
	}
}

func TestAWriterThatHasGone(t *testing.T) {
	gone := errors.New("gone")
	_, err := eventlog.Run(t.Context(), eventlog.Options{
		Dir: makeHistory(t), CP: "CP_001", JSON: true, WriteJSON: func([]byte) error { return gone },
	})
	if !errors.Is(err, gone) {
		t.Error(err)
	}
}

func TestNothingThere(t *testing.T) {
	if _, err := eventlog.Run(t.Context(), eventlog.Options{Dir: t.TempDir(), CP: "CP_001"}); !errors.Is(err, outbox.ErrNothingKept) {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := eventlog.Run(ctx, eventlog.Options{Dir: t.TempDir(), CP: "CP_001", Follow: true}); !errors.Is(err, outbox.ErrNothingKept) {
		t.Error(err)
	}
}
