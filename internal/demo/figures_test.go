package demo

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"evcp/internal/console/cell"
)

func TestTheSummaryIsTrue(t *testing.T) {
	well := figures{Lasted: 90 * time.Second, Checks: 495, Faults: 2, Told: 2, Cleared: 2, Lost: 1, LostTold: 1, Returned: 1, Events: 540, Arrived: 540}
	for name, c := range map[string]struct {
		change func(*figures)
		want   string
	}{
		"as it should be": {func(*figures) {}, "1m30s, 495 checks, 0 late. 2 faults and 1 lost Monitor, each told once and\n" +
			"cleared once. 0 false alarms. All 540 events reached the topic."},
		"nothing yet": {func(f *figures) { *f = figures{Lasted: 4 * time.Second, Checks: 1, Events: 1, Arrived: 1} },
			"4s, 1 check, 0 late. No fault and no lost Monitor. 0 false alarms. All 1 event\nreached the topic."},
		"in the middle": {func(f *figures) { f.Cleared, f.Returned = 1, 0 },
			"1m30s, 495 checks, 0 late. 2 faults and 1 lost Monitor, each told once; 2 not\ncleared yet. 0 false alarms. All 540 events reached the topic."},
		"one": {func(f *figures) { f.Faults, f.Told, f.Cleared, f.Lost, f.LostTold, f.Returned = 1, 1, 1, 0, 0, 0 },
			"1m30s, 495 checks, 0 late. 1 fault and 0 lost Monitors, told once and cleared\nonce. 0 false alarms. All 540 events reached the topic."},
		"one that lasts": {func(f *figures) { f.Faults, f.Told, f.Cleared, f.Lost, f.LostTold, f.Returned = 1, 1, 0, 0, 0, 0 },
			"1m30s, 495 checks, 0 late. 1 fault and 0 lost Monitors, told once, not cleared\nyet. 0 false alarms. All 540 events reached the topic."},
		"not told": {func(f *figures) { f.Told, f.FalseAlarms = 3, 1 },
			"1m30s, 495 checks, 0 late. 2 faults and 1 lost Monitor; told 3 and 1, cleared 2\nand 1. 1 false alarm. All 540 events reached the topic."},
		"late and lost": {func(f *figures) { f.Late, f.Arrived, f.Gaps = 7, 538, 2 },
			"1m30s, 495 checks, 7 late. 2 faults and 1 lost Monitor, each told once and\ncleared once. 0 false alarms. Only 538 of 540 events reached the topic."},
	} {
		f := well
		c.change(&f)
		lines := f.summary(cell.Columns - 1)
		if got := strings.Join(lines[:len(lines)-1], "\n"); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

func TestTheBannerShowsTheStory(t *testing.T) {
	want := `Every 90 s the same story:
  0:10  CP_002 answers KO            red after 3 failed checks
  0:20  CP_003 stops answering       red after 3 timeouts, at most 3.9 s
  0:30  CP_004 loses its Monitor     grey a second later
  0:40  CP_005 fails two checks      stays green: two are not three
  0:50  the broker freezes for 15 s  nothing is late, nothing is lost
  1:15  all is well again`
	if got := strings.Join(usual.lines(), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, line := range append(usual.lines(), english.banner...) {
		if n := utf8.RuneCountInString(line); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}
