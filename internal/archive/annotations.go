package archive

import (
	"slices"

	"evcp"
	"evcp/internal/language"
	"evcp/internal/ledger"
	"evcp/internal/sqlite"
)

// Annotation is a row that was added by a person: an exclusion, or the withdrawal of one.
type Annotation struct {
	ledger.Exclusion
	Withdraws int64 // the exclusion that is taken back; 0: it is one
}

// Errors of Annotate.
var (
	ErrNoExclusion = language.Coded("no_exclusion")
	ErrWithdrawn   = language.Coded("withdrawn")
	ErrTooMany     = language.Coded("annotations_full")
	// ErrGone is a file that was removed or replaced while it is open: an annotation, which stands
	// in no other place, would be lost with the process.
	ErrGone = language.Coded("history_gone")
)

// maxAnnotations bounds the table.
const maxAnnotations = 1_000_000

// Annotate adds an annotation, and returns its number.
func (a *Archive) Annotate(n Annotation) (id int64, err error) {
	if a.lost() {
		return 0, ErrGone
	}
	err = a.db.Transact(true, func() error {
		list, err := annotations(a.db, 1<<62)
		if err != nil {
			return err
		}
		if n.Withdraws != 0 {
			if !slices.ContainsFunc(list, func(o Annotation) bool { return o.ID == n.Withdraws && o.Withdraws == 0 }) {
				return ErrNoExclusion
			}
			if slices.ContainsFunc(list, func(o Annotation) bool { return o.Withdraws == n.Withdraws }) {
				return ErrWithdrawn
			}
		}
		if id = int64(len(list)) + 1; id > maxAnnotations {
			return ErrTooMany
		}
		return a.db.Exec(`INSERT INTO annotations (id, withdraws, made, who, note, link, cp_id, site, from_at, to_at, reason) VALUES (?,?,?,?,?,?,?,?,?,?,?)`,
			id, n.Withdraws, int64(n.Declared), n.Who, n.Note, n.Link, string(n.CP), n.Site, int64(n.From), int64(n.To), string(n.Reason))
	})
	return id, err
}

// Annotations lists all annotations up to the position, the first one first.
func (v *HistoryView) Annotations() ([]Annotation, error) { return annotations(v.db, v.Annotation) }

// Exclusions are those that count at the position: not withdrawn.
func (v *HistoryView) Exclusions() (all []ledger.Exclusion, err error) {
	list, err := v.Annotations()
	if err != nil {
		return nil, err
	}
	withdrawn := map[int64]bool{}
	for _, n := range list {
		withdrawn[n.Withdraws] = true
	}
	for _, n := range list {
		if n.Withdraws == 0 && !withdrawn[n.ID] {
			all = append(all, n.Exclusion)
		}
	}
	return all, nil
}

func annotations(db *sqlite.DB, last int64) (all []Annotation, err error) {
	const list = `SELECT id, withdraws, made, who, note, link, cp_id, site, from_at, to_at, reason FROM annotations WHERE id <= ? ORDER BY id`
	err = db.Query(list, func(row *sqlite.Stmt) error {
		all = append(all, Annotation{
			Withdraws: row.ColumnInt64(1),
			Exclusion: ledger.Exclusion{
				ID: row.ColumnInt64(0), Declared: evcp.Stamp(row.ColumnInt64(2)), Who: row.ColumnText(3), Note: row.ColumnText(4),
				Link: row.ColumnText(5), CP: evcp.CPID(row.ColumnText(6)), Site: row.ColumnText(7),
				From: evcp.Stamp(row.ColumnInt64(8)), To: evcp.Stamp(row.ColumnInt64(9)), Reason: ledger.ExclusionReason(row.ColumnText(10)),
			},
		})
		return nil
	}, last)
	return all, err
}
