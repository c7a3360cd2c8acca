package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"evcp"
)

// Uncommitted is how many rows wait for Commit.
func (a *Archive) Uncommitted() int {
	return len(a.changed) + len(a.elements) + len(a.checks) + len(a.hours)
}

// Commit writes what was taken, and the position, in one transaction. After an error
// everything still waits, and Commit may be tried again.
func (a *Archive) Commit() error {
	if !a.dirty {
		return nil
	}
	serial := a.progress.Serial + 1
	minutes := a.minutes.at(a.progress.Newest, time.Now())
	err := a.db.Transact(true, func() error {
		return errors.Join(a.writeFolds(serial), a.writeElements(serial), a.writeChecks(serial), a.writeMinutes(&minutes), a.writeProgress(serial, minutes.from))
	})
	if err != nil {
		return err
	}
	a.progress.Serial, a.dirty, a.committed = serial, false, time.Now()
	a.minutes = minutes
	for _, key := range a.changed {
		f := a.folds[key]
		f.changed = false
		if f.stored <= a.pinned {
			f.stored = serial
		}
	}
	a.changed, a.elements, a.checks, a.hours, a.added = a.changed[:0], a.elements[:0], a.checks[:0], a.hours[:0], a.added[:0]
	if len(a.folds) > maxFolds {
		clear(a.folds)
		a.recent.forget()
	}
	return nil
}

// writeFolds supersedes the rows that belong to a pinned position, and overwrites the others.
func (a *Archive) writeFolds(serial int64) error {
	for _, key := range a.changed {
		f := a.folds[key]
		state, err := json.Marshal(f.Numbering)
		if err != nil {
			return err
		}
		row := f.stored
		if row <= a.pinned {
			row = serial
		}
		if err := a.db.Exec(`INSERT OR REPLACE INTO folds (cp_id, epoch, serial, elements, state) VALUES (?,?,?,?,?)`,
			string(key.cp), key.epoch, row, f.elements, string(state)); err != nil {
			return err
		}
	}
	return nil
}

func (a *Archive) writeElements(serial int64) error {
	const add = `INSERT INTO elements (cp_id, epoch, n, serial, kind, torn, estimated, from_seq, to_seq, from_at, to_at, interval_us, timeout_us,
		incident_epoch, incident_seq, cause, site, since, span_us, of_epoch, failed_checks, not_judged) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`
	for _, e := range a.elements {
		if err := a.db.Exec(add, string(e.cp), e.epoch, e.n, serial, string(e.Kind), e.Torn, e.Estimated, int64(e.FromSeq), int64(e.ToSeq),
			int64(e.From), int64(e.To), e.Interval.Microseconds(), e.Timeout.Microseconds(), e.Incident.Epoch, int64(e.Incident.Seq), e.Cause, e.Site,
			int64(e.Since), e.Span.Microseconds(), e.Of, int64(e.FailedChecks), int64(e.NotJudged)); err != nil {
			return err
		}
	}
	return nil
}

func (a *Archive) writeChecks(serial int64) error {
	for _, c := range a.checks {
		if err := a.db.Exec(`INSERT OR IGNORE INTO checks (cp_id, at, status, serial) VALUES (?,?,?,?)`,
			string(c.cp), int64(c.At), int64(c.Status), serial); err != nil {
			return err
		}
	}
	return nil
}

func (a *Archive) writeProgress(serial int64, minutesFrom evcp.Stamp) error {
	for _, cp := range a.added {
		if err := a.db.Exec(`INSERT OR IGNORE INTO charge_points (cp_id, serial) VALUES (?,?)`, string(cp), serial); err != nil {
			return err
		}
	}
	p := a.progress
	if err := a.db.Exec(`DELETE FROM partitions`); err != nil { // a topic that was made anew may have fewer
		return err
	}
	for partition, next := range p.Next {
		if err := a.db.Exec(`INSERT INTO partitions (partition, next_offset) VALUES (?,?)`, int64(partition), next); err != nil {
			return err
		}
	}
	return a.db.Exec(`UPDATE progress SET serial = ?, topic = ?, newest = ?, records = ?, strange = ?, lost = ?, topic_id = ?, made_anew = ?, minutes_from = ?`,
		serial, p.Topic, int64(p.Newest), p.Records, p.Strange, p.Lost, p.TopicID, p.MadeAnew, int64(minutesFrom))
}

// pin commits, and makes the position one that a HistoryView can be opened at for ever. It returns
// its name.
func (a *Archive) pin() (string, error) {
	if err := a.Commit(); err != nil {
		return "", err
	}
	p := a.progress
	name := p.name()
	if p.Serial == a.pinned {
		return name, nil
	}
	err := a.db.Transact(true, func() error {
		return errors.Join(
			a.db.Exec(`INSERT OR IGNORE INTO positions (name, serial, newest, records, strange, lost) VALUES (?,?,?,?,?,?)`,
				name, p.Serial, int64(p.Newest), p.Records, p.Strange, p.Lost),
			a.db.Exec(`UPDATE progress SET pinned = ?`, p.Serial))
	})
	if err != nil {
		return "", err
	}
	a.pinned = p.Serial
	return name, nil
}

// name is the next offset of each partition, as 0:123,1:456; "none" without any. Of a topic that
// was made anew, ~ and how often follows.
func (p ReadProgress) name() string {
	var all []string
	for partition, next := range p.Next {
		all = append(all, fmt.Sprintf("%010d:%d", partition, next))
	}
	anew := ""
	if p.MadeAnew > 0 {
		anew = fmt.Sprintf("~%d", p.MadeAnew)
	}
	if len(all) == 0 {
		return "none" + anew
	}
	slices.Sort(all)
	for i, s := range all {
		all[i] = strings.TrimLeft(s[:9], "0") + s[9:]
	}
	return strings.Join(all, ",") + anew
}

// Position pins, and returns the position as HistoryView.Position writes it.
func (a *Archive) Position() (string, error) {
	name, err := a.pin()
	if err != nil {
		return "", err
	}
	var last int64
	err = a.db.QueryInts(`SELECT max(id) FROM annotations`, &last)
	return fmt.Sprintf("%s/%d", name, last), err
}
