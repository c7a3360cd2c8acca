package outbox

import (
	"iter"
	"slices"
)

// Latest walks the newest kept events backwards, as far as they are in memory: see
// recentSize. It reads no file and may be called by anybody at any time.
func (o *Outbox) Latest() iter.Seq[Line] {
	o.mu.Lock()
	runs := slices.Clone(o.recent.runs)
	o.mu.Unlock()
	return func(yield func(Line) bool) {
		for _, run := range slices.Backward(runs) {
			all := slices.Collect(run.Each())
			for _, line := range slices.Backward(all) {
				if !yield(line) {
					return
				}
			}
		}
	}
}
