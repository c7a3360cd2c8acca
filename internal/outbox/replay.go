package outbox

import (
	"fmt"

	"evcp"
	"evcp/internal/sqlite"
)

// keptState is what is known of one charge point.
type keptState struct {
	cp       evcp.CPID
	state    evcp.State // after the last kept event
	changed  bool       // since its snapshot
	renumber bool       // the last number can't be proven
}

// replayResult is what a file tells.
type replayResult struct {
	states   []keptState
	index    map[evcp.CPID]int
	snapshot int64 // all snapshots are of this run or unchanged since
	replayed int
}

// replay reads the snapshots and folds later runs on top.
func replay(s *runStore) (*replayResult, error) {
	h := &replayResult{index: map[evcp.CPID]int{}}
	err := s.Query(`SELECT cp, run, body FROM states`, func(p *sqlite.Stmt) error {
		st := h.of(p.ColumnText(0))
		h.snapshot = max(h.snapshot, p.ColumnInt64(1))
		return contentError(st.state.UnmarshalBinary(p.ColumnRawBlob(2)))
	})
	if err != nil {
		return h, err
	}
	return h, s.Query(`SELECT body FROM runs WHERE id > ? ORDER BY id`, func(p *sqlite.Stmt) error {
		return h.fold(p.ColumnRawText(0))
	}, h.snapshot)
}

// fold takes one run in.
func (h *replayResult) fold(body []byte) error {
	for line := range lines(body) {
		e, err := evcp.ParseEvent(line)
		if err != nil {
			return contentError(err)
		}
		st := h.of(string(e.CP))
		st.state, st.changed = st.state.After(e), true
		h.replayed++
	}
	return nil
}

func (h *replayResult) of(cp string) *keptState {
	id := evcp.CPID(cp)
	p, ok := h.index[id]
	if !ok {
		p = len(h.states)
		h.index[id] = p
		h.states = append(h.states, keptState{cp: id})
	}
	return &h.states[p]
}

func contentError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", sqlite.ErrContent, err)
}

// salvageNumbers saves from a file that can't be used the last number of each charge
// point, as far as it can be read; the file stays as it is. Whatever can't be read is passed over: the new
// epoch is safe without it.
func salvageNumbers(f sqlite.Location) *replayResult {
	h := &replayResult{index: map[evcp.CPID]int{}}
	db, err := sqlite.OpenImmutable(f)
	if err != nil {
		return h
	}
	defer func() { _ = db.Close() }()
	_ = db.Query(`SELECT cp, body FROM states`, func(p *sqlite.Stmt) error {
		var st evcp.State
		if _, err := evcp.ParseCPID(p.ColumnText(0)); err == nil && st.UnmarshalBinary(p.ColumnRawBlob(1)) == nil {
			h.addNumber(p.ColumnText(0), st.Epoch, st.Seq, st.At)
		}
		return nil
	})
	_ = db.Query(`SELECT body FROM runs WHERE id > (SELECT coalesce(max(run), 0) FROM states) ORDER BY id`, func(p *sqlite.Stmt) error {
		for line := range lines(p.ColumnRawText(0)) {
			if cp, err := evcp.ParseCPID(string(line.CP())); err == nil {
				h.addNumber(string(cp), line.ID().Epoch, line.ID().Seq, line.At())
			}
		}
		return nil
	})
	for i := range h.states {
		h.states[i].renumber, h.states[i].changed = true, true
	}
	return h
}

// addNumber takes in the number of an event, unless a later one is known.
func (h *replayResult) addNumber(cp string, epoch int64, seq uint64, at evcp.Stamp) {
	st := &h.of(cp).state
	if epoch > st.Epoch || epoch == st.Epoch && seq > st.Seq {
		*st = evcp.State{Epoch: epoch, Seq: seq, At: at}
	}
}
