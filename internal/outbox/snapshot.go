package outbox

import "evcp"

// A snapshot is written when replaying what came after it would take long.
const (
	snapshotRuns  = 128
	snapshotBytes = 32 * mib
)

func (k *committer) snapshotWhenDue() error {
	if k.sinceSnapshot.runs < snapshotRuns && k.sinceSnapshot.bytes < snapshotBytes {
		return nil
	}
	return k.snapshot()
}

// snapshot writes every State that changed since the last one. In memory there is
// nothing that could replay it.
func (k *committer) snapshot() error {
	k.sinceSnapshot = volume{}
	if k.store.InMemory() {
		return nil
	}
	run, changed := k.o.takeChanged()
	k.snapshotRun = run
	if len(changed) == 0 {
		return nil
	}
	return k.store.Transact(false, func() error { return k.store.saveStates(run, changed) })
}

// takeChanged lists the states to write. They count as written: if that fails,
// the disk refused, and the next one gets them all.
func (o *Outbox) takeChanged() (run int64, changed []keptState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range o.states {
		if st := &o.states[i]; st.changed && st.state != (evcp.State{}) {
			changed = append(changed, *st)
			st.changed = false
		}
	}
	return o.keptRun, changed
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
