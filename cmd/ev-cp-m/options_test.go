package main

import (
	"testing"
	"time"
)

func TestSince(t *testing.T) {
	now := time.Date(2026, 11, 24, 9, 30, 0, 0, time.Local)
	day := func(d, hour, minute, second int) time.Time {
		return time.Date(2026, 11, d, hour, minute, second, 0, time.Local)
	}
	for text, want := range map[string]time.Time{
		"10m": now.Add(-10 * time.Minute), "0s": {}, "26h": now.Add(-26 * time.Hour),
		"08:00": day(24, 8, 0, 0), "08:00:07": day(24, 8, 0, 7), "9:30": day(24, 9, 30, 0),
		"23:15":               day(23, 23, 15, 0), // still to come today, so it was yesterday's
		"2026-11-20 08:00:01": day(20, 8, 0, 1), "2026-11-20 08:00": day(20, 8, 0, 0), "2026-11-20": day(20, 0, 0, 0),
		"2026-11-20T08:00":     day(20, 8, 0, 0),
		"2026-11-24T08:00:00Z": time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC), "2026-11-24T08:00:00.25+01:00": time.Date(2026, 11, 24, 7, 0, 0, 250e6, time.UTC),
	} {
		if got, err := parseSince(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s is %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "-5m", "25:00", "08:60", "10", "1969-12-31", "2026-13-01"} {
		if _, err := parseSince(text, now); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
