package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"evcp"
	"evcp/internal/history"
	"evcp/internal/sqlite"
)

// HistoryView reads the history at one position. One goroutine at a time may use it.
type HistoryView struct {
	db         *sqlite.DB
	Progress   ReadProgress
	Annotation int64 // the last one that counts
}

// ErrNoPosition is a position that was never pinned.
var ErrNoPosition = errors.New("no report was made at this position, so it is not kept")

// OpenView opens a file at a position as Position writes it; "" is the last commit. It
// changes nothing. written: a process has it open for writing.
func OpenView(path, position string, written bool) (*HistoryView, error) {
	open := fileSchema.OpenImmutable
	if written {
		open = fileSchema.OpenReader
	}
	db, err := open(sqlite.DBFile{Path: path})
	if err != nil {
		return nil, err
	}
	v := &HistoryView{db: db}
	if err := errors.Join(db.Exec(`BEGIN`), v.at(position)); err != nil { // one snapshot, until Close
		return nil, errors.Join(err, db.Close())
	}
	return v, nil
}

// Close ends the view.
func (v *HistoryView) Close() error { return v.db.Close() }

// Backup copies a file to another, which must not exist, while a process may have it open for
// writing: the state of the last commit.
func Backup(path, to string) error { return fileSchema.Backup(path, to) }

// Position names the position: the next offset of each partition, and the number of the last
// annotation.
func (v *HistoryView) Position() string {
	return v.Progress.name() + "/" + strconv.FormatInt(v.Annotation, 10)
}

func (v *HistoryView) at(position string) (err error) {
	if v.Progress, err = readProgress(v.db); err != nil {
		return err
	}
	if err := v.db.QueryInts(`SELECT max(id) FROM annotations`, &v.Annotation); err != nil || position == "" {
		return err
	}
	name, annotation, found := strings.Cut(position, "/")
	number, err := strconv.ParseInt(annotation, 10, 64)
	if !found || err != nil || number < 0 || number > v.Annotation || strconv.FormatInt(number, 10) != annotation {
		return ErrNoPosition
	}
	v.Annotation = number
	if name == v.Progress.name() {
		return nil
	}
	p := &v.Progress
	p.Serial = -1
	err = v.db.Query(`SELECT serial, newest, records, strange, lost FROM positions WHERE name = ?`, func(row *sqlite.Stmt) error {
		p.Serial, p.Newest = row.ColumnInt64(0), evcp.Stamp(row.ColumnInt64(1))
		p.Records, p.Strange, p.Lost = row.ColumnInt64(2), row.ColumnInt64(3), row.ColumnInt64(4)
		return nil
	}, name)
	if err == nil && p.Serial < 0 {
		return ErrNoPosition
	}
	if err != nil {
		return err
	}
	return p.readName(name)
}

// readName reads a name of pin.
func (p *ReadProgress) readName(name string) (err error) {
	p.Next, p.MadeAnew = map[int32]int64{}, 0
	offsets, anew, found := strings.Cut(name, "~")
	if found {
		if p.MadeAnew, err = strconv.ParseInt(anew, 10, 64); err != nil {
			return ErrNoPosition
		}
	}
	if offsets == "none" {
		return nil
	}
	for part := range strings.SplitSeq(offsets, ",") {
		var partition int32
		var next int64
		if _, err := fmt.Sscanf(part, "%d:%d", &partition, &next); err != nil {
			return ErrNoPosition
		}
		p.Next[partition] = next
	}
	return nil
}

// Notes are what the answers of the view can't know, in sentences that the catalogue has.
func (v *HistoryView) Notes() (all []string) {
	if v.Progress.Lost > 0 {
		all = append(all, "The topic had lost records when it was read: what they said is unwatched.")
	}
	if v.Progress.MadeAnew > 0 {
		all = append(all, "The topic was deleted and made anew: what nobody had read of the one before is unwatched.")
	}
	return all
}

// CPs are the charge points that have a history, by id.
func (v *HistoryView) CPs() (all []evcp.CPID, err error) {
	err = v.db.Query(`SELECT cp_id FROM charge_points WHERE serial <= ? ORDER BY cp_id`, func(row *sqlite.Stmt) error {
		all = append(all, evcp.CPID(row.ColumnText(0)))
		return nil
	}, v.Progress.Serial)
	return all, err
}

