package central

import (
	"testing"
	"time"
)

func TestStrangersFillNoLog(t *testing.T) {
	var s rateLimiter
	now := time.Now()
	said := 0
	for range 1000 {
		if _, ok := s.allow(now); ok {
			said++
		}
	}
	if said != warningsPerMinute {
		t.Errorf("%d lines in a minute", said)
	}
	if withheld, ok := s.allow(now.Add(time.Minute)); !ok || withheld != 1000-warningsPerMinute {
		t.Errorf("the next minute begins with %v, %d withheld", ok, withheld)
	}
	if withheld, ok := s.allow(now.Add(time.Minute)); !ok || withheld != 0 {
		t.Errorf("they are told once: %v, %d", ok, withheld)
	}
}
