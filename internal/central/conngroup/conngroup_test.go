package conngroup

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"evcp"
)

var update = flag.Bool("update", false, "write the transcripts anew instead of checking them")

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// TestTranscripts runs the files in testdata: each holds what is heard on which connection,
// and below the line what is lost.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			script, want, _ := strings.Cut(string(text), "\n----\n")
			r := newReplay()
			for n, line := range strings.Split(script, "\n") {
				if err := r.run(line); err != nil {
					t.Fatalf("%s:%d: %v", file, n+1, err)
				}
			}
			if *update {
				if err := os.WriteFile(file, []byte(script+"\n----\n"+r.out.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if got := r.out.String(); got != want {
				t.Errorf("%s gives\n%s\nwant\n%s", file, got, want)
			}
		})
	}
}

// replay runs the lines of a transcript: SECONDS CONNECTION says|beats|left|ends CP..., or
// SECONDS sources|silent|group CP...
type replay struct {
	groups Groups
	conns  map[string]*Connection
	cps    map[string]*CP
	beats  map[*CP]bool
	at     float64
	out    strings.Builder
}

func newReplay() *replay {
	return &replay{conns: map[string]*Connection{}, cps: map[string]*CP{}, beats: map[*CP]bool{}}
}

func (r *replay) now() time.Time { return noon.Add(time.Duration(r.at * float64(time.Second))) }

func (r *replay) run(line string) error {
	words := strings.Fields(line)
	if len(words) == 0 || strings.HasPrefix(line, "#") {
		return nil
	}
	at, err := strconv.ParseFloat(words[0], 64)
	if err != nil || at < r.at {
		return fmt.Errorf("time %q after %v", words[0], r.at)
	}
	for ; r.at < at; r.at = float64(int(r.at*10+1.5)) / 10 {
		r.lose()
	}
	if len(words) < 2 {
		return nil
	}
	switch words[1] {
	case "sources", "silent", "group":
		r.ask(words[1], words[2:])
		return nil
	}
	return r.send(words[1], words[2], words[3:])
}

func (r *replay) lose() {
	for _, loss := range r.groups.Lost(r.now(), time.Time{}) {
		fmt.Fprintf(&r.out, "%.1f lost %s, since %.1f\n", r.at, loss.CP.ID, loss.Ended.Sub(noon).Seconds())
	}
}

