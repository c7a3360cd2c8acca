package central

import (
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"evcp"
	"evcp/internal/central/standing"
)

const (
	// keptPerCP and keptFor bound the history on disk.
	keptPerCP = 1000
	keptFor   = 30 * 24 * time.Hour
)

// load reads the charge points. A row that makes no sense is skipped and
// counted: one bad row must not cost the others.
func (s *store) load() (cps []standing.CP, skipped int, err error) {
	const all = `SELECT cp_id, state, reason, since, registered, last_seen, status, fault_since, fault_reason, heartbeats
		FROM charge_points ORDER BY cp_id`
	err = s.query(all, func(row *sqlite3.Stmt) {
		if cp, ok := readCP(row); ok {
			cps = append(cps, cp)
		} else {
			skipped++
		}
	})
	return cps, skipped, err
}

func readCP(row *sqlite3.Stmt) (standing.CP, bool) {
	id, err := evcp.ParseCPID(row.ColumnText(0))
	state, ok1 := standing.ParseState(row.ColumnText(1))
	reason, ok2 := standing.ParseReason(row.ColumnText(2))
	status, ok3 := evcp.ParseStatus(row.ColumnText(6))
	why, ok4 := standing.ParseReason(row.ColumnText(8))
	return standing.CP{
		ID: id, State: state, Reason: reason, Status: status,
		Since: fromMillis(row.ColumnInt64(3)), Registered: fromMillis(row.ColumnInt64(4)), LastSeen: fromMillis(row.ColumnInt64(5)),
		Fault: standing.Fault{Since: fromMillis(row.ColumnInt64(7)), Reason: why}, Habit: row.ColumnBool(9),
	}, err == nil && ok1 && ok2 && ok3 && ok4 && state != standing.Unregistered
}

// save writes states and history in one transaction.
func (s *store) save(cps []standing.CP, changes []Change) (err error) {
	if len(cps) == 0 && len(changes) == 0 {
		return nil
	}
	tx, err := s.db.BeginImmediate()
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.End(&err) // commits, or rolls back when err is set
	return s.saveAll(cps, changes)
}

func (s *store) saveAll(cps []standing.CP, changes []Change) error {
	if err := s.saveCPs(cps); err != nil {
		return err
	}
	return s.saveChanges(changes)
}

func (s *store) saveCPs(cps []standing.CP) error {
	const put = `INSERT OR REPLACE INTO charge_points
		(cp_id, state, reason, since, registered, last_seen, status, fault_since, fault_reason, heartbeats) VALUES (?,?,?,?,?,?,?,?,?,?)`
	return s.each(put, len(cps), func(i int) []any {
		cp := cps[i]
		return []any{
			string(cp.ID), cp.State.String(), cp.Reason.String(), millis(cp.Since), millis(cp.Registered), millis(cp.LastSeen),
			cp.Status.String(), millis(cp.Fault.Since), cp.Fault.Reason.String(), cp.Habit,
		}
	})
}

func (s *store) saveChanges(changes []Change) error {
	const add = `INSERT INTO changes (cp_id, at, from_state, to_state, reason, status, peer) VALUES (?,?,?,?,?,?,?)`
	const trim = `DELETE FROM changes WHERE cp_id = ?1 AND id <=
		(SELECT id FROM changes WHERE cp_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)`
	err := s.each(add, len(changes), func(i int) []any {
		c := changes[i]
		return []any{string(c.CP), millis(c.At), c.From.String(), c.To.String(), c.Reason.String(), c.Status.String(), c.Peer}
	})
	if err != nil {
		return err
	}
	return s.each(trim, len(changes), func(i int) []any { return []any{string(changes[i].CP), int64(keptPerCP)} })
}

// forget drops the history that is too old.
func (s *store) forget(now time.Time) error {
	const old = `DELETE FROM changes WHERE at < ?`
	return s.each(old, 1, func(int) []any { return []any{millis(now.Add(-keptFor))} })
}

// each runs one statement n times with the values of args.
func (s *store) each(sql string, n int, args func(i int) []any) error {
	if n == 0 {
		return nil
	}
	stmt, _, err := s.db.Prepare(sql)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	for i := range n {
		if err = runOnce(stmt, args(i)); err != nil {
			break
		}
	}
	return errors.Join(err, stmt.Close())
}

func runOnce(stmt *sqlite3.Stmt, args []any) error {
	for i, arg := range args {
		if err := bind(stmt, i+1, arg); err != nil {
			return fmt.Errorf("bind: %w", err)
		}
	}
	return stmt.Exec()
}

func bind(stmt *sqlite3.Stmt, i int, arg any) error {
	switch v := arg.(type) {
	case string:
		return stmt.BindText(i, v)
	case int64:
		return stmt.BindInt64(i, v)
	case bool:
		return stmt.BindBool(i, v)
	default:
		return fmt.Errorf("value %T", arg)
	}
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
