package demo

import (
	"fmt"
	"time"

	"evcp/internal/console/cell"
	"evcp/internal/display"
)

// figures is what was counted. The summary contains nothing else.
type figures struct {
	Lasted time.Duration
	Checks int
	Late   int // ticks without a check

	Faults      int // incidents that a Monitor opened
	FaultsShown int // times that Central showed a charge point as faulted
	Cleared     int // times that Central showed it as activated again
	FalseAlarms int // of FaultsShown: the Engine had replied OK meanwhile

	Killed     int // Monitors
	KillsShown int // times that Central noticed a lost Monitor
	Returned   int // times that Central had one again

	Events   int // committed by the Monitors
	Arrived  int // of them on the topic
	Repeated int // records that came again
	Missing  int // seqs that never came though a later one did
}

// summary writes it as text, in lines of at most columns, with what to do next.
func (f figures) summary(columns int) []string {
	counted := fmt.Sprintf(english.counted, display.Duration(f.Lasted), english.checks.of(f.Checks), f.Late)
	text := counted + " " + f.incidents() + " " + english.alarms.of(f.FalseAlarms) + ". " + f.delivery()
	return append(cell.Wrap(text, columns), english.next)
}

func (f figures) incidents() string {
	all, open := f.Faults+f.Killed, f.Faults+f.Killed-f.Cleared-f.Returned
	if all+f.FaultsShown+f.KillsShown == 0 {
		return english.noIncidents
	}
	return fmt.Sprintf(english.incidents, english.faults.of(f.Faults), english.losses.of(f.Killed), f.outcome(all, open))
}

// outcome says whether each incident was shown once and cleared at most once.
func (f figures) outcome(all, open int) string {
	once := f.FaultsShown == f.Faults && f.KillsShown == f.Killed && f.Cleared <= f.Faults && f.Returned <= f.Killed
	switch {
	case !once:
		return fmt.Sprintf(english.mismatch, f.FaultsShown, f.KillsShown, f.Cleared, f.Returned)
	case all == 1 && open == 0:
		return english.oneCleared
	case all == 1:
		return english.oneOpen
	case open == 0:
		return english.allCleared
	default:
		return fmt.Sprintf(english.someOpen, open)
	}
}

func (f figures) delivery() string {
	if f.Arrived == f.Events {
		return fmt.Sprintf(english.allArrived, english.events.of(f.Events))
	}
	return fmt.Sprintf(english.someArrived, f.Arrived, english.events.of(f.Events))
}
