package archive

import (
	"evcp"
	"evcp/internal/sqlite"
)

// troubledList is the query of Troubled. The + keeps SQLite from reading all elements in the order of their ids instead of the index.
const troubledList = `SELECT cp_id FROM (SELECT DISTINCT +cp_id AS cp_id FROM elements
			WHERE incident_epoch <> 0 AND kind <> 'begun' AND max(from_at, to_at) >= ?1 AND serial <= ?2)
		UNION SELECT cp_id FROM folds WHERE serial <= ?2 AND (json_extract(state, '$.fold.open.is') OR json_extract(state, '$.waiting') IS NOT NULL)
		UNION SELECT cp_id FROM charge_points c WHERE EXISTS (SELECT 1 FROM checks WHERE cp_id = c.cp_id AND serial <= ?2)
		ORDER BY cp_id`

// Troubled are the charge points that may have an incident which is open, or about which
// something was learnt after a moment, by id: those that need not be read for such a list are
// left out. That of a site of thousands is mostly short.
func (v *HistoryView) Troubled(after evcp.Stamp) (all []evcp.CPID, err error) {
	err = v.db.Query(troubledList, func(row *sqlite.Stmt) error {
		all = append(all, evcp.CPID(row.ColumnText(0)))
		return nil
	}, int64(after), v.Progress.Serial)
	return all, err
}
