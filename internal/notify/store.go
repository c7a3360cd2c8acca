package notify

import (
	"embed"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"evcp"
	"evcp/internal/alert"
	"evcp/internal/sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// fileSchema names the file: "EVAL".
var fileSchema = sqlite.Schema{ApplicationID: 0x4556414c, Migrations: migrations}

// FileName is the name of the file in Central's state folder, whose lock Central has.
const FileName = "alerts.db"

// diskLimit is how long a write may take; then the work goes on in memory.
const diskLimit = 5 * time.Second

// queued is a message that waits for one receiver.
type queued struct {
	n        int64
	receiver string
	refusals int // by the receiver, since the start
	alert.IncidentMessage
}

// kept is what the file has.
type kept struct {
	incidents []alert.SiteIncident
	queue     []queued // by n
}

// alertFile keeps on disk what kept has in memory. One goroutine may use it.
type alertFile struct {
	dir   string // "" = in memory only
	log   *slog.Logger
	vfs   string
	slot  chan struct{} // holds one while a write is under way: it alone uses db
	db    *sqlite.DB
	saved map[int64]alert.SiteIncident // what the file has, if not stale
	stale bool                         // the file lacks something: it is written as a whole
	// unread: the file could not be read at the start. It is left alone until the next one:
	// what waits in it must not be lost.
	unread error
}

var (
	errBusy = errors.New("the disk has not finished the write before")
	errSlow = errors.New("the disk does not finish a write")
)

// openStore reads what the file has. A file that can't be used is put aside.
func openStore(dir, vfs string, log *slog.Logger) (*alertFile, kept, error) {
	s := &alertFile{dir: dir, vfs: vfs, log: log, slot: make(chan struct{}, 1), saved: map[int64]alert.SiteIncident{}}
	if dir == "" {
		return s, kept{}, nil
	}
	var k kept
	_, err := s.ensure()
	if err == nil {
		k, err = load(s.db)
	}
	for _, i := range k.incidents {
		s.saved[i.ID] = i
	}
	s.unread = err
	return s, k, err
}

// ensure makes sure that a file is open, and that it is the one in the folder. opened: it was
// opened now, and may lack everything.
func (s *alertFile) ensure() (opened bool, err error) {
	if !s.db.Closed() && !s.db.Replaced() {
		return false, nil
	}
	_ = s.db.Close() // its file is not in the folder any more
	db, aside, err := fileSchema.OpenOrReplace(sqlite.DBFile{Path: filepath.Join(s.dir, FileName), VFS: s.vfs}, `PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; `)
	if aside.Name != "" {
		s.log.Warn("put an unusable file of alerts aside and began a new one", "file", aside.Name, "why", aside.Why)
	}
	s.db = db
	return err == nil, err
}

// save brings the file up to date: the incidents, what was added to the queue, and what was
// sent. all is the whole, for a file that lacks something.
func (s *alertFile) save(incidents []alert.SiteIncident, added []queued, sent []int64, all func() kept) error {
	if s.unread != nil {
		return s.unread
	}
	changed, over := s.changes(incidents)
	if s.dir == "" || !s.stale && len(changed)+len(over)+len(added)+len(sent) == 0 {
		return nil
	}
	whole, saved, stale := all(), s.saved, s.stale // a write that hangs outlives this call
	err := s.write(func(opened bool) error {
		if stale || opened {
			return s.rewrite(whole)
		}
		return s.db.Transact(true, func() error {
			for _, id := range over {
				if err := s.delete(id); err != nil {
					return err
				}
			}
			for _, i := range changed {
				if err := s.put(i, saved[i.ID]); err != nil {
					return err
				}
			}
			for _, n := range sent {
				if err := s.db.Exec(`DELETE FROM queue WHERE n = ?`, n); err != nil {
					return err
				}
			}
			return s.enqueue(added)
		})
	})
	s.stale = err != nil
	if err == nil {
		s.saved = map[int64]alert.SiteIncident{}
		for _, i := range incidents {
			s.saved[i.ID] = i
		}
	}
	return err
}

// write runs f with the open file, for diskLimit at most.
func (s *alertFile) write(f func(opened bool) error) error {
	select {
	case s.slot <- struct{}{}:
	default:
		return errBusy
	}
	done := make(chan error, 1)
	go func() {
		opened, err := s.ensure()
		if err == nil {
			err = f(opened)
		}
		<-s.slot
		done <- err
	}()
	limit := time.NewTimer(diskLimit)
	defer limit.Stop()
	select {
	case err := <-done:
		return err
	case <-limit.C:
		return errSlow
	}
}

// close closes the file, unless a write still hangs.
func (s *alertFile) close() error {
	select {
	case s.slot <- struct{}{}:
		return s.db.Close()
	default:
		return errSlow
	}
}

// changes are the incidents that differ from the file, and those that it has too many.
func (s *alertFile) changes(incidents []alert.SiteIncident) (changed []alert.SiteIncident, over []int64) {
	gone := maps.Clone(s.saved)
	for _, i := range incidents {
		was, known := gone[i.ID]
		if !known || was.Again != i.Again || was.Sent != i.Sent || !was.Since.Equal(i.Since) || !slices.Equal(was.Members, i.Members) {
			changed = append(changed, i)
		}
		delete(gone, i.ID)
	}
	return changed, slices.Sorted(maps.Keys(gone))
}

func (s *alertFile) delete(id int64) error {
	return errors.Join(s.db.Exec(`DELETE FROM incidents WHERE id = ?`, id), s.db.Exec(`DELETE FROM members WHERE incident = ?`, id))
}

// put writes an incident: all of it, or what differs.
func (s *alertFile) put(i, was alert.SiteIncident) error {
	err := s.db.Exec(`INSERT OR REPLACE INTO incidents VALUES (?,?,?,?,?,?)`, i.ID, i.Site, string(i.Kind), micros(i.Since), micros(i.Again), i.Sent)
	for n, m := range i.Members { // their order never changes
		if err != nil {
			return err
		}
		if n >= len(was.Members) || was.Members[n] != m {
			err = s.db.Exec(`INSERT OR REPLACE INTO members VALUES (?,?,?,?,?,?,?)`, i.ID, string(m.CP), micros(m.Since), m.Cause, micros(m.Ended), micros(m.Recovered), m.Site)
		}
	}
	return err
}

func (s *alertFile) enqueue(added []queued) error {
	for _, q := range added {
		body, err := json.Marshal(q.IncidentMessage)
		if err != nil {
			return err
		}
		if err := s.db.Exec(`INSERT OR REPLACE INTO queue VALUES (?,?,?)`, q.n, q.receiver, string(body)); err != nil {
			return err
		}
	}
	return nil
}

// rewrite writes the whole.
func (s *alertFile) rewrite(whole kept) error {
	return s.db.Transact(true, func() error {
		err := errors.Join(s.db.Exec(`DELETE FROM incidents`), s.db.Exec(`DELETE FROM members`), s.db.Exec(`DELETE FROM queue`))
		for _, i := range whole.incidents {
			if err != nil {
				return err
			}
			err = s.put(i, alert.SiteIncident{})
		}
		return errors.Join(err, s.enqueue(whole.queue))
	})
}

func load(db *sqlite.DB) (k kept, err error) {
	at := map[int64]int{}
	err = db.Query(`SELECT id, site, kind, since, again, sent FROM incidents ORDER BY id`, func(row *sqlite.Stmt) error {
		at[row.ColumnInt64(0)] = len(k.incidents)
		k.incidents = append(k.incidents, alert.SiteIncident{
			ID: row.ColumnInt64(0), Site: row.ColumnText(1), Kind: alert.Kind(row.ColumnText(2)),
			Since: timeOf(row.ColumnInt64(3)), Again: timeOf(row.ColumnInt64(4)), Sent: row.ColumnInt(5),
		})
		return nil
	})
	return k, errors.Join(err,
		db.Query(`SELECT incident, cp_id, since, cause, ended, recovered, site FROM members ORDER BY incident, cp_id`, func(row *sqlite.Stmt) error {
			if n, ok := at[row.ColumnInt64(0)]; ok {
				k.incidents[n].Members = append(k.incidents[n].Members, alert.AffectedCP{
					CP: evcp.CPID(row.ColumnText(1)), Since: timeOf(row.ColumnInt64(2)), Cause: row.ColumnText(3), Ended: timeOf(row.ColumnInt64(4)), Recovered: timeOf(row.ColumnInt64(5)), Site: row.ColumnText(6),
				})
			}
			return nil
		}),
		db.Query(`SELECT n, receiver, message FROM queue ORDER BY n`, func(row *sqlite.Stmt) error {
			q := queued{n: row.ColumnInt64(0), receiver: row.ColumnText(1)}
			if json.Unmarshal(row.ColumnRawText(2), &q.IncidentMessage) == nil { // else no version of this program wrote it
				k.queue = append(k.queue, q)
			}
			return nil
		}))
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func timeOf(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us)
}
