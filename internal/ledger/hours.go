package ledger

import (
	"fmt"
	"strings"
	"time"

	"evcp"
	"evcp/internal/language"
)

// OpeningHours is when a port can be reached: for each day of the week, from Sunday, the
// minutes of the day. The zero OpeningHours is always.
type OpeningHours struct {
	limited bool
	days    [7][]minutes
}

// minutes are those of one day, from midnight; to may be 1440.
type minutes struct{ from, to int }

var errHours = language.Coded("hours")

var dayNames = []string{"Su", "Mo", "Tu", "We", "Th", "Fr", "Sa"}

// ParseHours reads opening hours: "" and "24/7" are always.
func ParseHours(text string) (h OpeningHours, err error) {
	if text == "" || text == "24/7" {
		return h, nil
	}
	h.limited = true
	for part := range strings.SplitSeq(text, ";") {
		days, hours, found := strings.Cut(strings.TrimSpace(part), " ")
		if !found {
			return h, errHours
		}
		from, to, err := parseDays(days)
		if err != nil {
			return h, err
		}
		m, err := parseMinutes(strings.TrimSpace(hours))
		if err != nil {
			return h, err
		}
		for day := from; ; day = (day + 1) % 7 {
			h.days[day] = append(h.days[day], m)
			if day == to {
				break
			}
		}
	}
	return h, nil
}

func parseDays(text string) (from, to int, err error) {
	first, last, several := strings.Cut(text, "-")
	if !several {
		last = first
	}
	from, to = -1, -1
	for i, name := range dayNames {
		if name == first {
			from = i
		}
		if name == last {
			to = i
		}
	}
	if from < 0 || to < 0 {
		return 0, 0, errHours
	}
	return from, to, nil
}

func parseMinutes(text string) (m minutes, err error) {
	var h1, m1, h2, m2 int
	if n, err := fmt.Sscanf(text, "%2d:%2d-%2d:%2d", &h1, &m1, &h2, &m2); n != 4 || err != nil || len(text) != len("08:00-20:00") {
		return m, errHours
	}
	m = minutes{h1*60 + m1, h2*60 + m2}
	if h1 < 0 || m1 < 0 || m1 > 59 || m2 < 0 || m2 > 59 || m.from >= m.to || m.to > 24*60 {
		return m, errHours
	}
	return m, nil
}

// OpenTime is a time of a day of the week, in minutes from midnight; To may be 1440.
type OpenTime struct {
	Day      time.Weekday
	From, To int
}

// Week are the times of a week, from Sunday; none is always.
func (h OpeningHours) Week() (all []OpenTime) {
	for day, times := range h.days {
		for _, m := range times {
			all = append(all, OpenTime{time.Weekday(day), m.from, m.to})
		}
	}
	return all
}

// open are the intervals of i within the hours, in the zone.
func (h OpeningHours) open(i interval, zone *time.Location) []interval {
	if !h.limited {
		return []interval{i}
	}
	var all []interval
	year, month, day := i.from.Time().In(zone).Date()
	for d := day; ; d++ {
		midnight := time.Date(year, month, d, 0, 0, 0, 0, zone)
		if evcp.StampOf(midnight) >= i.to {
			break
		}
		for _, m := range h.days[midnight.Weekday()] {
			all = append(all, interval{
				evcp.StampOf(time.Date(year, month, d, 0, m.from, 0, 0, zone)),
				evcp.StampOf(time.Date(year, month, d, 0, m.to, 0, 0, zone)),
			}.within(i))
		}
	}
	return union(all)
}
