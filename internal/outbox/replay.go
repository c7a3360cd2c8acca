package outbox

import (
	"fmt"
	"strconv"

	"evcp"
	"evcp/internal/sqlite"
)

// A snapshot begins when replaying what came after the last one would take long.
const (
	snapshotRuns  = 128
	snapshotBytes = 128 * mib
	// snapshotShare is how many States of a fleet are written for each run, on average: with
	// more, it would write States all the time.
	snapshotShare = 16
)

// snapshotEvery is after how many runs a pass is due.
func snapshotEvery(states int) int { return max(snapshotRuns, states/snapshotShare) }

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
	if !p.running && p.since.runs < snapshotEvery(c.o.known()) && p.since.bytes < snapshotBytes {
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

// known is how many charge points have a place.
func (o *Outbox) known() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.states)
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
	run, changed, more := c.o.takeStates(p.next, false)
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

// takeStates lists the States to write, of the charge points of one slice: all of them, or
// those that changed. They count as written: if that fails, the disk refused, and the
// migration writes all of them.
func (o *Outbox) takeStates(from int, all bool) (run int64, states []keptState, more bool) {
	o.mu.Lock()
	end := min(from+snapshotSlice, len(o.states))
	o.mu.Unlock()
	states = make([]keptState, 0, max(0, end-from)) // Append does not wait for that
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := from; i < end; i++ {
		if st := &o.states[i]; (all || st.changed) && st.state != (evcp.State{}) {
			states = append(states, *st)
			st.changed = false
		}
	}
	return o.keptRun, states, end < len(o.states)
}

func (s runStore) saveStates(run int64, all []keptState) error {
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
func (s runStore) setCovered(run int64) error {
	return s.setMeta("snapshot", strconv.FormatInt(run, 10))
}

// coveredRun is the run after which replay begins: 0 also where somebody deleted the States.
const coveredRun = `SELECT min(coalesce((SELECT value FROM meta WHERE name='snapshot'), 0) + 0, coalesce(max(run), 0)) FROM states`

// replayResult is what the file says of the charge points.
type replayResult struct {
	stateTable
	written  []int64 // the runs after which the States in the file were written, in their order
	snapshot int64   // the States in the file cover all runs up to this one
	replayed int     // events
}

// replay reads the States and folds later runs on top. A State that was written while
// its pass was under way has some of these runs already.
func replay(s runStore, room int) (*replayResult, error) {
	r := &replayResult{stateTable: newStateTable(room)}
	if err := s.QueryInts(coveredRun, &r.snapshot); err != nil {
		return r, err
	}
	err := s.Query(`SELECT cp, run, body FROM states`, func(p *sqlite.Stmt) error {
		st := &r.states[r.indexOf(evcp.CPID(p.ColumnText(0)))]
		r.written = append(r.written, p.ColumnInt64(1))
		return contentError(st.state.UnmarshalBinary(p.ColumnRawBlob(2)))
	})
	if err != nil {
		return r, err
	}
	return r, s.eachRun(selectRuns+`id > ? ORDER BY id`, r.fold, r.snapshot)
}

// fold takes one run in.
func (r *replayResult) fold(run runRow) error {
	for line := range run.Each() {
		e, err := evcp.ParseEvent(line)
		if err != nil {
			return contentError(err)
		}
		i := r.indexOf(e.CP)
		if st := &r.states[i]; i >= len(r.written) || run.ID > r.written[i] {
			st.state, st.changed = st.state.After(e), true
			r.replayed++
		}
	}
	return nil
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
func salvageNumbers(f sqlite.DBFile) stateTable {
	t := newStateTable(0)
	db, err := sqlite.OpenImmutable(f)
	if err != nil {
		return t
	}
	defer func() { _ = db.Close() }()
	_ = db.Query(`SELECT cp, body FROM states`, func(p *sqlite.Stmt) error {
		var st evcp.State
		if st.UnmarshalBinary(p.ColumnRawBlob(1)) == nil {
			t.addNumber(p.ColumnText(0), evcp.EventID{Epoch: st.Epoch, Seq: st.Seq}, st.At)
		}
		return nil
	})
	_ = db.Query(`SELECT at, body FROM runs WHERE id > (`+coveredRun+`) ORDER BY id`, func(p *sqlite.Stmt) error {
		for line := range (Run{First: evcp.Stamp(p.ColumnInt64(0)), body: p.ColumnRawText(1)}).Each() {
			t.addNumber(string(line.CP()), line.ID(), line.At())
		}
		return nil
	})
	for i := range t.states {
		t.states[i].renumber, t.states[i].changed = true, true
	}
	return t
}

// addNumber takes in the number of an event, unless a later one is known or the text is
// no charge point.
func (t *stateTable) addNumber(text string, id evcp.EventID, at evcp.Stamp) {
	cp, err := evcp.ParseCPID(text)
	if err != nil {
		return
	}
	st := &t.states[t.indexOf(cp)].state
	if id.Epoch > st.Epoch || id.Epoch == st.Epoch && id.Seq > st.Seq {
		*st = evcp.State{Epoch: id.Epoch, Seq: id.Seq, At: at}
	}
}
