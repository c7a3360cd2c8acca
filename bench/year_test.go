package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"evcp/internal/ledger"
	"evcp/internal/testbed"
)

// minuteMicros is a minute, in microseconds.
const minuteMicros = int64(time.Minute / time.Microsecond)

// TestKnownYear: 3.5 million events of 100 charge points, in two orders, and the reports of the
// program that an operator runs. Computed by hand, in minutes of the 525,600 of the year:
//
//	charge point n   down 12 months x n x 15 = 180 n; unwatched 7 x 1,440 = 10,080 where n ends with 7
//	all 100          down 180 x (0 + … + 99) = 180 x 4,950 = 891,000; unwatched 10 x 10,080 = 100,800
//	the UK's 50      (n from 50 on) down 180 x 3,725 = 670,500; unwatched 5 x 10,080 = 50,400
//
//	nevi    n = 86: (525,600 - 15,480) / 525,600 = 97.0547…, more than 97
//	        n = 88: (525,600 - 15,840) / 525,600 = 96.9863…
//	        n = 87: at best 97.0205…, at worst (525,600 - 15,660 - 10,080) / 525,600 = 95.1027…
//	        network: at worst (52,560,000 - 991,800) / 52,560,000 = 98.1130…, at best 98.3047…
//	uk      26,280,000 in all: at best 25,609,500 / 26,280,000 = 97.4486…, at worst
//	        25,559,100 / 26,280,000 = 97.2568…, strict 25,559,100 / 26,229,600 = 97.4437…
//	plain   51,568,200 / (51,568,200 + 891,000) = 98.3015…
func TestKnownYear(t *testing.T) {
	bin, err := testbed.Build("evcp/bench") // without the race detector, which would take a minute
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(bin, "bench")
	var writing sync.WaitGroup
	dirs := map[string]string{"forwards": t.TempDir(), "backwards": t.TempDir()}
	for order, dir := range dirs {
		writing.Go(func() {
			if out, err := exec.Command(program, "year", dir, "known", order).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	writing.Wait()
	ports := filepath.Join(t.TempDir(), "ports.csv")
	text := "cp_id,power_kw\n"
	for n := range 100 {
		text += fmt.Sprintf("%s,%d\n", cpName(n), map[bool]int{true: 50, false: 22}[n >= 50])
	}
	if err := os.WriteFile(ports, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	report := func(order string, d ledger.Definition) string {
		stdout, stderr, code := testbed.RunProcess(t, testbed.Built(t, "ev-central", "report", "--definition", string(d), "--year", "2026",
			"--ports", ports, "--format", "json", "--state-dir", dirs[order]))
		if code != 0 {
			t.Fatalf("%s: exit %d, %s", d, code, stderr)
		}
		return stdout
	}
	answers := map[ledger.Definition]ledger.Uptime{}
	for _, d := range ledger.Definitions {
		text := report("forwards", d)
		if other := report("backwards", d); other != text {
			t.Errorf("%s: in another order\n%s\nwant\n%s", d, other, text)
		}
		var u ledger.Uptime
		if err := json.Unmarshal([]byte(text), &u); err != nil {
			t.Fatal(err)
		}
		answers[d] = u
		for _, p := range u.Ports {
			n := 0
			if _, err := fmt.Sscanf(p.CP, "CP_%d", &n); err != nil {
				t.Fatal(err)
			}
			down, unwatched := int64(180*n), int64(0)
			if n%10 == 7 {
				unwatched = 10_080
			}
			if p.Down != down*minuteMicros || p.Unwatched != unwatched*minuteMicros || p.Up != (525_600-down-unwatched)*minuteMicros || len(p.Outages) != min(n, 1)*12 {
				t.Errorf("%s of %s: up %d, down %d, unwatched %d us in %d outages", p.CP, d, p.Up, p.Down, p.Unwatched, len(p.Outages))
			}
		}
	}
	percentages := func(s ledger.Sums) string {
		text := *s.Percent + " " + *s.AtWorst + " " + *s.AtBest
		if s.PercentStrict != nil {
			text += " " + *s.PercentStrict
		}
		if s.Meets == nil {
			return text + " –"
		}
		return fmt.Sprint(text, " ", *s.Meets)
	}
	nevi, uk, plain := answers[ledger.NEVI], answers[ledger.UK], answers[ledger.Plain]
	if len(nevi.Ports) != 100 || len(uk.Ports) != 50 || len(plain.Ports) != 100 {
		t.Fatalf("%d, %d and %d ports", len(nevi.Ports), len(uk.Ports), len(plain.Ports))
	}
	for _, c := range []struct {
		what string
		of   ledger.Sums
		want string
	}{
		{"nevi 0", nevi.Ports[0].Sums, "100.000 100.000 100.000 true"},
		{"nevi 7", nevi.Ports[7].Sums, "97.842 97.842 99.760 true"},
		{"nevi 86", nevi.Ports[86].Sums, "97.054 97.054 97.054 true"},
		{"nevi 87", nevi.Ports[87].Sums, "95.102 95.102 97.020 –"},
		{"nevi 88", nevi.Ports[88].Sums, "96.986 96.986 96.986 false"},
		{"nevi 99", nevi.Ports[99].Sums, "96.609 96.609 96.609 false"},
		{"nevi network", nevi.Network, "98.113 98.113 98.304 true"},
		{"uk network", uk.Network, "97.448 97.256 97.448 97.443 false"},
		{"plain 87", plain.Ports[87].Sums, "96.962 95.102 97.020 –"},
		{"plain network", plain.Network, "98.301 98.113 98.304 –"},
	} {
		if got := percentages(c.of); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	if u := nevi.Network; u.Down != 891_000*minuteMicros || u.Unwatched != 100_800*minuteMicros {
		t.Errorf("nevi network: down %d, unwatched %d us", u.Down, u.Unwatched)
	}
	if u := uk.Network; u.Down != 670_500*minuteMicros || u.Unwatched != 50_400*minuteMicros {
		t.Errorf("uk network: down %d, unwatched %d us", u.Down, u.Unwatched)
	}
	if nevi.Inputs.Segments != plain.Inputs.Segments || nevi.Inputs.Gaps != 0 {
		t.Errorf("inputs %+v and %+v", nevi.Inputs, plain.Inputs)
	}
}
