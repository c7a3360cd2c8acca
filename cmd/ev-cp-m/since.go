package main

import (
	"errors"
	"time"
)

// since is a moment as a person says it: so long ago, or a time of day. The zero
// since is the beginning.
type since struct {
	ago time.Duration
	at  time.Time
}

func (s *since) set(text string) error {
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		*s = since{ago: d}
		return nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil || at.Year() < 1970 {
		return errors.New("a time is so long ago, as 10m, or a moment, as 2026-11-24T08:00:00Z")
	}
	*s = since{at: at}
	return nil
}

func (s since) from(now time.Time) time.Time {
	if s.ago > 0 {
		return now.Add(-s.ago)
	}
	return s.at
}
