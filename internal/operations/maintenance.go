package operations

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"evcp"
	"evcp/internal/audit"
	"evcp/internal/sqlite"
)

const (
	// maxWindows bounds those that have not ended, maxKept all that were ever made.
	maxWindows = 10_000
	maxKept    = 1_000_000
)

// windowLine is a window in the audit log.
type windowLine struct {
	ID     int64     `json:"id"`
	CP     evcp.CPID `json:"cp_id,omitempty"`
	Site   string    `json:"site,omitempty"`
	From   *string   `json:"from"`
	To     *string   `json:"to"`
	Reason string    `json:"reason"`
	Ended  *string   `json:"ended,omitempty"`
}

func (w MaintenanceWindow) line() windowLine {
	return windowLine{w.ID, w.CP, w.Site, textOf(w.From), textOf(w.To), w.Reason, textOf(w.Ended)}
}

// Maintain adds a window, and returns it with its number. From 0 is now.
func (s *Store) Maintain(c *audit.BoardChange, w MaintenanceWindow) (MaintenanceWindow, error) {
	w.Who, w.Made, w.Ended = c.By.Name, c.At, 0
	if w.From == 0 {
		w.From = c.At
	}
	if err := errors.Join(CheckText(Fields.Reason, w.Reason, MaxText, false), CheckText(Fields.Site, w.Site, MaxWord, true)); err != nil {
		return w, err
	}
	switch {
	case (w.CP == "") == (w.Site == ""):
		return w, ErrWhat
	case w.To <= w.From || w.To <= c.At || w.To > c.At.Add(maxWindow) || w.From < c.At.Add(-maxWindow):
		return w, ErrTimes
	}
	var last int64
	if err := c.DB.QueryInts(`SELECT max(id) FROM maintenance`, &last); err != nil {
		return w, err
	}
	s.mu.Lock()
	open := 0
	for _, all := range s.windows {
		open += len(all)
	}
	s.mu.Unlock()
	if last >= maxKept || open >= maxWindows {
		return w, ErrTooMany
	}
	w.ID = last + 1
	err := c.DB.Exec(`INSERT INTO maintenance (id, cp_id, site, from_at, to_at, reason, who, made, ended) VALUES (?,?,?,?,?,?,?,?,0)`,
		w.ID, string(w.CP), w.Site, int64(w.From), int64(w.To), w.Reason, w.Who, int64(w.Made))
	c.Line(audit.AddMaintenance, w.target(), nil, w.line())
	c.AfterCommit(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.addWindow(w)
		s.touch(w.place())
	})
	return w, err
}

func (w MaintenanceWindow) target() string {
	if w.CP != "" {
		return string(w.CP)
	}
	return "site " + w.Site
}

// EndMaintenance ends a window now; one that has not begun never begins.
func (s *Store) EndMaintenance(c *audit.BoardChange, id int64) (MaintenanceWindow, error) {
	w := MaintenanceWindow{}
	if err := queryWindows(c.DB, `WHERE id = ?`, func(found MaintenanceWindow) { w = found }, id); err != nil {
		return w, err
	}
	switch {
	case w.ID == 0:
		return w, ErrNoWindow
	case w.end() <= c.At:
		return w, ErrOver
	}
	before := w.line()
	w.Ended = c.At
	err := c.DB.Exec(`UPDATE maintenance SET ended = ? WHERE id = ?`, int64(c.At), id)
	c.Line(audit.EndMaintenance, strconv.FormatInt(id, 10), before, w.line())
	c.AfterCommit(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.dropWindow(w)
		s.touch(w.place())
	})
	return w, err
}

// InMaintenance is how many of the charge points are in an open window; all is only called if there
// is one.
func (s *Store) InMaintenance(at time.Time, all func() []evcp.CPID) (n int) {
	now, open := evcp.StampOf(at), false
	s.mu.Lock()
	for _, windows := range s.windows {
		open = open || slices.ContainsFunc(windows, func(w MaintenanceWindow) bool { return w.open(now) })
	}
	s.mu.Unlock()
	if !open {
		return 0
	}
	overlay := s.Overlays(at)
	for _, cp := range all() {
		if overlay(cp).Maintenance != nil {
			n++
		}
	}
	return n
}

// Windows are at most limit windows, the newest first, below a number; 0 is above all.
func (s *Store) Windows(limit int, below int64) (all []MaintenanceWindow, err error) {
	if s.file == nil {
		return nil, nil
	}
	if below == 0 {
		below = maxKept + 1
	}
	err = s.file.Read(func(db *sqlite.DB) error {
		return queryWindows(db, `WHERE id < ? ORDER BY id DESC LIMIT ?`, func(w MaintenanceWindow) { all = append(all, w) }, below, limit)
	})
	return all, err
}

func queryWindows(db *sqlite.DB, which string, add func(MaintenanceWindow), args ...any) error {
	return db.Query(`SELECT id, cp_id, site, from_at, to_at, reason, who, made, ended FROM maintenance `+which, func(row *sqlite.Stmt) error {
		add(MaintenanceWindow{
			ID: row.ColumnInt64(0), CP: evcp.CPID(row.ColumnText(1)), Site: row.ColumnText(2), From: evcp.Stamp(row.ColumnInt64(3)), To: evcp.Stamp(row.ColumnInt64(4)),
			Reason: row.ColumnText(5), Who: row.ColumnText(6), Made: evcp.Stamp(row.ColumnInt64(7)), Ended: evcp.Stamp(row.ColumnInt64(8)),
		})
		return nil
	}, args...)
}
