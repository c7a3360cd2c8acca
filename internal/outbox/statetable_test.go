package outbox

import (
	"fmt"
	"testing"

	"evcp"
)

// TestStateTable finds each of many charge points at the place that it was given, and no other.
func TestStateTable(t *testing.T) {
	for _, room := range []int{0, 100, 2000} {
		table := newStateTable(room)
		id := func(n int) evcp.CPID { return evcp.CPID(fmt.Sprintf("CP_%d", n)) }
		for n := range 2000 {
			if place, known := table.find(id(n)); known || place != 0 {
				t.Fatalf("%s is at %d before it was added", id(n), place)
			}
			if place := table.indexOf(id(n)); place != n || table.states[place].cp != id(n) {
				t.Fatalf("%s is at %d, want %d", id(n), place, n)
			}
		}
		for n := range 2000 {
			if place, known := table.find(id(n)); !known || place != n || table.indexOf(id(n)) != n {
				t.Fatalf("%s is at %d, want %d", id(n), place, n)
			}
		}
		if len(table.states) != 2000 || len(table.slots) != 4096 {
			t.Errorf("%d places, %d slots", len(table.states), len(table.slots))
		}
	}
}
