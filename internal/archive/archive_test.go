package archive

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"evcp"
	"evcp/internal/folder"
	"evcp/internal/history"
	"evcp/internal/kafka"
	"evcp/internal/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// shown is all that a view says.
func shown(t *testing.T, dir, position string) string {
	t.Helper()
	path := filepath.Join(dir, FileName)
	v, err := OpenView(path, position, true)
	must(t, err)
	defer func() { must(t, v.Close()) }()
	cps, err := v.CPs()
	must(t, err)
	var b strings.Builder
	for _, cp := range cps {
		r, err := v.CP(cp)
		must(t, err)
		fmt.Fprintln(&b, cp, history.Merge(r.Numberings, r.First), history.Incidents(r.Numberings, r.First))
	}
	p := v.Progress
	fmt.Fprintln(&b, p.Next, p.Newest, p.Records, p.Strange, p.Lost, p.Topic)
	return b.String()
}

// stream are the records of a few charge points: incidents, restarts, records that are
// missing, garbage, and checks of the first EV_CP_M.
func stream(random *rand.Rand, interval time.Duration) (all []kafka.TopicRecord) {
	f := newFleet(5, interval)
	for range 60 {
		for _, r := range f.second(random.IntN(2) * random.IntN(5)).Records {
			if random.IntN(30) > 0 {
				all = append(all, r)
			}
		}
		switch random.IntN(10) {
		case 0:
			all = append(all, kafka.TopicRecord{Value: []byte("garbage")})
		case 1:
			all = append(all, kafka.TopicRecord{Value: fmt.Appendf(nil, `{"cp_id":"OLD","monitor_id":"EV_CP_M","action":"health_check","status":"OK","engine_response":"OK","consecutive_failures":0,"timestamp":%d.5}`, f.now/1_000_000)})
		case 2:
			f.states[random.IntN(5)] = evcp.State{} // a new numbering
		}
	}
	for i := range all {
		all[i].Offset = int64(i)
	}
	return all
}

// TestPositions: a view at a position shows what an archive shows that has read no further,
// however often Central was restarted since, and whatever it has read.
func TestPositions(t *testing.T) {
	for seed := range uint64(3) {
		random := rand.New(rand.NewPCG(seed, 1))
		records := stream(random, time.Second)
		dir := t.TempDir()
		a := openArchive(t, dir)
		must(t, a.SetTopic("events"))
		pinned := map[string]int{}
		for at := 0; at < len(records); {
			next := min(at+1+random.IntN(40), len(records))
			must(t, a.Take(kafka.ReadBatch{Records: records[at:next]}))
			switch random.IntN(4) {
			case 0:
				position, err := a.Position()
				must(t, err)
				pinned[position] = next
			case 1:
				must(t, a.Commit())
			case 2: // killed
				must(t, a.Close())
				a = openArchive(t, dir)
				must(t, a.SetTopic("events"))
				next = int(a.Progress().Next[0])
			}
			at = next
		}
		for position, n := range pinned {
			fresh := t.TempDir()
			other := openArchive(t, fresh)
			must(t, other.SetTopic("events"))
			must(t, other.Take(kafka.ReadBatch{Records: records[:n]}))
			must(t, other.Commit())
			if got, want := shown(t, dir, position), shown(t, fresh, ""); got != want {
				t.Fatalf("seed %d, at %s\n%s\nwant\n%s", seed, position, got, want)
			}
			must(t, other.Close())
		}
		must(t, a.Close())
		if len(pinned) < 3 {
			t.Errorf("%d positions", len(pinned))
		}
	}
}

// TestNoPosition: one that was never asked for, or is none.
func TestNoPosition(t *testing.T) {
	dir := t.TempDir()
	a := openArchive(t, dir)
	defer func() { must(t, a.Close()) }()
	for _, position := range []string{"0:7/0", "0:7", "none/1", "none/-1", "/", "x/0"} {
		if _, err := OpenView(filepath.Join(dir, FileName), position, true); !errors.Is(err, ErrNoPosition) {
			t.Errorf("%q: %v", position, err)
		}
	}
	if position, err := a.Position(); position != "none/0" || err != nil {
		t.Errorf("of nothing: %q, %v", position, err)
	}
	shown(t, dir, "none/0")
}

