package outbox

import (
	"fmt"
	"strconv"

	"evcp"
	"evcp/internal/sqlite"
)

// keptState is what is known of one charge point.
type keptState struct {
	cp       evcp.CPID
	state    evcp.State // after the last kept event
	changed  bool       // since it was written to the file
	renumber bool       // the last number can't be proven
}

// A snapshot begins when replaying what came after the last one would take long.
const (
	snapshotRuns  = 128
	snapshotBytes = 32 * mib
)

// snapshotSlice is how many charge points are looked at after one commit: Append waits
// for the copy of so many states at most, and the next commit for so many rows.
const snapshotSlice = 512

// snapshotPass writes every State that changed, a slice after each commit. A State that
// changes behind the pass is written by the next one; replay folds the runs between.
type snapshotPass struct {
	since   volume // written since the last pass began
	running bool
	next    int   // index of the first charge point not looked at
	from    int64 // the last kept run when the pass began
	covered int64 // the States in the file cover all runs up to this one
}

// snapshotStep writes one slice, when a pass is due or running.
func (c *committer) snapshotStep() error {
	p := &c.snapshot
	if !p.running && p.since.runs < snapshotRuns && p.since.bytes < snapshotBytes {
		return nil
	}
	if !p.running {
		c.beginSnapshot()
	}
	return c.snapshotNext()
}

// snapshotAll writes every State that changed.
func (c *committer) snapshotAll() error {
	c.beginSnapshot()
	for c.snapshot.running {
		if err := c.snapshotNext(); err != nil {
			return err
		}
	}
	return nil
}

// beginSnapshot begins a pass. In memory there is nothing that could replay it.
func (c *committer) beginSnapshot() {
	p := &c.snapshot
	p.since = volume{}
	p.running, p.next = !c.store.InMemory(), 0
	c.o.mu.Lock()
	p.from = c.o.keptRun
	c.o.mu.Unlock()
}

func (c *committer) snapshotNext() error {
	p := &c.snapshot
	if !p.running {
		return nil
	}
	run, changed, more := c.o.takeChanged(p.next)
	p.next += snapshotSlice
	p.running = more
	if len(changed) == 0 && more || p.covered == p.from && !more {
		return nil
	}
	err := c.store.Transact(false, func() error {
		if err := c.store.saveStates(run, changed); err != nil || more {
			return err
		}
		return c.store.setCovered(p.from)
	})
	if err == nil && !more {
		p.covered = p.from
	}
	return err
}

// takeChanged lists the states to write, of the charge points of one slice. They count
// as written: if that fails, the disk refused, and the migration writes all of them.
func (o *Outbox) takeChanged(from int) (run int64, changed []keptState, more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	end := min(from+snapshotSlice, len(o.states))
	for i := from; i < end; i++ {
		if st := &o.states[i]; st.changed && st.state != (evcp.State{}) {
			changed = append(changed, *st)
			st.changed = false
		}
	}
	return o.keptRun, changed, end < len(o.states)
}

func (s *runStore) saveStates(run int64, all []keptState) error {
	body := make([]byte, 0, evcp.MaxSnapshot)
	for i := range all {
		var err error
		if body, err = all[i].state.AppendBinary(body[:0]); err != nil {
			return err
		}
		if err := s.Exec(`INSERT INTO states VALUES (?,?,?) ON CONFLICT DO UPDATE SET run=excluded.run, body=excluded.body`,
			string(all[i].cp), run, body); err != nil {
			return err
		}
	}
	return nil
}

// setCovered notes that the States cover all runs up to this one.
func (s *runStore) setCovered(run int64) error {
	return s.setMeta("snapshot", strconv.FormatInt(run, 10))
}

// coveredRun is the run after which replay begins: 0 also where somebody deleted the States.
const coveredRun = `SELECT min(coalesce((SELECT value FROM meta WHERE name='snapshot'), 0) + 0, coalesce(max(run), 0)) FROM states`

// replayResult is what the file says of the charge points.
type replayResult struct {
	states   []keptState
	index    map[evcp.CPID]int
	runs     []int64 // by index: the run after which a State in the file was known
	snapshot int64   // the States in the file cover all runs up to this one
	replayed int     // events
}

func newReplayResult() *replayResult { return &replayResult{index: map[evcp.CPID]int{}} }

// replay reads the States and folds later runs on top. A State that was written while
// its pass was under way has some of these runs already.
func replay(s *runStore) (*replayResult, error) {
	r := newReplayResult()
	if err := s.QueryInts(coveredRun, &r.snapshot); err != nil {
		return r, err
	}
	err := s.Query(`SELECT cp, run, body FROM states`, func(p *sqlite.Stmt) error {
		i := r.indexOf(p.ColumnText(0))
		r.runs[i] = p.ColumnInt64(1)
		return contentError(r.states[i].state.UnmarshalBinary(p.ColumnRawBlob(2)))
	})
	if err != nil {
		return r, err
	}
	return r, s.Query(`SELECT id, body FROM runs WHERE id > ? ORDER BY id`, func(p *sqlite.Stmt) error {
		return r.fold(p.ColumnInt64(0), p.ColumnRawText(1))
	}, r.snapshot)
}

// fold takes one run in.
func (r *replayResult) fold(run int64, body []byte) error {
	for line := range lines(body) {
		e, err := evcp.ParseEvent(line)
		if err != nil {
			return contentError(err)
		}
		i := r.indexOf(string(e.CP))
		if run <= r.runs[i] {
			continue
		}
		st := &r.states[i]
		st.state, st.changed = st.state.After(e), true
		r.replayed++
	}
	return nil
}

func (r *replayResult) indexOf(cp string) int {
	id := evcp.CPID(cp)
	i, ok := r.index[id]
	if !ok {
		i = len(r.states)
		r.index[id] = i
		r.states = append(r.states, keptState{cp: id})
		r.runs = append(r.runs, 0)
	}
	return i
}

func contentError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", sqlite.ErrContent, err)
}

// salvageNumbers reads from a file that can't be used the last number of each charge
// point. The file stays as it is. What can't be read is passed over: a new epoch is safe
// without it.
func salvageNumbers(f sqlite.DBFile) *replayResult {
	r := newReplayResult()
	db, err := sqlite.OpenImmutable(f)
	if err != nil {
		return r
	}
	defer func() { _ = db.Close() }()
	_ = db.Query(`SELECT cp, body FROM states`, func(p *sqlite.Stmt) error {
		var st evcp.State
		if _, err := evcp.ParseCPID(p.ColumnText(0)); err == nil && st.UnmarshalBinary(p.ColumnRawBlob(1)) == nil {
			r.addNumber(p.ColumnText(0), st.Epoch, st.Seq, st.At)
		}
		return nil
	})
	_ = db.Query(`SELECT body FROM runs WHERE id > (`+coveredRun+`) ORDER BY id`, func(p *sqlite.Stmt) error {
		for line := range lines(p.ColumnRawText(0)) {
			if cp, err := evcp.ParseCPID(string(line.CP())); err == nil {
				r.addNumber(string(cp), line.ID().Epoch, line.ID().Seq, line.At())
			}
		}
		return nil
	})
	for i := range r.states {
		r.states[i].renumber, r.states[i].changed = true, true
	}
	return r
}

// addNumber takes in the number of an event, unless a later one is known.
func (r *replayResult) addNumber(cp string, epoch int64, seq uint64, at evcp.Stamp) {
	st := &r.states[r.indexOf(cp)].state
	if epoch > st.Epoch || epoch == st.Epoch && seq > st.Seq {
		*st = evcp.State{Epoch: epoch, Seq: seq, At: at}
	}
}
