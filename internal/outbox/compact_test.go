package outbox

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"evcp"
	"evcp/internal/sqlite"
)

// drawCheck makes a check as the monitor does, most often one more OK.
func drawCheck(t *rapid.T, e evcp.Event) evcp.Event {
	e.Action, e.Status, e.Response, e.Cause = evcp.HealthCheck, evcp.OK, "OK", 0
	e.CP = evcp.CPID(rapid.SampledFrom([]string{"CP_001", "CP_001", "CP_001", "a-1"}).Draw(t, "cp"))
	e.Instance = rapid.SampledFrom([]string{"site-7", "site-7", `a"],[\`, "ñ\u2028\n", ""}).Draw(t, "instance")
	e.Epoch = rapid.SampledFrom([]int64{1640000007340032, 1640000007340032, 1}).Draw(t, "epoch")
	e.Seq += rapid.SampledFrom([]uint64{1, 1, 1, 1, 2, 1 << 40}).Draw(t, "step")
	e.At += evcp.Stamp(rapid.SampledFrom([]int64{1_000_000, 1_000_137, 999_900, -5_000_000}).Draw(t, "later"))
	e.Latency = time.Duration(rapid.SampledFrom([]int{0, 1, 812, 1000, 3_999_999}).Draw(t, "µs")) * time.Microsecond
	switch rapid.IntRange(0, 9).Draw(t, "kind") {
	case 0:
		e.Status, e.Cause, e.Response, e.Failures = evcp.KO, evcp.SaidKO, "KO", 1
	case 1:
		e.Response = "ok"
	case 2:
		e.PrevEpoch, e.PrevSeq = 1, 2
	}
	return e
}

// Whatever is written to the file comes back byte for byte, and the view for people shows
// the same.
func TestCompactLines(t *testing.T) {
	s, err := openMemory()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	id := int64(0)
	rapid.Check(t, func(t *rapid.T) {
		e := evcp.Event{At: 1_640_000_000_006_000}
		var events []evcp.Event
		for range rapid.IntRange(1, 12).Draw(t, "events") {
			e = drawCheck(t, e)
			events = append(events, e)
			e.Failures, e.PrevEpoch, e.PrevSeq = 0, 0, 0
		}
		id++
		r := runRow{Run: Run{ID: id}}
		r.add(events)
		var lines []byte
		for i := range events {
			lines = append(events[i].AppendJSON(lines), '\n')
		}
		if got := r.appendLines(nil); !bytes.Equal(got, lines) {
			t.Fatalf("%s comes back as\n%swant\n%s", r.body, got, lines)
		}
		if r.encoder.size != len(lines) {
			t.Fatalf("%d bytes instead of %d:\n%s", r.encoder.size, len(lines), lines)
		}
		if err := s.insert(&r); err != nil {
			t.Fatal(err)
		}
		want := slices.Collect(strings.Lines(string(lines)))
		equal(t, "the view", column(t, s, fmt.Sprintf(`SELECT event || char(10) FROM events WHERE run=%d`, id)), want)
	})
}

func column(t testingT, s runStore, sql string) (all []string) {
	t.Helper()
	if err := s.Query(sql, func(p *sqlite.Stmt) error {
		all = append(all, p.ColumnText(0))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// Ten OKs of one commit take less than a twentieth of their lines.
func TestCompactSize(t *testing.T) {
	e := evcp.Event{CP: "CP_001", Instance: "site-7", Action: evcp.HealthCheck, Status: evcp.OK, Response: "OK", Epoch: 1640000007340032, Latency: 812 * time.Microsecond, At: 1_640_000_000_006_000}
	r := runRow{}
	for range 10 {
		e.Seq++
		e.At += 1_000_137
		r.add([]evcp.Event{e})
	}
	want := `["CP_001","site-7",1640000007340032,0,812,1]` + "\n[137,812]\n[274,812]\n"
	if !strings.HasPrefix(string(r.body), want) || len(r.body) > r.encoder.size/20 {
		t.Errorf("%d bytes of %d: %s", len(r.body), r.encoder.size, r.body)
	}
}

// What only looks like an array stays as it is.
func TestExpandNonsense(t *testing.T) {
	for _, body := range []string{
		"", "[]\n", "[1,2]\n", "[\"CP\",\"i\",1,x,8,5]\n", "[\"CP\",\"i\",1,0,8,5]x\n", "[\"CP\n", "[\"CP\",\"\\\n", "{\"torn", "{}\n[1,2]\n",
	} {
		if got := string(Run{body: []byte(body)}.appendLines(nil)); strings.TrimSuffix(got, "\n") != strings.TrimSuffix(body, "\n") {
			t.Errorf("%q becomes %q", body, got)
		}
	}
}
