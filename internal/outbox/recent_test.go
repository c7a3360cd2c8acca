package outbox

import "testing"

// Small runs stay up to a size, large ones up to a number; none is missing between.
func TestRecentIsBounded(t *testing.T) {
	for size, want := range map[int]int{1 << 10: recentSize >> 10, 1 << 20: recentRuns} {
		var r recent
		for id := range int64(1000) {
			r.add(Run{ID: id + 1, after: id, Lines: make([]byte, size)})
		}
		if len(r.runs) != want || r.bytes != want*size {
			t.Errorf("of runs of %d bytes %d stay, %d bytes; want %d", size, len(r.runs), r.bytes, want)
		}
		first := r.runs[0].after
		if _, ok := r.after(first - 1); ok {
			t.Error("a run that is gone is still there")
		}
		for after := first; after < 1000; after++ {
			if run, ok := r.after(after); !ok || run.ID != after+1 {
				t.Errorf("after %d comes %d, %t", after, run.ID, ok)
			}
		}
	}
}
