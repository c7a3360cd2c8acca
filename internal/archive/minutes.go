package archive

import (
	"encoding/json"
	"time"

	"evcp"
	"evcp/internal/history"
	"evcp/internal/sqlite"
)

const (
	// DefaultMinuteRetention is how long minutes are kept where nobody says it.
	DefaultMinuteRetention = 7 * 24 * time.Hour
	// removeMost is about how many rows of hours one commit removes.
	removeMost = 20_000
	// maxPackedHour bounds the row of an hour, in bytes; usually it has 500. What a numbering
	// counts beyond it in one hour, going back and forth in time, is left out.
	maxPackedHour = 32 << 10
)

// settledHour is an hour of a numbering that is over.
type settledHour struct {
	foldKey
	history.PackedMinutes
}

// minuteRetention is which minutes are kept.
type minuteRetention struct {
	keep     time.Duration
	from     evcp.Stamp // those before are removed, or were never kept
	removing bool       // rows before it are left
}

// at is the retention when the newest event is of that time. Times of the future, of a clock
// that is wrong, remove nothing.
func (m minuteRetention) at(newest evcp.Stamp, now time.Time) minuteRetention {
	if from := history.HourOf(min(newest, evcp.StampOf(now)).Add(-m.keep)); from > m.from {
		m.from, m.removing = from, true
	}
	return m
}

// KeepMinutes says how long minutes are kept, from the next commit on. What is removed does
// not come back.
func (a *Archive) KeepMinutes(keep time.Duration) { a.minutes.keep = keep }

// writeMinutes writes the hours that are over and those that go on, and removes the oldest.
func (a *Archive) writeMinutes(m *minuteRetention) error {
	for _, h := range a.hours {
		if err := a.writeHour(h, m.from); err != nil {
			return err
		}
	}
	for _, key := range a.changed {
		minutes := &a.folds[key].Minutes
		if minutes.Hour() == 0 || minutes.Hour() < history.HourOf(m.from) {
			continue
		}
		state, err := minutes.MarshalBinary()
		if err != nil {
			return err
		}
		if err := a.db.Exec(`INSERT OR REPLACE INTO open_minutes (cp_id, epoch, hour, state) VALUES (?,?,?,?)`,
			string(key.cp), key.epoch, int64(minutes.Hour()), state); err != nil {
			return err
		}
	}
	return a.removeMinutes(m)
}

// writeHour adds an hour, or appends to it: a clock that was set may come to it again.
func (a *Archive) writeHour(h settledHour, from evcp.Stamp) error {
	if h.Hour < history.HourOf(from) {
		return nil
	}
	packed := h.Bytes
	err := a.db.Query(`SELECT packed FROM minutes WHERE hour = ? AND cp_id = ? AND epoch = ?`, func(row *sqlite.Stmt) error {
		if before := row.ColumnBlob(0, nil); len(before)+len(packed) <= maxPackedHour {
			packed = append(before, packed...)
		} else {
			packed = before
		}
		return nil
	}, int64(h.Hour), string(h.cp), h.epoch)
	if err != nil {
		return err
	}
	return a.db.Exec(`INSERT OR REPLACE INTO minutes (hour, cp_id, epoch, packed) VALUES (?,?,?,?)`, int64(h.Hour), string(h.cp), h.epoch, packed)
}

// removeMinutes removes what is too old, a part of it at a time.
func (a *Archive) removeMinutes(m *minuteRetention) error {
	if !m.removing {
		return nil
	}
	before := int64(history.HourOf(m.from))
	until := before
	if err := a.db.QueryIntsFor(`SELECT hour + 1 FROM minutes WHERE hour < ? ORDER BY hour LIMIT 1 OFFSET ?`, []any{before, removeMost}, &until); err != nil {
		return err
	}
	if err := a.db.Exec(`DELETE FROM minutes WHERE hour < ?`, min(until, before)); err != nil {
		return err
	}
	m.removing = until < before
	if m.removing {
		return nil
	}
	return a.db.Exec(`DELETE FROM open_minutes WHERE hour < ?`, before)
}

// readOpenMinutes reads the hour of a numbering that goes on, if there is one.
func readOpenMinutes(db *sqlite.DB, key foldKey, into *history.MinuteCounter) error {
	return db.Query(`SELECT state FROM open_minutes WHERE cp_id = ? AND epoch = ?`, func(row *sqlite.Stmt) error {
		return into.UnmarshalBinary(row.ColumnRawBlob(0))
	}, string(key.cp), key.epoch)
}

// KeptMinutes are the minutes of one charge point that have checks, by time.
type KeptMinutes struct {
	From    evcp.Stamp // before it none are kept; 0: all are
	Minutes []history.Minute
}

// Minutes reads the minutes of a charge point that begin in a window, at the last commit.
func (v *HistoryView) Minutes(cp evcp.CPID, from, to evcp.Stamp) (k KeptMinutes, err error) {
	if err := v.db.QueryInts(`SELECT minutes_from FROM progress`, (*int64)(&k.From)); err != nil {
		return k, err
	}
	var all []history.Minute
	from = max(from, k.From)
	for h := history.HourOf(from); h < to; h = h.Add(time.Hour) {
		err := v.db.Query(`SELECT packed FROM minutes WHERE hour = ? AND cp_id = ?`, func(row *sqlite.Stmt) error {
			some, err := history.UnpackMinutes(history.PackedMinutes{Hour: h, Bytes: row.ColumnRawBlob(0)})
			all = append(all, some...)
			return err
		}, int64(h), string(cp))
		if err != nil {
			return k, err
		}
	}
	some, err := v.openMinutes(cp)
	if err != nil {
		return k, err
	}
	all = append(all, some...)
	var unnumbered []history.Check
	err = v.db.Query(`SELECT at, status FROM checks WHERE cp_id = ? AND at >= ? AND at < ?`, func(row *sqlite.Stmt) error {
		unnumbered = append(unnumbered, history.Check{At: evcp.Stamp(row.ColumnInt64(0)), Status: evcp.Status(row.ColumnInt64(1))})
		return nil
	}, string(cp), int64(from), int64(to))
	for _, m := range history.MergeMinutes(append(all, history.UnnumberedMinutes(unnumbered)...)) {
		if from <= m.At && m.At < to {
			k.Minutes = append(k.Minutes, m)
		}
	}
	return k, err
}

// openMinutes are those that no row of an hour has yet.
func (v *HistoryView) openMinutes(cp evcp.CPID) (all []history.Minute, err error) {
	const list = `SELECT epoch, max(serial), state FROM folds WHERE cp_id = ? GROUP BY epoch`
	var numberings []history.Numbering
	var keys []foldKey
	err = v.db.Query(list, func(row *sqlite.Stmt) error {
		var n history.Numbering
		keys = append(keys, foldKey{cp, row.ColumnInt64(0)})
		err := json.Unmarshal(row.ColumnRawText(2), &n)
		numberings = append(numberings, n)
		return err
	}, string(cp))
	for i, n := range numberings {
		if err != nil {
			break
		}
		if err = readOpenMinutes(v.db, keys[i], &n.Minutes); err != nil {
			break
		}
		var some []history.Minute
		some, err = n.RestMinutes()
		all = append(all, some...)
	}
	return all, err
}
