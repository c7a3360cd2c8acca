package archive

import (
	"evcp"
	"evcp/internal/sqlite"
)

// Troubled are the charge points that may have an incident which is open, or about which
// something was learnt after a moment, by id: those that need not be read for such a list are
// left out. That of a site of thousands is mostly short.
func (v *HistoryView) Troubled(after evcp.Stamp) (all []evcp.CPID, err error) {
	const list = `SELECT cp_id FROM elements WHERE incident_epoch <> 0 AND kind <> 'begun' AND max(from_at, to_at) >= ?1 AND serial <= ?2
		UNION SELECT cp_id FROM folds WHERE serial <= ?2 AND (json_extract(state, '$.fold.open.is') OR json_extract(state, '$.waiting') IS NOT NULL)
		UNION SELECT cp_id FROM checks WHERE serial <= ?2
		ORDER BY cp_id`
	err = v.db.Query(list, func(row *sqlite.Stmt) error {
		all = append(all, evcp.CPID(row.ColumnText(0)))
		return nil
	}, int64(after), v.Progress.Serial)
	return all, err
}
