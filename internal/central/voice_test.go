package central

import (
	"testing"
	"time"

	"evcp"
	"evcp/internal/wire"
)

// A Central that was stopped finds the last words of old connections, and their ends
// right behind, beside the words of the present one: that is one Monitor. Two are who
// go on.
func TestLastWordsAreNoSecondMonitor(t *testing.T) {
	for name, ends := range map[string]bool{"an old connection": true, "a second Monitor": false} {
		t.Run(name, func(t *testing.T) {
			b, now := newBoard(Options{}.withDefaults()), time.Now()
			old, present := newSource("10.0.0.1:1"), newSource("10.0.0.2:2")
			for _, said := range []struct {
				v    *source
				verb wire.Verb
			}{{old, wire.Registration}, {old, wire.Heartbeat}, {present, wire.Heartbeat}, {old, wire.Heartbeat}} {
				b.receive(said.v, wire.Message{CP: "CP_001", Verb: said.verb, Status: evcp.OK}, true, now)
			}
			if ends {
				b.drop(old)
			}
			begun := b.countSources(now)
			if ends && len(begun) != 0 || !ends && (len(begun) != 1 || begun[0].cp != "CP_001" || begun[0].peer == begun[0].other) {
				t.Errorf("begun %+v", begun)
			}
			if again := b.countSources(now); len(again) != 0 {
				t.Errorf("told again: %+v", again)
			}
		})
	}
}
