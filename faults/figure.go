package main

import (
	"fmt"
	"io"
	"strconv"
	"time"
)

// figure is a number that a story shows, beside what it may be.
type figure struct {
	what   string
	got    string
	asked  string // "" if nothing is asked of it
	broken bool
}

// exactly is a count.
func exactly(what string, got, want int) figure {
	return figure{what, strconv.Itoa(got), strconv.Itoa(want), got != want}
}

// atMost is a time; a negative one is a thing that never happened.
func atMost(what string, got, most time.Duration) figure {
	return figure{what, inSeconds(got), "at most " + inSeconds(most), got < 0 || got > most}
}

// atLeast is a time as well.
func atLeast(what string, got, least time.Duration) figure {
	return figure{what, inSeconds(got), "at least " + inSeconds(least), got < least}
}

// holds is a statement.
func holds(what string, it bool) figure {
	got := "no"
	if it {
		got = "yes"
	}
	return figure{what, got, "yes", !it}
}

// counted says only how much there was to look at.
func counted(what string, got int) figure { return figure{what: what, got: strconv.Itoa(got)} }

// never stands for the time of what did not happen.
const never = -time.Second

func inSeconds(d time.Duration) string {
	if d < 0 {
		return "never"
	}
	return fmt.Sprintf("%.3f s", d.Seconds())
}

// printFigures prints the table and counts the broken ones.
func printFigures(out io.Writer, all []figure) (broken int) {
	fmt.Fprintf(out, "\n%-62s %10s  %s\n", "figure", "measured", "asked")
	for _, f := range all {
		mark := ""
		if f.broken {
			mark = "  *** broken ***"
			broken++
		}
		fmt.Fprintf(out, "  %-60s %10s  %s%s\n", f.what, f.got, f.asked, mark)
	}
	return broken
}
