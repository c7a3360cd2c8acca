package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"evcp"
)

// origin is 0s of the transcripts.
const origin = evcp.Stamp(1_800_000_000_000_000)

// numbered is a Record with its numbering; Epoch 0 is a check of the first EV_CP_M.
type numbered struct {
	Epoch int64
	Record
}

// story is the input half of a transcript: one line for each record, or for a run of checks.
//
//	1 1 0s started interval=1s      numbering 1, seq 1, 0 s after the origin
//	1 2..9 1s+1s OK                 seq 2 at 1 s, seq 3 at 2 s, …
//	first 0s+1s OK OK KO            checks of the first EV_CP_M
func story(t *testing.T, text string) (all []numbered) {
	t.Helper()
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		if words[0] == "first" {
			words = append([]string{"0", "1.." + strconv.Itoa(len(words)-2)}, words[1:]...)
		}
		epoch, err := strconv.ParseInt(words[0], 10, 64)
		must(t, err)
		from, to := seqs(t, words[1])
		at, step, _ := strings.Cut(words[2], "+")
		for seq := from; seq <= to; seq++ {
			r := Record{Seq: seq, At: origin.Add(span(t, at)).Add(span(t, step) * time.Duration(seq-from))}
			what, rest := words[3], words[4:]
			if epoch == 0 {
				what, rest = words[3+seq-from], nil
			}
			setRecord(t, &r, epoch, what, rest)
			all = append(all, numbered{epoch, r})
		}
	}
	return all
}

func setRecord(t *testing.T, r *Record, epoch int64, what string, rest []string) {
	t.Helper()
	actions := map[string]evcp.Action{
		"started": evcp.MonitorStarted, "stopped": evcp.MonitorStopped, "failed": evcp.EngineFailed, "recovered": evcp.EngineRecovered,
		"told": evcp.ReportEngineFailure, "step": evcp.ClockStep, "dropped": evcp.EventsDropped, "asks": evcp.RegisterToCentral,
		"authenticated": evcp.AuthenticatedWithCentral, "other": evcp.NoAction,
	}
	action, known := actions[what]
	if !known {
		status, ok := evcp.ParseStatus(what)
		if !ok {
			t.Fatalf("no action %s", what)
		}
		action, r.Status = evcp.HealthCheck, status
	}
	r.Action = action
	if action == evcp.EngineFailed {
		r.Incident = evcp.EventID{Epoch: epoch, Seq: r.Seq}
	}
	for _, word := range rest {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "interval":
			r.Interval, r.Timeout, r.Rise = span(t, value), span(t, value)*9/10, max(r.Rise, 1)
		case "rise":
			n, err := strconv.Atoi(value)
			must(t, err)
			r.Rise = uint32(n)
		case "streak":
			n, err := strconv.Atoi(value)
			must(t, err)
			r.Failures = uint32(n)
		case "since":
			r.Since = origin.Add(span(t, value))
		case "incident", "prev":
			e, s, _ := strings.Cut(value, "-")
			epoch, err := strconv.ParseInt(e, 10, 64)
			must(t, err)
			seq, err := strconv.ParseUint(s, 10, 64)
			must(t, err)
			if id := (evcp.EventID{Epoch: epoch, Seq: seq}); name == "prev" {
				r.Prev = id
			} else {
				r.Incident = id
			}
		case "cause":
			r.Cause = value
		case "by", "in":
			r.Span, r.Latency = span(t, value), span(t, value)
		case "of":
			n, err := strconv.ParseInt(value, 10, 64)
			must(t, err)
			r.Dropped.Epoch = n
		case "seqs":
			r.Dropped.From, r.Dropped.To = seqs(t, value)
		case "facts":
			n, err := strconv.Atoi(value)
			must(t, err)
			r.Dropped.Facts = uint64(n)
		default:
			t.Fatalf("no field %s", word)
		}
	}
}

func seqs(t *testing.T, text string) (from, to uint64) {
	t.Helper()
	a, b, more := strings.Cut(text, "..")
	from, err := strconv.ParseUint(a, 10, 64)
	must(t, err)
	if !more {
		return from, from
	}
	to, err = strconv.ParseUint(b, 10, 64)
	must(t, err)
	return from, to
}

