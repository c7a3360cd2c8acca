package central

import (
	"errors"
	"time"

	"evcp"
	"evcp/internal/central/cpstate"
	"evcp/internal/sqlite"
)

const (
	// historyPerCP, keptFor and keptInAll bound the history on disk; the last is some
	// 150 MB, whoever invents charge points.
	historyPerCP = 1000
	historyAge   = 30 * 24 * time.Hour
	historyTotal = 1_000_000
)

// load reads the charge points. A row that makes no sense is skipped and
// counted: one bad row must not cost the others.
func (s *stateFile) load() (cps []cpstate.Condition, skipped int, err error) {
	const all = `SELECT cp_id, state, reason, since, registered, last_seen, status, fault_since, fault_reason, heartbeats
		FROM charge_points ORDER BY cp_id`
	err = s.db.Query(all, func(row *sqlite.Stmt) error {
		if cp, ok := readCP(row); ok {
			cps = append(cps, cp)
		} else {
			skipped++
		}
		return nil
	})
	return cps, skipped, err
}

func readCP(row *sqlite.Stmt) (cpstate.Condition, bool) {
	id, err := evcp.ParseCPID(row.ColumnText(0))
	state, ok1 := cpstate.ParseAvailability(row.ColumnText(1))
	reason, ok2 := cpstate.ParseReason(row.ColumnText(2))
	status, ok3 := evcp.ParseStatus(row.ColumnText(6))
	why, ok4 := cpstate.ParseReason(row.ColumnText(8))
	return cpstate.Condition{
		ID: id, State: state, Reason: reason, Status: status,
		Since: fromMillis(row.ColumnInt64(3)), Registered: fromMillis(row.ColumnInt64(4)), LastSeen: fromMillis(row.ColumnInt64(5)),
		Fault: cpstate.OpenFault{Since: fromMillis(row.ColumnInt64(7)), Reason: why}, SendsHeartbeats: row.ColumnBool(9),
	}, err == nil && ok1 && ok2 && ok3 && ok4 && state != cpstate.Unregistered
}

// save writes states and history in one transaction.
func (s *stateFile) save(cps []cpstate.Condition, changes []Change) error {
	if len(cps) == 0 && len(changes) == 0 {
		return nil
	}
	return s.db.Transact(false, func() error { return errors.Join(s.saveCPs(cps), s.saveChanges(changes)) })
}

func (s *stateFile) saveCPs(cps []cpstate.Condition) error {
	const put = `INSERT OR REPLACE INTO charge_points
		(cp_id, state, reason, since, registered, last_seen, status, fault_since, fault_reason, heartbeats) VALUES (?,?,?,?,?,?,?,?,?,?)`
	for _, cp := range cps {
		if err := s.db.Exec(put, string(cp.ID), cp.State.String(), cp.Reason.String(), millis(cp.Since), millis(cp.Registered), millis(cp.LastSeen),
			cp.Status.String(), millis(cp.Fault.Since), cp.Fault.Reason.String(), cp.SendsHeartbeats); err != nil {
			return err
		}
	}
	return nil
}

func (s *stateFile) saveChanges(changes []Change) error {
	const add = `INSERT INTO changes (cp_id, at, from_state, to_state, reason, status, peer) VALUES (?,?,?,?,?,?,?)`
	const trim = `DELETE FROM changes WHERE cp_id = ?1 AND id <=
		(SELECT id FROM changes WHERE cp_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)`
	for _, c := range changes {
		if err := s.db.Exec(add, string(c.CP), millis(c.At), c.From.String(), c.To.String(), c.Reason.String(), c.Status.String(), c.Peer); err != nil {
			return err
		}
	}
	for _, id := range changed(changes) {
		if err := s.db.Exec(trim, string(id), historyPerCP); err != nil {
			return err
		}
	}
	return nil
}

// changed names each charge point once.
func changed(changes []Change) (ids []evcp.CPID) {
	seen := map[evcp.CPID]bool{}
	for _, c := range changes {
		if !seen[c.CP] {
			seen[c.CP] = true
			ids = append(ids, c.CP)
		}
	}
	return ids
}

// trimHistory drops the history that is too old, and of too much the oldest.
func (s *stateFile) trimHistory(now time.Time, most int64) error {
	const old = `DELETE FROM changes WHERE at < ?`
	const excess = `DELETE FROM changes WHERE id <= (SELECT max(id) FROM changes) - ?`
	return errors.Join(s.db.Exec(old, millis(now.Add(-historyAge))), s.db.Exec(excess, most))
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
