package main

import (
	"errors"
	"time"
)

// since is a moment as a person says it: so long ago, a moment, or a time of day.
// The zero since is the beginning.
type since struct {
	ago   time.Duration
	at    time.Time
	clock bool // at is a time of day
}

// moments are the ways to write one; without a zone it is local, as the answers
// of the commands are.
var moments = []string{time.RFC3339, time.DateTime, "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly}

var clocks = []string{time.TimeOnly, "15:04"}

func (s *since) set(text string) error {
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		*s = since{ago: d}
		return nil
	}
	for _, layout := range moments {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil && at.Year() >= 1970 {
			*s = since{at: at}
			return nil
		}
	}
	for _, layout := range clocks {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			*s = since{at: at, clock: true}
			return nil
		}
	}
	return errors.New(`a time is so long ago, as 10m, or a moment, as 08:00, "2026-11-24 08:00" or 2026-11-24T08:00:00Z`)
}

// from is the moment; a time of day that is still to come was yesterday's.
func (s since) from(now time.Time) time.Time {
	switch {
	case s.ago > 0:
		return now.Add(-s.ago)
	case !s.clock:
		return s.at
	}
	year, month, day := now.Date()
	at := time.Date(year, month, day, s.at.Hour(), s.at.Minute(), s.at.Second(), 0, now.Location())
	if at.After(now) {
		at = time.Date(year, month, day-1, s.at.Hour(), s.at.Minute(), s.at.Second(), 0, now.Location())
	}
	return at
}
