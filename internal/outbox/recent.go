package outbox

// The newest runs stay in memory, so that a reader that keeps up never reads the file:
// recentSize bytes of them, and recentRuns however large they are. One charge point
// reaches the first after some six minutes, and its process's memory counts; many fill
// a run in no time.
const (
	recentSize = 128 << 10
	recentRuns = 4
)

// recent holds the newest runs, oldest first and without a gap.
type recent struct {
	runs  []Run
	bytes int
}

func (r *recent) add(run Run) {
	r.runs = append(r.runs, run)
	r.bytes += len(run.Lines)
	drop := 0
	for r.bytes > recentSize && drop < len(r.runs)-recentRuns {
		r.bytes -= len(r.runs[drop].Lines)
		drop++
	}
	if drop > 0 {
		n := copy(r.runs, r.runs[drop:])
		clear(r.runs[n:])
		r.runs = r.runs[:n]
	}
}

// after is the run that follows a run; false when it isn't here.
func (r *recent) after(run int64) (Run, bool) {
	if len(r.runs) == 0 || r.runs[0].after > run {
		return Run{}, false
	}
	lo, hi := 0, len(r.runs)
	for lo < hi {
		if mid := (lo + hi) / 2; r.runs[mid].ID > run {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	if lo == len(r.runs) {
		return Run{}, false
	}
	return r.runs[lo], true
}
