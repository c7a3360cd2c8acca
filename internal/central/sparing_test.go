package central

import (
	"testing"
	"time"
)

func TestStrangersFillNoLog(t *testing.T) {
	var s sparing
	now := time.Now()
	said := 0
	for range 1000 {
		if _, ok := s.line(now); ok {
			said++
		}
	}
	if said != strangeLines {
		t.Errorf("%d lines in a minute", said)
	}
	if withheld, ok := s.line(now.Add(time.Minute)); !ok || withheld != 1000-strangeLines {
		t.Errorf("the next minute begins with %v, %d withheld", ok, withheld)
	}
	if withheld, ok := s.line(now.Add(time.Minute)); !ok || withheld != 0 {
		t.Errorf("they are told once: %v, %d", ok, withheld)
	}
}
