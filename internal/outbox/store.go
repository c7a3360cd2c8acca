package outbox

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"time"

	"evcp"
	"evcp/internal/sqlite"
)

// fileName is the file in the folder of the outbox.
const fileName = "outbox.db"

//go:embed migrations/*.sql
var migrations embed.FS

// schema is what the file is: "evcp".
var schema = newSchema(1)

// newSchema is the schema whose new file is for so many charge points.
func newSchema(cps int) sqlite.Schema {
	return sqlite.Schema{
		ApplicationID: 0x65766370, Migrations: migrations,
		NewFile: fmt.Sprintf(`PRAGMA page_size=%d; PRAGMA auto_vacuum=INCREMENTAL; `, pageSizeFor(cps)),
	}
}

// runStore is the file, or the same in memory. The zero runStore is closed.
type runStore struct{ *sqlite.DB }

// openStore opens or makes the file and brings its schema up to date. limit bounds
// the log as boundShare does; a new file is for so many charge points.
func openStore(f sqlite.DBFile, limit int64, cps int) (runStore, error) {
	s, err := storeOn(newSchema(cps).Open(f,
		fmt.Sprintf(`PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=%d; PRAGMA cache_size=-128`,
			boundShare(limit))))
	if err != nil {
		return s, err
	}
	if err := s.LimitLog(logSize(limit)); err != nil {
		return s.checked(err)
	}
	_ = s.ReserveLog(logSize(limit)) // without it the log grows commit by commit
	return s, nil
}

// memoryLimit is what SQLite may use of the memory, in bytes: enough for what is kept in
// memory and for all that may have waited for a commit when the disk refused, and as much
// again, since pages of 1 KiB need some 20 % more and a part of them is in use twice while a
// commit makes room. SQLite's library panics beyond it.
const memoryLimit = (memorySize + plainWaiting + factsWaiting) * 2

// openMemory makes the same store without a disk.
func openMemory() (runStore, error) {
	return storeOn(schema.OpenMemory(memoryLimit, `PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF`))
}

// pageSize is that of a new file, in bytes. A commit writes whole pages, so that with larger
// ones it writes more; with smaller ones the rows of a lone charge point need more pages for
// which it must write others. A commit of a fleet has hundreds of kilobytes, and each page of
// it is two system calls. A file of an older version keeps its pages.
const (
	pageSize      = 1024
	fleetPageSize = 8192
	fleetFrom     = 100 // charge points: a commit fills larger pages
)

func pageSizeFor(cps int) int {
	if cps >= fleetFrom {
		return fleetPageSize
	}
	return pageSize
}

// logSize is how many bytes the log may take before it is moved into the file. The more,
// the fewer pages are written to the file; but from a thousand pages on, each commit writes
// to more places of the memory that processes share, which is a file too.
func logSize(limit int64) int64 { return min(mib, boundShare(limit)) }

// boundShare bounds the log, how many bytes are written between two looks at the size, and
// how many are given up at once. Together they stay within a quarter of the bound.
func boundShare(limit int64) int64 { return min(2*mib, limit/32) }

func storeOn(db *sqlite.DB, err error) (runStore, error) { return runStore{db}, err }

// checked is the store, unless something went wrong: then it is closed.
func (s runStore) checked(err error) (runStore, error) {
	if err != nil {
		return runStore{}, errors.Join(err, s.Close())
	}
	return s, nil
}

// selectRuns is for eachRun; a condition and an order follow.
const selectRuns = `SELECT id, at, until, count, facts, reports, events, bytes, body FROM runs WHERE `

// eachRun reads rows. The body is valid during the call of f only.
func (s runStore) eachRun(sql string, f func(runRow) error, args ...any) error {
	return s.Query(sql, func(p *sqlite.Stmt) error {
		return f(runRow{
			Run: Run{
				ID: p.ColumnInt64(0), First: evcp.Stamp(p.ColumnInt64(1)), Last: evcp.Stamp(p.ColumnInt64(2)),
				Count: p.ColumnInt(3), events: p.ColumnInt64(6), body: p.ColumnRawText(8),
			},
			facts: p.ColumnInt(4), reports: p.ColumnInt(5), bytes: p.ColumnInt64(7),
		})
	}, args...)
}

// someRuns reads rows until they have more than so many bytes.
func (s runStore) someRuns(limit int64, sql string, args ...any) (some []runRow, err error) {
	err = s.eachRun(sql, func(r runRow) error {
		r.body = bytes.Clone(r.body)
		some = append(some, r)
		if limit -= int64(len(r.body)); limit < 0 {
			return sqlite.ErrStop
		}
		return nil
	}, args...)
	return some, err
}

// insertRun has the body as a blob, which is bound without a copy of it in Go's memory.
const insertRun = `INSERT INTO runs VALUES (?,?,?,?,?,?,?,?,CAST(? AS TEXT))`

// insert writes one row, and forgets the drops that its events cover.
func (s runStore) insert(r *runRow) error {
	p, err := s.Prepare(insertRun)
	if err != nil {
		return err
	}
	for i, v := range [...]int64{r.ID, int64(r.First), int64(r.Last), int64(r.Count), int64(r.facts), int64(r.reports), r.events, r.bytes} {
		if err := p.BindInt64(i+1, v); err != nil {
			return err
		}
	}
	if err := p.BindBlob(9, r.body); err != nil {
		return err
	}
	if err := p.Exec(); err != nil {
		return err
	}
	return s.deleteDrops(r.Run)
}

// meta reads all that was set by setMeta.
func (s runStore) meta() (map[string]string, error) {
	all := map[string]string{}
	return all, s.Query(`SELECT name, value FROM meta`, func(p *sqlite.Stmt) error {
		all[p.ColumnText(0)] = p.ColumnText(1)
		return nil
	})
}

func (s runStore) setMeta(name, value string) error {
	return s.Exec(`INSERT INTO meta VALUES (?,?) ON CONFLICT DO UPDATE SET value=excluded.value`, name, value)
}

func (s runStore) setHost(h host) error {
	return errors.Join(s.setMeta("instance", h.instance), s.setMeta("machine", h.machine))
}

// markTried notes which run of the machine has the file open. The time makes it differ from
// what is there: SQLite skips a write that changes nothing, and that proves nothing.
func (s runStore) markTried(now time.Time) error {
	return errors.Join(s.setMeta("open", bootID()), s.setMeta("tried", now.UTC().Format(time.RFC3339Nano)))
}