// TestOneWriter: a second process is refused; a file that is no history is put aside.
func TestOneWriter(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, FileName), []byte(strings.Repeat("this is no database ", 100)), 0o600))
	a := openArchive(t, dir)
	if _, err := Open(dir, slog.New(slog.DiscardHandler)); !errors.Is(err, folder.ErrInUse) {
		t.Errorf("a second one: %v", err)
	}
	must(t, a.Close())
	aside, err := filepath.Glob(filepath.Join(dir, "history-*-corrupt.db"))
	if err != nil || len(aside) != 1 {
		t.Errorf("put aside: %v, %v", aside, err)
	}
}

// TestOtherTopic: the history of one topic is not continued with another.
func TestOtherTopic(t *testing.T) {
	a := openArchive(t, t.TempDir())
	defer func() { must(t, a.Close()) }()
	must(t, a.SetTopic("events"))
	if err := a.SetTopic("others"); !errors.Is(err, ErrOtherTopic) {
		t.Errorf("%v", err)
	}
}

// TestFileIsRemoved: a file that is removed with its folder while it is open is made anew, and the
// topic read from its beginning has the same history in it. Where the folder can't be made, the
// next attempt does it; until then nothing is annotated, and nothing breaks.
func TestFileIsRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	must(t, os.Mkdir(dir, 0o700))
	a := openArchive(t, dir)
	defer func() { must(t, a.Close()) }()
	must(t, a.SetTopic("events"))
	records := stream(rand.New(rand.NewPCG(1, 2)), time.Second)
	must(t, a.Take(kafka.ReadBatch{Records: records}))
	must(t, a.Commit())
	want, present := shown(t, dir, ""), len(a.EventStates().Since(EventStatesPosition{}).CPs)
	if a.lost() {
		t.Fatal("lost at once")
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Skip("an open file can't be removed here:", err)
	}
	must(t, os.WriteFile(dir, nil, 0o600)) // in the place of the folder
	for range 2 {
		if err := a.reopen(); !a.lost() || err == nil {
			t.Fatalf("reopened without a folder: %v", err)
		}
		if _, err := a.Annotate(Annotation{}); !errors.Is(err, ErrGone) {
			t.Errorf("annotated without a file: %v", err)
		}
	}
	must(t, os.Remove(dir))
	must(t, a.reopen())
	if p := a.Progress(); a.lost() || p.Records != 0 || len(p.Next) != 0 || p.Topic != "events" {
		t.Errorf("after it was made anew: %+v", p)
	}
	must(t, a.Take(kafka.ReadBatch{Records: records}))
	must(t, a.Commit())
	if got := shown(t, dir, ""); got != want {
		t.Errorf("read again it is\n%s\nwant\n%s", got, want)
	}
	if got := len(a.EventStates().Since(EventStatesPosition{}).CPs); got != present {
		t.Errorf("%d charge points are present, want %d", got, present)
	}
}

// TestAnnotations: an exclusion is taken back once, by another annotation; a position knows
// those before it.
func TestAnnotations(t *testing.T) {
	dir := t.TempDir()
	a := openArchive(t, dir)
	defer func() { must(t, a.Close()) }()
	e := Annotation{Exclusion: ledger.Exclusion{CP: "CP_001", From: origin, To: origin + 1, Reason: ledger.Grid, Who: "ana", Declared: origin}}
	first, err := a.Annotate(e)
	must(t, err)
	before, err := a.Position()
	must(t, err)
	if _, err := a.Annotate(Annotation{Withdraws: 7}); !errors.Is(err, ErrNoExclusion) {
		t.Errorf("withdrew what is not there: %v", err)
	}
	_, err = a.Annotate(Annotation{Withdraws: first})
	must(t, err)
	if _, err := a.Annotate(Annotation{Withdraws: first}); !errors.Is(err, ErrWithdrawn) {
		t.Errorf("withdrew twice: %v", err)
	}
	for position, want := range map[string]int{before: 1, "": 0} {
		v, err := OpenView(filepath.Join(dir, FileName), position, true)
		must(t, err)
		all, err := v.Exclusions()
		must(t, errors.Join(err, v.Close()))
		if len(all) != want {
			t.Errorf("at %q: %v", position, all)
		}
	}
	if err := os.Remove(filepath.Join(dir, FileName)); err != nil {
		t.Skip("an open file can't be removed here:", err)
	}
	if _, err := a.Annotate(e); !errors.Is(err, ErrGone) {
		t.Errorf("an annotation of a removed file: %v", err)
	}
}
