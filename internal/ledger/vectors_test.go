package ledger

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine

	"evcp"
	"evcp/internal/history"
)

// vector is one file of testdata: a question, and below the line the answer that was
// computed by hand.
//
//	definition nevi | uk | plain
//	month 2026-10 | year 2026 | until TIME
//	zone Europe/London
//	ports                                  the lines of the file of ports, until an empty line
//	CP_001 FROM TO up|down|unwatched [cause] [epoch-seq]
//	exclude CP_001|site=NAME FROM TO REASON DECLARED
func vector(t *testing.T, text string) asked {
	t.Helper()
	q := asked{Question: Question{Zone: time.UTC}, known: PortHistory{}}
	var ports []string
	inPorts := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		words := strings.Fields(line)
		switch {
		case inPorts && line != "":
			ports = append(ports, line)
		case line == "" || words[0] == "#":
			inPorts = false
		case words[0] == "ports":
			inPorts = true
		default:
			setVector(t, &q, words)
		}
	}
	if ports == nil {
		q.ports = []ChargingPort{PortOf("CP_001", "")}
		return q
	}
	var err error
	if q.ports, err = ParsePorts([]byte(strings.Join(ports, "\n")), q.Zone); err != nil {
		t.Fatal(err)
	}
	return q
}

func setVector(t *testing.T, q *asked, words []string) {
	t.Helper()
	var err error
	switch words[0] {
	case "definition":
		q.Definition = Definition(words[1])
	case "zone":
		q.Zone, err = time.LoadLocation(words[1])
	case "month":
		q.From, q.To, err = MonthWindow(q.Definition, words[1], q.Zone)
	case "year":
		q.From, q.To, err = YearWindow(words[1], q.Zone)
	case "until":
		q.To = when(t, words[1], q.Zone)
	case "offline-is-outage":
		q.OfflineIsOutage = true
	case "exclude":
		e := Exclusion{ID: int64(len(q.Exclusions)) + 1, From: when(t, words[2], q.Zone), To: when(t, words[3], q.Zone), Declared: when(t, words[5], q.Zone), Who: "ana"}
		if site, ok := strings.CutPrefix(words[1], "site="); ok {
			e.Site = site
		} else {
			e.CP = evcp.CPID(words[1])
		}
		if e.Reason = ExclusionReason(words[4]); !slices.Contains(ExclusionReasons, e.Reason) {
			t.Fatalf("a reason is one of %v", ExclusionReasons)
		}
		q.Exclusions = append(q.Exclusions, e)
	default:
		cp := evcp.CPID(words[0])
		h := q.known[cp]
		from, to := when(t, words[1], q.Zone), when(t, words[2], q.Zone)
		if words[3] == "offline" {
			h.Offline = append(h.Offline, history.Element{Kind: history.Offline, From: from, To: to})
			q.known[cp] = h
			return
		}
		s := history.CPSegment{From: from, To: to, State: history.SegmentState(words[3])}
		if len(words) > 4 {
			s.Cause = words[4]
		}
		if s.State == history.Down {
			s.Incident = evcp.EventID{Epoch: 1, Seq: uint64(len(h.Segments) + 1)}
		}
		h.Segments = append(h.Segments, s)
		q.known[cp] = h
	}
	if err != nil {
		t.Fatal(words, err)
	}
}

// when reads 2026-10-25 or 2026-10-25T01:30, or +72m after the one before a plus sign.
func when(t *testing.T, text string, zone *time.Location) evcp.Stamp {
	t.Helper()
	base, plus, _ := strings.Cut(text, "+")
	at, err := time.ParseInLocation("2006-01-02T15:04:05", (base + "T00:00:00")[:min(len(base)+9, 19)], zone)
	if err != nil {
		at, err = time.ParseInLocation("2006-01-02T15:04", base, zone)
	}
	if err != nil {
		t.Fatal(text, err)
	}
	if plus != "" {
		d, err := time.ParseDuration(plus)
		if err != nil {
			t.Fatal(text, err)
		}
		at = at.Add(d)
	}
	return evcp.StampOf(at)
}

// shown is an answer as a vector has it.
func shown(u Uptime) string {
	var b strings.Builder
	row := func(name string, s Sums, young bool) {
		span := func(us int64) time.Duration { return time.Duration(us) * time.Microsecond }
		fmt.Fprintf(&b, "%s up=%s down=%s unwatched=%s excluded=%s percent=%s worst=%s best=%s", name,
			span(s.Up), span(s.Down), span(s.Unwatched), span(s.Excluded), text(s.Percent), text(s.AtWorst), text(s.AtBest))
		if s.PercentStrict != nil {
			fmt.Fprintf(&b, " strict=%s", *s.PercentStrict)
		}
		if s.Offline > 0 {
			fmt.Fprintf(&b, " offline=%s", span(s.Offline))
		}
		meets := "null"
		if s.Meets != nil {
			meets = fmt.Sprint(*s.Meets)
		}
		fmt.Fprintf(&b, " meets=%s", meets)
		if young {
			b.WriteString(" young")
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s to %s\n", u.From, u.To)
	for _, p := range u.Ports {
		row(p.Port(), p.Sums, p.Young)
		for _, o := range p.Outages {
			fmt.Fprintf(&b, "  %s %s %s %s %s excluded=%s %s\n", o.From, o.To, time.Duration(o.Micros)*time.Microsecond, o.Cause, o.Incident, time.Duration(o.Excluded)*time.Microsecond, o.ExcludedBy)
		}
	}
	row("network", u.Network, false)
	return b.String()
}

func text(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

// asked is a question with the ports and their history.
type asked struct {
	Question
	ports []ChargingPort
	known PortHistory
}

func (a asked) answer(in Inputs) Uptime {
	c := a.Begin()
	for _, p := range a.ports {
		c.Add(p, a.known)
	}
	return c.End(in)
}

func TestVectors(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 14 {
		t.Fatalf("%d vectors, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in, want, _ := strings.Cut(string(content), "----\n")
			got := shown(vector(t, in).answer(Inputs{}))
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(file, []byte(in+"----\n"+got), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if strings.TrimSpace(got) != strings.TrimSpace(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}
