package ledger

import (
	"math"
	"testing"
	"time"

	"evcp"
	"evcp/internal/history"
)

// FuzzWindows: what is taken for a month or a year is a window of at most 367 days, in any zone.
func FuzzWindows(f *testing.F) {
	f.Add("2026-10", "Europe/London")
	f.Add("2024", "America/Sao_Paulo")
	f.Add("2026-2", "")
	f.Add("9999999999999999999", "UTC")
	f.Fuzz(func(t *testing.T, text, name string) {
		zone, err := time.LoadLocation(name)
		if err != nil {
			zone = time.UTC
		}
		for _, d := range Definitions {
			from, to, err := MonthWindow(d, text, zone)
			checkWindow(t, text, from, to, err)
		}
		from, to, err := YearWindow(text, zone)
		checkWindow(t, text, from, to, err)
	})
}

func checkWindow(t *testing.T, text string, from, to evcp.Stamp, err error) {
	t.Helper()
	if length := to.Sub(from); err == nil && (from <= 0 || length < 27*24*time.Hour || length > 367*24*time.Hour) {
		t.Errorf("%q is %s to %s", text, from.Time(), to.Time())
	}
}

// FuzzExclusions: no exclusion, whatever its times, reason and names are, makes sums that do not
// hold.
func FuzzExclusions(f *testing.F) {
	const hour = int64(3_600_000_000)
	f.Add("CP_001", "", int64(0), 10*hour, "grid", int64(0))
	f.Add("", "north", int64(math.MinInt64), int64(math.MaxInt64), "maintenance", int64(math.MinInt64))
	f.Add("CP_001", "north", 5*hour, 5*hour, "=1", int64(-1))
	from := evcp.StampOf(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	f.Fuzz(func(t *testing.T, cp, site string, begin, end int64, reason string, declared int64) {
		q := asked{Question: Question{Definition: NEVI, Zone: time.UTC, From: from, To: from + evcp.Stamp(1000*hour)}, known: PortHistory{}}
		q.ports = []ChargingPort{{Name: "A", Site: "north", Lines: []PortLine{{CP: "CP_001"}}}}
		q.known["CP_001"] = WatchedCP{Segments: []history.CPSegment{
			{From: from, To: from + evcp.Stamp(500*hour), State: history.Down}, {From: from + evcp.Stamp(500*hour), To: from + evcp.Stamp(1000*hour), State: history.Unwatched},
		}}
		q.Exclusions = []Exclusion{{CP: evcp.CPID(cp), Site: site, From: evcp.Stamp(begin), To: evcp.Stamp(end), Reason: ExclusionReason(reason), Declared: evcp.Stamp(declared), Who: reason}}
		s := q.answer(Inputs{}).Network
		if s.Up+s.Down+s.Unwatched != 1000*hour || s.Excluded < 0 || s.Excluded > s.Down || pad(*s.AtWorst) > pad(*s.AtBest) {
			t.Errorf("%+v", s)
		}
	})
}