// Knows reports whether an event of the charge point was read.
func (v *HistoryView) Knows(cp evcp.CPID) (bool, error) {
	var known int64
	err := v.db.QueryIntsFor(`SELECT 1 FROM charge_points WHERE cp_id = ? AND serial <= ?`, []any{string(cp), v.Progress.Serial}, &known)
	return known == 1, err
}

// KeptHistory is what the file has of one charge point.
type KeptHistory struct {
	Numberings []history.NumberingElements
	First      []history.Check // of the first EV_CP_M
}

// CP reads one charge point.
func (v *HistoryView) CP(cp evcp.CPID) (r KeptHistory, err error) {
	counts, rests := map[int64]int64{}, map[int64][]history.Element{}
	err = v.db.Query(`SELECT epoch, elements, state FROM folds WHERE cp_id = ? AND serial <= ? ORDER BY epoch, serial`, func(row *sqlite.Stmt) error {
		var n history.Numbering
		if err := json.Unmarshal(row.ColumnRawText(2), &n); err != nil {
			return err
		}
		epoch := row.ColumnInt64(0)
		counts[epoch], rests[epoch] = row.ColumnInt64(1), n.Rest()
		if last := len(r.Numberings) - 1; last < 0 || r.Numberings[last].Epoch != epoch {
			r.Numberings = append(r.Numberings, history.NumberingElements{Epoch: epoch})
		}
		return nil
	}, string(cp), v.Progress.Serial)
	if err != nil {
		return r, err
	}
	for i := range r.Numberings {
		n := &r.Numberings[i]
		if n.Elements, err = v.elements(cp, n.Epoch, counts[n.Epoch]); err != nil {
			return r, err
		}
		n.Elements = append(n.Elements, rests[n.Epoch]...)
	}
	return r, v.db.Query(`SELECT at, status FROM checks WHERE cp_id = ? AND serial <= ?`, func(row *sqlite.Stmt) error {
		r.First = append(r.First, history.Check{At: evcp.Stamp(row.ColumnInt64(0)), Status: evcp.Status(row.ColumnInt64(1))})
		return nil
	}, string(cp), v.Progress.Serial)
}

// maxRest is how many Elements a Numbering's Rest has, but for rare ones.
const maxRest = 4

// elements reads the first n that a numbering has settled, with room for its Rest.
func (v *HistoryView) elements(cp evcp.CPID, epoch, n int64) (all []history.Element, err error) {
	const list = `SELECT kind, torn, estimated, from_seq, to_seq, from_at, to_at, interval_us, timeout_us, incident_epoch, incident_seq,
		cause, site, since, span_us, of_epoch, failed_checks, not_judged FROM elements WHERE cp_id = ? AND epoch = ? AND n < ? ORDER BY n`
	all = make([]history.Element, 0, min(n, 1000)+maxRest)
	err = v.db.Query(list, func(row *sqlite.Stmt) error {
		all = append(all, history.Element{
			Kind: history.ElementKind(row.ColumnText(0)), Torn: row.ColumnBool(1), Estimated: row.ColumnBool(2),
			FromSeq: uint64(row.ColumnInt64(3)), ToSeq: uint64(row.ColumnInt64(4)),
			From: evcp.Stamp(row.ColumnInt64(5)), To: evcp.Stamp(row.ColumnInt64(6)),
			Interval: micros(row.ColumnInt64(7)), Timeout: micros(row.ColumnInt64(8)),
			Incident: evcp.EventID{Epoch: row.ColumnInt64(9), Seq: uint64(row.ColumnInt64(10))}, Cause: row.ColumnText(11),
			Site: row.ColumnText(12), Since: evcp.Stamp(row.ColumnInt64(13)), Span: micros(row.ColumnInt64(14)), Of: row.ColumnInt64(15),
			FailedChecks: uint64(row.ColumnInt64(16)), NotJudged: uint64(row.ColumnInt64(17)),
		})
		return nil
	}, string(cp), epoch, n)
	return all, err
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