func (r *replay) ask(word string, ids []string) {
	cp := r.cps[ids[0]]
	switch word {
	case "sources":
		fmt.Fprintf(&r.out, "%.1f %s has %d sources\n", r.at, cp.ID, cp.Sources(r.now(), 15*time.Second))
	case "silent":
		r.groups.Release(cp)
	default:
		together := map[bool]string{true: "together", false: "apart"}[r.part(ids[0]) == r.part(ids[1])]
		fmt.Fprintf(&r.out, "%.1f %s and %s: %s\n", r.at, ids[0], ids[1], together)
	}
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

// part is the group of a charge point; nil: it has none.
func (r *replay) part(id string) *connectionGroup {
	switch cp := r.cps[id]; {
	case cp.orphan != nil:
		return cp.orphan.whole()
	case len(cp.sent) > 0:
		return cp.sent[0].by.part()
	}
	return nil
}

func (r *replay) send(name, word string, ids []string) error {
	c := r.conns[name]
	if c == nil {
		c = &Connection{Peer: name, Opened: r.now()}
		if host, _, many := strings.Cut(name, ":"); many {
			c.Host = host
		}
		c.Certificate, _, _ = strings.Cut(name, "-")
		if c.Certificate == name {
			c.Certificate = ""
		}
		r.conns[name] = c
	}
	if word == "ends" {
		r.groups.Ended(c, func(cp *CP) time.Duration { return time.Duration(count(r.beats[cp])) * 5 * time.Second }, r.now())
		return nil
	}
	for _, id := range ids {
		cp := r.cps[id]
		if cp == nil {
			cp = &CP{ID: evcp.CPID(id)}
			r.cps[id] = cp
		}
		switch word {
		case "says", "beats":
			r.beats[cp] = r.beats[cp] || word == "beats"
			r.groups.Heard(c, cp, word == "beats", r.now())
		case "left":
			r.groups.Left(c, cp)
		default:
			return fmt.Errorf("unknown word %q", word)
		}
	}
	return nil
}

// fleet is a Monitor with some connections, as TestFleets simulates it.
type fleet struct {
	conns []*Connection
	cps   []*CP
	home  map[*CP]int
}

// Any number of Monitors, each with some connections and charge points of its own, and
// connections that break and are replaced: nobody is lost while one charge point of a broken
// connection is heard within Grace. When a Monitor is killed, all that it had are lost Grace
// after its last connection, and nobody else.
func TestFleets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b Groups
		now := noon
		beats := func(*CP) time.Duration { return 5 * time.Second }
		fleets := make([]*fleet, rapid.IntRange(1, 4).Draw(t, "fleets"))
		for i := range fleets {
			fleets[i] = &fleet{home: map[*CP]int{}}
			f := fleets[i]
			for range rapid.IntRange(1, 5).Draw(t, "connections") {
				f.conns = append(f.conns, &Connection{Host: fmt.Sprint("10.0.0.", i), Opened: now})
			}
			for n := range rapid.IntRange(1, 12).Draw(t, "charge points") {
				cp := &CP{ID: evcp.CPID(fmt.Sprintf("CP_%d_%d", i, n))}
				f.cps, f.home[cp] = append(f.cps, cp), n%len(f.conns)
				b.Heard(f.conns[f.home[cp]], cp, false, now)
				b.Heard(f.conns[f.home[cp]], cp, true, now)
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			if lost := b.Lost(now, time.Time{}); len(lost) > 0 {
				t.Fatalf("lost %s while its Monitor lived", lost[0].CP.ID)
			}
			f := fleets[rapid.IntRange(0, len(fleets)-1).Draw(t, "fleet")]
			if rapid.Bool().Draw(t, "breaks") {
				now = breakOne(t, &b, f, now)
			} else {
				cp := f.cps[rapid.IntRange(0, len(f.cps)-1).Draw(t, "charge point")]
				b.Heard(f.conns[f.home[cp]], cp, true, now)
			}
		}
		killed := rapid.IntRange(0, len(fleets)-1).Draw(t, "killed")
		for _, c := range fleets[killed].conns {
			now = now.Add(time.Millisecond)
			b.Ended(c, beats, now)
		}
		if lost := b.Lost(now.Add(Grace-time.Millisecond*time.Duration(len(fleets[killed].conns))), time.Time{}); len(lost) > 0 {
			t.Fatalf("lost %s before the time", lost[0].CP.ID)
		}
		var lost []*CP
		for _, loss := range b.Lost(now.Add(Grace), time.Time{}) {
			lost = append(lost, loss.CP)
		}
		want := slices.Clone(fleets[killed].cps)
		slices.SortFunc(want, func(x, y *CP) int { return strings.Compare(string(x.ID), string(y.ID)) })
		if !slices.Equal(lost, want) {
			t.Fatalf("lost %d charge points, want the %d of the Monitor that was killed", len(lost), len(want))
		}
	})
}

// breakOne ends a connection and opens another in its place; one of its charge points is
// heard within Grace, on that one or on any other of the Monitor, and all later.
func breakOne(t *rapid.T, b *Groups, f *fleet, now time.Time) time.Time {
	n := rapid.IntRange(0, len(f.conns)-1).Draw(t, "connection")
	b.Ended(f.conns[n], func(*CP) time.Duration { return 5 * time.Second }, now)
	f.conns[n] = &Connection{Host: f.conns[n].Host, Opened: now}
	first := true
	for _, cp := range f.cps {
		if f.home[cp] != n {
			continue
		}
		if first {
			now = now.Add(time.Duration(rapid.IntRange(0, 999).Draw(t, "ms")) * time.Millisecond)
		} else if rapid.Bool().Draw(t, "later") {
			continue
		}
		first = false
		f.home[cp] = rapid.IntRange(0, len(f.conns)-1).Draw(t, "home")
		b.Heard(f.conns[f.home[cp]], cp, true, now)
	}
	return now
}
