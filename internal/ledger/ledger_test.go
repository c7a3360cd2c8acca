package ledger

import (
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"evcp"
	"evcp/internal/history"
)

// TestJSON holds the form that other programs read, byte for byte.
func TestJSON(t *testing.T) {
	q := vector(t, `
definition nevi
month 2026-10
ports
cp_id,site
CP_001,north

CP_001 2025-10-01 2026-02-01 up
CP_001 2026-02-01 2026-02-02 down refused
CP_001 2026-02-02 2026-11-01 up
exclude CP_001 2026-02-01 2026-02-01T00:06 grid 2026-02-03
`)
	u := q.answer(Inputs{Topic: "monitor-events", Offsets: Offsets{10: 7, 0: 123}, Annotation: 1, Version: "1.2.3"})
	text, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"definition":"nevi","from":"2025-11-01T00:00:00Z","to":"2026-11-01T00:00:00Z","zone":"UTC","ports":[` +
		`{"cp_id":"CP_001","site":"north","up_us":31449600000000,"down_us":86400000000,"unwatched_us":0,"excluded_us":360000000,` +
		`"percent":"99.727","at_worst":"99.727","at_best":"99.727","meets":true,"young":false,` +
		`"outages":[{"from":"2026-02-01T00:00:00Z","to":"2026-02-02T00:00:00Z","us":86400000000,"cause":"refused","incident_id":"CP_001-1-2","excluded_us":360000000}]}],` +
		`"network":{"up_us":31449600000000,"down_us":86400000000,"unwatched_us":0,"excluded_us":360000000,"percent":"99.727","at_worst":"99.727","at_best":"99.727","meets":true},` +
		`"inputs":{"topic":"monitor-events","offsets":{"0":123,"10":7},"annotation":1,"gaps":0,"version":"1.2.3","tzdata":"UTC","segments_sha256":"` + u.Inputs.Segments +
		`","exclusions_sha256":"` + u.Inputs.Exclusions + `","ports_sha256":"` + u.Inputs.Ports + `"},"notes":["Whether a charger is online to its own back end is not observed."]}`
	if string(text) != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

// TestShares compares the arithmetic with that of math/big.
func TestShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole := rapid.Int64Range(1, 1<<62).Draw(t, "whole")
		s := share{rapid.Int64Range(0, whole).Draw(t, "part"), whole}
		exact := new(big.Int).Mul(big.NewInt(s.part), big.NewInt(100_000))
		exact.Quo(exact, big.NewInt(whole))
		if want := fmt.Sprintf("%d.%03d", exact.Int64()/1000, exact.Int64()%1000); *s.percent() != want {
			t.Errorf("%d / %d: %s, want %s", s.part, whole, *s.percent(), want)
		}
		percent := rapid.Uint64Range(0, 100).Draw(t, "percent")
		want := new(big.Rat).SetFrac64(s.part, whole).Cmp(new(big.Rat).SetFrac64(int64(percent), 100))
		if got := s.compare(percent); got != want {
			t.Errorf("%d / %d against %d %%: %d, want %d", s.part, whole, percent, got, want)
		}
	})
}

// TestSumsHold: whatever the segments, exclusions and definition are, up, down and unwatched
// fill the window, what is excluded is a part of what is down, and the bounds are bounds.
func TestSumsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const hour = evcp.Stamp(3_600_000_000)
		from := evcp.StampOf(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		q := asked{Question: Question{Definition: rapid.SampledFrom(Definitions).Draw(t, "definition"), Zone: time.UTC, From: from, To: from + 1000*hour}, known: PortHistory{}}
		q.ports = []ChargingPort{{Name: "A", Lines: []PortLine{{CP: "CP_001", Commissioned: from}}, Watts: 60_000, Public: true}}
		var h WatchedCP
		for at := evcp.Stamp(0); at < 1100; {
			next := at + evcp.Stamp(rapid.IntRange(1, 200).Draw(t, "hours"))
			state := rapid.SampledFrom([]history.SegmentState{history.Up, history.Down, history.Unwatched}).Draw(t, "state")
			h.Segments = append(h.Segments, history.CPSegment{From: from + (at-50)*hour, To: from + (next-50)*hour, State: state})
			at = next
		}
		q.known["CP_001"] = h
		for range rapid.IntRange(0, 5).Draw(t, "exclusions") {
			begin := from + evcp.Stamp(rapid.IntRange(-100, 1100).Draw(t, "begin"))*hour
			q.Exclusions = append(q.Exclusions, Exclusion{CP: "CP_001", From: begin, To: begin + evcp.Stamp(rapid.IntRange(-5, 300).Draw(t, "length"))*hour, Reason: Grid})
		}
		s := q.answer(Inputs{}).Network
		if s.Up+s.Down+s.Unwatched != int64(1000*hour) {
			t.Errorf("up %d, down %d, unwatched %d do not fill the window", s.Up, s.Down, s.Unwatched)
		}
		var outages int64
		for _, o := range q.answer(Inputs{}).Ports[0].Outages {
			outages += o.Micros
		}
		if s.Excluded > s.Down || outages != s.Down || q.Definition != NEVI && s.Excluded != 0 {
			t.Errorf("excluded %d, down %d, outages %d", s.Excluded, s.Down, outages)
		}
		if pad(*s.AtWorst) > pad(*s.AtBest) {
			t.Errorf("at worst %s, at best %s", *s.AtWorst, *s.AtBest)
		}
	})
}

