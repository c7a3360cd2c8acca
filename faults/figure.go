package main

import (
	"fmt"
	"io"
	"strconv"
	"time"
)

// measurement is a number that a story shows, beside what it may be.
type measurement struct {
	name   string
	measured    string
	required  string // "" if nothing is asked of it
	broken bool
}

// exactly is a count.
func exactly(what string, got, want int) measurement {
	return measurement{what, strconv.Itoa(got), strconv.Itoa(want), got != want}
}

// atMost is a time; a negative one is a thing that never happened.
func atMost(what string, got, most time.Duration) measurement {
	return measurement{what, inSeconds(got), "at most " + inSeconds(most), got < 0 || got > most}
}

// atLeast is a time as well.
func atLeast(what string, got, least time.Duration) measurement {
	return measurement{what, inSeconds(got), "at least " + inSeconds(least), got < least}
}

// holds is a statement.
func holds(what string, it bool) measurement {
	got := "no"
	if it {
		got = "yes"
	}
	return measurement{what, got, "yes", !it}
}

// count says only how much there was to look at.
func count(what string, got int) measurement { return measurement{name: what, measured: strconv.Itoa(got)} }

// never stands for the time of what did not happen.
const never = -time.Second

func inSeconds(d time.Duration) string {
	if d < 0 {
		return "never"
	}
	return fmt.Sprintf("%.3f s", d.Seconds())
}

// printMeasurements prints the table and counts the broken ones.
func printMeasurements(out io.Writer, all []measurement) (broken int) {
	fmt.Fprintf(out, "\n%-62s %10s  %s\n", "figure", "measured", "asked")
	for _, f := range all {
		mark := ""
		if f.broken {
			mark = "  *** broken ***"
			broken++
		}
		fmt.Fprintf(out, "  %-60s %10s  %s%s\n", f.name, f.measured, f.required, mark)
	}
	return broken
}
