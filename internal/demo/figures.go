package demo

import (
	"fmt"
	"time"

	"evcp/internal/console/cell"
	"evcp/internal/display"
)

// figures are what was counted. Nothing else is in the summary.
type figures struct {
	Lasted time.Duration
	Checks int
	Late   int // ticks without a check

	Faults      int // incidents that a Monitor opened
	Told        int // times that Central called a charge point faulted
	Cleared     int // times that it took that back
	FalseAlarms int // of Told: the Engine had answered OK meanwhile

	Lost     int // Monitors that were ended without a word
	LostTold int // times that Central missed one
	Returned int // times that it heard one again

	Events  int // kept by the Monitors
	Arrived int // of them on the topic
	Twice   int // records that came again
	Gaps    int // numbers that never came though a later one did
}

// summary says it in words, and what to do next.
func (f figures) summary(columns int) []string {
	counted := fmt.Sprintf(english.counted, display.Duration(f.Lasted), english.checks.of(f.Checks), f.Late)
	text := counted + " " + f.incidents() + " " + english.alarms.of(f.FalseAlarms) + ". " + f.delivery()
	return append(cell.Wrap(text, columns), english.next)
}

// incidents says whether each was told once and cleared once.
func (f figures) incidents() string {
	all, open := f.Faults+f.Lost, f.Faults+f.Lost-f.Cleared-f.Returned
	if all+f.Told+f.LostTold == 0 {
		return english.nothingHappened
	}
	return fmt.Sprintf(english.happened, english.faults.of(f.Faults), english.losses.of(f.Lost), f.outcome(all, open))
}

func (f figures) outcome(all, open int) string {
	once := f.Told == f.Faults && f.LostTold == f.Lost && f.Cleared <= f.Faults && f.Returned <= f.Lost
	switch {
	case !once:
		return fmt.Sprintf(english.otherwise, f.Told, f.LostTold, f.Cleared, f.Returned)
	case all == 1 && open == 0:
		return english.onceOfOne
	case all == 1:
		return english.toldOfOne
	case open == 0:
		return english.onceOfMany
	default:
		return fmt.Sprintf(english.toldOfMany, open)
	}
}

func (f figures) delivery() string {
	if f.Arrived == f.Events {
		return fmt.Sprintf(english.arrived, english.events.of(f.Events))
	}
	return fmt.Sprintf(english.arrivedLess, f.Arrived, english.events.of(f.Events))
}