func pad(percent string) string { return strings.Repeat("0", 8-len(percent)) + percent }

// TestPortErrors: each error names the line and what is allowed.
func TestPortErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "line 1: the columns are",
		"cp":                                  "line 1: no column is called",
		"port":                                "cp_id is missing",
		"cp_id\nC P":                          "line 2: cp_id:",
		"cp_id\nA,B":                          "line 2: 2 cells, and 1 columns",
		"cp_id,power_kw\nA,lots":              "a power is 50 or 7.4",
		"cp_id,public\nA,maybe":               "it is yes or no",
		"cp_id,hours\nA,always":               `hours are "24/7"`,
		"cp_id,hours\nA,Mo 20:00-08:00":       `hours are "24/7"`,
		"cp_id,commissioned\nA,yesterday":     "a date is 2026-10-31",
		"cp_id\nA\nA":                         "A stands in two lines",
		"port,cp_id\nP,A\nP,B":                "port P: A is not decommissioned when B is commissioned",
		"port,cp_id,site\nP,A,x\nP,B,y":       "another site",
		"cp_id,site\nA,\"x":                   "line",
		"cp_id,name\nA,\x1b[2J":               "can't hold what is not shown",
		"cp_id,country\nA,ES":                 "alpha-3",
		"cp_id,latitude\nA,91":                "from -90 to 90",
		"cp_id,longitude\nA,1e2":              "decimal degrees",
		"cp_id,longitude\nA,NaN":              "decimal degrees",
		"cp_id,time_zone\nA,Mars/Olympus":     `line 2: time_zone: "Mars/Olympus": a time zone is a name as Europe/Madrid`,
		"cp_id,time_zone\nA,Local":            "as Europe/Madrid",
		"cp_id,time_zone\nA,../../etc/passwd": "as Europe/Madrid",
		"cp_id,connector_standard\nA,\nB,CCS": `line 3: connector_standard: "CCS": it is one of CHADEMO, CHAOJI,`,
		"cp_id,connector_format\nA,cable":     `line 2: connector_format: "cable": it is one of SOCKET, CABLE`,
		"cp_id,power_type\nA,AC":              "it is one of AC_1_PHASE, AC_2_PHASE, AC_2_PHASE_SPLIT, AC_3_PHASE, DC",
		"cp_id,max_voltage\nA,400 V":          `line 2: max_voltage: "400 V": a whole number of V, from 1 to 9999`,
		"cp_id,max_amperage\nA,0":             "a whole number of A, from 1 to 9999",
		"cp_id,evse_id\nA,1":                  `line 2: evse_id: "1": an EVSE id is as ES*ABC*E0001`,
		"cp_id,evse_id\nA,ES*ABC*1":           "as ES*ABC*E0001",
		"cp_id,evse_id\nA,ES*ABC*E<b>":        "as ES*ABC*E0001",
		"port,cp_id,decommissioned,power_type\nP,A,2026-01-01,DC\nP,B,,AC_1_PHASE": "line 3: port P has another evse_id, connector_standard,",
		"cp_id,commissioned,decommissioned\nA,2026-02-01,2026-01-01":               "it must be after commissioned",
	} {
		if _, err := ParsePorts([]byte(text), time.UTC); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func FuzzParsePorts(f *testing.F) {
	f.Add([]byte("port,cp_id,commissioned,decommissioned,site,power_kw,public,hours\nA,CP_001,2026-01-01,,north,50,yes,Mo-Fr 08:00-20:00; Sa 09:00-13:00\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		ports, err := ParsePorts(data, time.UTC)
		for _, p := range ports {
			if err == nil && (p.Name == "" || len(p.Lines) == 0 || p.Watts < 0) {
				t.Errorf("%+v", p)
			}
			p.Hours.open(interval{1_700_000_000_000_000, 1_700_600_000_000_000}, time.UTC)
		}
		if err != nil {
			return
		}
		lines, _ := ReadPortCells(data)
		again, err := ParsePorts(WritePortCells(lines), time.UTC)
		if err != nil || !reflect.DeepEqual(again, ports) {
			t.Errorf("written and read again: %v, %+v; were %+v", err, again, ports)
		}
	})
}

// TestAllWrongLinesAreTold: each wrong line of a file of ports is told at once, with its number.
func TestAllWrongLinesAreTold(t *testing.T) {
	for text, want := range map[string]string{
		"cp_id,power_kw\nCP_1,lots\nCP_2,50\nCP_3,many\n":   `line 2: power_kw: "lots": a power is 50 or 7.4, in kW; line 4: power_kw: "many": a power is 50 or 7.4, in kW`,
		"cp_id,power_kw\nCP_1\nCP_2,50\nCP_3,1,2\n":         "line 2: 1 cells, and 2 columns; line 4: 3 cells, and 2 columns",
		"cp_id,power_kw\n" + strings.Repeat("CP_1,x\n", 25): "; and 5 more lines are wrong",
	} {
		if _, err := ParsePorts([]byte(text), time.UTC); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