func span(t *testing.T, text string) time.Duration {
	t.Helper()
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	must(t, err)
	return d
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// folded folds records in the order given, each numbering saved and read again with each
// restart.
func folded(t *testing.T, all []numbered, restart func() bool) ([]NumberingElements, []Check) {
	t.Helper()
	states, settled := map[int64]*Numbering{}, map[int64][]Element{}
	var first []Check
	for _, r := range all {
		if r.Epoch == 0 {
			first = append(first, Check{r.At, r.Status})
			continue
		}
		n := states[r.Epoch]
		if n == nil {
			n = &Numbering{}
			states[r.Epoch] = n
		}
		settled[r.Epoch] = n.Add(r.Record, settled[r.Epoch])
		if restart() {
			saved, err := json.Marshal(n)
			must(t, err)
			var again Numbering
			must(t, json.Unmarshal(saved, &again))
			states[r.Epoch] = &again
		}
	}
	var out []NumberingElements
	for epoch, n := range states {
		out = append(out, NumberingElements{epoch, slices.Concat(settled[epoch], n.Rest())})
	}
	return out, first
}

// text is what a transcript shows of a history.
func text(all []NumberingElements, first []Check) string {
	var b bytes.Buffer
	for _, s := range Merge(all, first) {
		fmt.Fprintf(&b, "%s %s %s", s.From.Sub(origin), s.To.Sub(origin), s.State)
		if s.Cause != "" {
			fmt.Fprintf(&b, " %s", s.Cause)
		}
		if s.State == Down {
			fmt.Fprintf(&b, " %s", shortID(s.Incident))
		}
		if s.Evidence.Last != (evcp.EventID{}) || s.Evidence.NotNumbered {
			fmt.Fprintf(&b, " by %s..%s", shortID(s.Evidence.First), shortID(s.Evidence.Last))
		}
		for mark, on := range map[string]bool{" estimated": s.Evidence.Estimated && !s.Evidence.NotNumbered, " not-numbered": s.Evidence.NotNumbered} {
			if on {
				b.WriteString(mark)
			}
		}
		b.WriteByte('\n')
	}
	for _, d := range Incidents(all, first) {
		fmt.Fprintf(&b, "incident %s %s first=%s", shortID(d.ID), d.Cause, d.FirstFailed.Sub(origin))
		for _, at := range []struct {
			name string
			at   evcp.Stamp
		}{{"detected", d.Detected}, {"told", d.Told}, {"recovered", d.Recovered}} {
			if at.at != 0 {
				fmt.Fprintf(&b, " %s=%s", at.name, at.at.Sub(origin))
			}
		}
		fmt.Fprintf(&b, " failed=%d not-judged=%d", d.Failed, d.NotJudged)
		if d.EndUnseen {
			b.WriteString(" end-unseen")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func shortID(id evcp.EventID) string {
	if id.Epoch == 0 {
		return "first"
	}
	return fmt.Sprintf("%d-%d", id.Epoch, id.Seq)
}

func never() bool { return false }

// TestTranscripts tells each rule as a story. Each is folded again in other orders, with
// repetitions and restarts: the same follows.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	must(t, err)
	if len(files) < 10 {
		t.Fatalf("%d transcripts", len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			must(t, err)
			in, want, _ := strings.Cut(string(content), "----\n")
			all := story(t, in)
			got := text(folded(t, all, never))
			if os.Getenv("UPDATE") != "" {
				must(t, os.WriteFile(file, []byte(in+"----\n"+got), 0o600))
			} else if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			random := rand.New(rand.NewPCG(1, 2))
			for range 4 {
				if again := text(folded(t, disordered(all, random), func() bool { return random.IntN(5) == 0 })); again != got {
					t.Fatalf("in another order\n%s\nwant\n%s", again, got)
				}
			}
		})
	}
}

// disordered are the records in any order that a Window allows, some of them repeated.
func disordered(all []numbered, random *rand.Rand) []numbered {
	out := slices.Clone(all)
	for len(out) > 0 && len(out) < len(all)*5/4 {
		out = append(out, all[random.IntN(len(all))])
	}
	byPlace := make([]int, len(out))
	for i := range out {
		byPlace[i] = i + random.IntN(Window/2)
	}
	order := make([]int, len(out))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return byPlace[a] - byPlace[b] })
	shuffled := make([]numbered, len(out))
	for i, from := range order {
		shuffled[i] = out[from]
	}
	return shuffled
}
