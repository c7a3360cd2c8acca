package alert

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"evcp"
	"evcp/internal/language"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

var usual = Delays{After: 30 * time.Second, DisconnectedAfter: 5 * time.Minute, Repeat: 4 * time.Hour}

// story runs the second by second decisions for a while; each step happens at its second.
type story struct {
	all   *SiteIncidents
	lines []string
}

func (s *story) run(from, to int, steps map[int]func(now time.Time)) {
	for second := from; second <= to; second++ {
		if step := steps[second]; step != nil {
			step(at(second))
		}
		for _, m := range s.all.Next(at(second)) {
			s.lines = append(s.lines, fmt.Sprintf("%d %s %s", second, m.Kind, m.Title(language.English)))
		}
	}
}

func fault(cp evcp.CPID, site string, now time.Time) CPTrouble {
	return CPTrouble{CP: cp, Kind: Faulted, Site: site, Since: now, Cause: "heartbeat_ko"}
}

func away(cp evcp.CPID, site string, now time.Time) CPTrouble {
	return CPTrouble{CP: cp, Kind: Disconnected, Site: site, Since: now, Cause: "silent"}
}

func TestStories(t *testing.T) {
	type steps = map[int]func(*SiteIncidents, time.Time)
	see := func(troubles ...func(time.Time) CPTrouble) func(*SiteIncidents, time.Time) {
		return func(all *SiteIncidents, now time.Time) {
			for _, trouble := range troubles {
				all.See(trouble(now), now)
			}
		}
	}
	faulted := func(cp evcp.CPID, site string) func(time.Time) CPTrouble {
		return func(now time.Time) CPTrouble { return fault(cp, site, now) }
	}
	lost := func(cp evcp.CPID, site string) func(time.Time) CPTrouble {
		return func(now time.Time) CPTrouble { return away(cp, site, now) }
	}
	as := func(t CPTrouble, change func(*CPTrouble)) func(*SiteIncidents, time.Time) {
		return func(all *SiteIncidents, now time.Time) { change(&t); all.See(t, now) }
	}
	well := func(cps ...evcp.CPID) func(*SiteIncidents, time.Time) {
		return func(all *SiteIncidents, now time.Time) {
			for _, cp := range cps {
				all.Clear(cp, Faulted, now)
				all.Clear(cp, Disconnected, now)
			}
		}
	}
	tests := []struct {
		name  string
		until int
		steps steps
		want  []string
	}{
		{"one fault, one recovery", 900, steps{0: see(faulted("A", "North")), 600: well("A")},
			[]string{"30 opened North: A faulted: says KO", "630 recovered North: A well again, after 10m0s"}},
		{"what ends before the delay wakes nobody", 900, steps{0: see(faulted("A", "")), 29: well("A")}, nil},
		{"a site that fails one by one is one message", 900, steps{
			0: see(faulted("A", "North")), 10: see(faulted("B", "North")), 25: see(faulted("C", "North")), 600: well("A", "B"), 610: well("C"),
		}, []string{"30 opened North: 3 charge points faulted", "640 recovered North: 3 charge points well again, after 10m10s"}},
		{"two sites are two", 100, steps{0: see(faulted("A", "North"), faulted("B", "South"))},
			[]string{"30 opened North: A faulted: says KO", "30 opened South: B faulted: says KO"}},
		{"five sites are five", 100, steps{0: see(faulted("A", "1"), faulted("B", "2"), faulted("C", "3"), faulted("D", "4"), faulted("E", "5"))},
			[]string{"30 opened 1: A faulted: says KO", "30 opened 2: B faulted: says KO", "30 opened 3: C faulted: says KO", "30 opened 4: D faulted: says KO", "30 opened 5: E faulted: says KO"}},
		{"more sites at once are one message, and one recovery", 900, steps{
			0: see(faulted("A", "1"), faulted("B", "2"), faulted("C", "3")), 20: see(faulted("D", "4"), faulted("E", ""), faulted("F", "6"), faulted("G", "6"), lost("H", "7")),
			200: well("A", "B", "C", "H"), 300: well("D", "E", "F", "G"),
		}, []string{"30 opened 6 sites: 7 charge points faulted", "330 recovered 6 sites: 7 charge points well again, after 5m0s"}},
		{"a site that fails after many is told for itself", 100, steps{
			0: see(faulted("A", "1"), faulted("B", "2"), faulted("C", "3"), faulted("D", "4"), faulted("E", "5"), faulted("F", "6")), 40: see(faulted("G", "7")),
		}, []string{"30 opened 6 sites: 6 charge points faulted", "70 opened 7: G faulted: says KO"}},
		{"many sites one after the other are many", 400, steps{
			0: see(faulted("A", "1")), 60: see(faulted("B", "2")), 120: see(faulted("C", "3")), 180: see(faulted("D", "4")), 240: see(faulted("E", "5")), 300: see(faulted("F", "6")),
		}, []string{"30 opened 1: A faulted: says KO", "90 opened 2: B faulted: says KO", "150 opened 3: C faulted: says KO",
			"210 opened 4: D faulted: says KO", "270 opened 5: E faulted: says KO", "330 opened 6: F faulted: says KO"}},
		{"one that fails later has a message of its own", 700, steps{0: see(faulted("A", "North")), 300: see(faulted("B", "North")), 600: well("A", "B")},
			[]string{"30 opened North: A faulted: says KO", "330 opened North: B faulted: says KO",
				"630 recovered North: A well again, after 10m0s", "630 recovered North: B well again, after 5m0s"}},
		{"one that fails again at once goes on", 900, steps{0: see(faulted("A", "")), 100: well("A"), 120: see(faulted("A", "")), 300: well("A")},
			[]string{"30 opened A faulted: says KO", "330 recovered A well again, after 5m0s"}},
		{"one that fails again while others last is told anew", 900, steps{
			0: see(faulted("A", "N"), faulted("B", "N")), 100: well("A"), 300: see(faulted("A", "N")), 600: well("A", "B"),
		}, []string{"30 opened N: 2 charge points faulted", "330 opened N: A faulted: says KO",
			"630 recovered N: 2 charge points well again, after 10m0s", "630 recovered N: A well again, after 5m0s"}},
		{"a trouble that is well for a moment begins anew", 60, steps{0: see(faulted("A", "")), 20: see(faulted("A", ""))},
			[]string{"50 opened A faulted: says KO"}},
		{"a disconnection has its own delay", 900, steps{0: see(lost("A", "")), 600: well("A")},
			[]string{"300 opened A disconnected: no sign of life of its Monitor", "630 recovered A heard again, after 10m0s"}},
		{"faults and disconnections of a site are two incidents", 400, steps{0: see(lost("A", "N"), faulted("B", "N"))},
			[]string{"30 opened N: B faulted: says KO", "300 opened N: A disconnected: no sign of life of its Monitor"}},
		{"again after four hours, and after four more", 30_000, steps{0: see(faulted("A", ""))},
			[]string{"30 opened A faulted: says KO", "14430 repeated A still faulted, for 4h1m", "28830 repeated A still faulted, for 8h1m"}},
		{"what somebody has taken is not repeated", 30_000, steps{0: see(faulted("A", "")), 100: as(fault("A", "", at(0)), func(t *CPTrouble) { t.Owner = "ana" })},
			[]string{"30 opened A faulted: says KO"}},
		{"what is let go is", 30_000, steps{
			0: see(faulted("A", "")), 100: as(fault("A", "", at(0)), func(t *CPTrouble) { t.Owner = "ana" }), 20_000: as(fault("A", "", at(0)), func(*CPTrouble) {}),
		}, []string{"30 opened A faulted: says KO", "20000 repeated A still faulted, for 5h33m"}},
		{"nothing begins in maintenance; what is true at its end is told", 2000, steps{
			0: as(fault("A", "", at(0)), func(t *CPTrouble) { t.Quiet = true }), 1000: as(fault("A", "", at(0)), func(*CPTrouble) {}),
		}, []string{"1030 opened A faulted: says KO"}},
		{"a fault that ends in maintenance is nothing", 2000, steps{0: as(fault("A", "", at(0)), func(t *CPTrouble) { t.Quiet = true }), 500: well("A")}, nil},
		{"nothing is repeated in maintenance", 30_000, steps{0: see(faulted("A", "")), 100: as(fault("A", "", at(0)), func(t *CPTrouble) { t.Quiet = true })},
			[]string{"30 opened A faulted: says KO"}},
		{"a recovery in maintenance is told", 1000, steps{0: see(faulted("A", "")), 100: as(fault("A", "", at(0)), func(t *CPTrouble) { t.Quiet = true }), 500: well("A")},
			[]string{"30 opened A faulted: says KO", "530 recovered A well again, after 8m20s"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			s := &story{all: NewSiteIncidents(usual, nil, noon)}
			bound := map[int]func(time.Time){}
			for second, step := range tc.steps {
				bound[second] = func(now time.Time) { step(s.all, now) }
			}
			s.run(0, tc.until, bound)
			if got, want := strings.Join(s.lines, "\n"), strings.Join(tc.want, "\n"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// After a restart what was told is not told again, and ends with one recovery; one that was
// forgotten meanwhile ends too.
func TestRestart(t *testing.T) {
	before := &story{all: NewSiteIncidents(usual, nil, noon)}
	both := func(now time.Time) {
		before.all.See(fault("A", "N", now), now)
		before.all.See(fault("B", "N", now), now)
	}
	before.run(0, 60, map[int]func(time.Time){0: both})
	after := &story{all: NewSiteIncidents(usual, before.all.Open(), at(61))}
	after.run(61, 900, map[int]func(time.Time){
		61:  func(now time.Time) { after.all.See(fault("A", "N", at(0)), now) },
		600: func(now time.Time) { after.all.Clear("A", Faulted, now) },
	})
	if got := strings.Join(append(before.lines, after.lines...), "\n"); got != "30 opened N: 2 charge points faulted\n630 recovered N: 2 charge points well again, after 10m0s" {
		t.Errorf("got\n%s", got)
	}
	if open := after.all.Open(); len(open) != 0 || len(after.all.members) != 0 || len(after.all.troubles) != 0 {
		t.Errorf("kept %v, %v, %v", open, after.all.members, after.all.troubles)
	}
}

// What was not told before a restart waits for its delay from then: its Monitor may say at once
// that it is over.
func TestRestartBeforeTelling(t *testing.T) {
	s := &story{all: NewSiteIncidents(usual, nil, at(600))}
	s.run(600, 900, map[int]func(time.Time){
		600: func(now time.Time) {
			s.all.See(fault("A", "N", at(0)), now)
			s.all.See(fault("B", "N", at(0)), now)
		},
		605: func(now time.Time) { s.all.Clear("A", Faulted, now) },
	})
	if got := strings.Join(s.lines, "\n"); got != "630 opened N: B faulted: says KO" {
		t.Errorf("got\n%s", got)
	}
}

// Ten thousand that fail and recover together cost little, and the message stays small.
func TestTenThousand(t *testing.T) {
	all := NewSiteIncidents(usual, nil, noon)
	for n := range 10_000 {
		all.See(fault(evcp.CPID(fmt.Sprintf("CP_%d", n)), "", at(0)), at(0))
	}
	messages := all.Next(at(30))
	if len(messages) != 1 {
		t.Fatalf("%d messages", len(messages))
	}
	m := messages[0]
	body := m.Body(Locale{Zone: time.UTC})
	if m.Total != 10_000 || len(m.Members) != maxListed || len(body) > 32<<10 || m.Members[1].CP != "CP_1" {
		t.Errorf("%d of %d in %d bytes, then %s", len(m.Members), m.Total, len(body), m.Members[1].CP)
	}
	if text := m.Text(language.English, time.UTC); !strings.HasSuffix(text, "CP_9, 9990 more") {
		t.Error(text)
	}
	for n := range 10_000 {
		all.Clear(evcp.CPID(fmt.Sprintf("CP_%d", n)), Faulted, at(40))
	}
	if messages := all.Next(at(70)); len(messages) != 1 || messages[0].Kind != Recovered {
		t.Errorf("%d messages", len(messages))
	}
}
