package central

import (
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"evcp"
	"evcp/internal/central/cpstate"
	"evcp/internal/folder"
	"evcp/internal/sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// fileSchema names the file: "EVCT".
var fileSchema = sqlite.Schema{ApplicationID: 0x45564354, Migrations: migrations}

const (
	fileName = "central.db"
	lockName = "central.lock"
	// maxIntegrityCheck is the largest file, in bytes, that is checked as a whole.
	maxIntegrityCheck = 256 << 20
	// wordsPerCP, wordsAge and wordsTotal bound the words on disk; the last is some 200 MB,
	// however many charge points are invented.
	wordsPerCP = 1000
	wordsAge   = 30 * 24 * time.Hour
	wordsTotal = 1_000_000
	// trimWordsEvery is after how many more words those of a charge point are counted on disk.
	trimWordsEvery = 50
)

// stateFile keeps the charge points on disk. It is closed until ensure. One goroutine
// at a time may use it.
type stateFile struct {
	dir  string
	log  *slog.Logger
	lock *folder.Lock
	db   *sqlite.DB // nil while there is none
}

// PIDIn is the id of the process of the Central that runs in a state folder; "": not known.
func PIDIn(dir string) string { return folder.Owner(dir, lockName) }

func (s *stateFile) path() string { return filepath.Join(s.dir, fileName) }

func (s *stateFile) exists() bool {
	_, err := os.Stat(s.path())
	return err == nil
}

// open opens the file and checks that it is whole.
func (s *stateFile) open() error {
	db, err := fileSchema.Open(sqlite.DBFile{Path: s.path()}, `PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL`)
	if err != nil {
		return err
	}
	info, _ := os.Stat(s.path())
	if info == nil || info.Size() <= maxIntegrityCheck {
		if err := db.QuickCheck(); err != nil {
			return errors.Join(err, db.Close())
		}
	}
	s.db = db
	return s.endWords()
}

// ensure makes sure that a file is open, and that it is the one in the folder: the
// folder may be deleted, or a backup put in its place, while Central runs. opened: a
// file was opened now; it may hold nothing. A folder that another process has is
// folder.ErrInUse. A file that is damaged, foreign or newer than this program is
// replaced.
func (s *stateFile) ensure() (opened bool, err error) {
	if s.db != nil && !s.db.Replaced() && !s.lock.Lost() {
		return false, nil
	}
	_ = s.close() // its file is not in the folder any more
	if err := os.MkdirAll(s.dir, 0o750); err != nil {
		return false, fmt.Errorf("create it: %w", err)
	}
	if s.lock, err = folder.Acquire(s.dir, lockName); err != nil {
		return false, err
	}
	if err = s.open(); sqlite.Unusable(err) != "" {
		err = s.replace(err)
	}
	return err == nil, err
}

// replace puts the present file aside, and never deletes it, and begins a new one.
func (s *stateFile) replace(why error) error {
	_ = s.db.Close() // its file is put aside next
	s.db = nil
	name, err := folder.PutAside(s.path(), sqlite.Unusable(why), time.Now())
	if err != nil {
		return err
	}
	if err := s.open(); err != nil {
		return err
	}
	s.log.Warn("put an unusable state file aside and began a new one", "file", name, "why", sqlite.Reason(why))
	return nil
}

// close gives the folder back.
func (s *stateFile) close() error {
	err := s.db.Close()
	s.db = nil
	if s.lock != nil {
		err = errors.Join(err, s.lock.Close())
		s.lock = nil
	}
	return err
}

// diskFault reports whether the disk failed in a way that may pass, so that Central
// starts without it. Missing rights or a wrong name do not pass: they end the start.
func diskFault(dir string, err error) bool {
	if err == nil || errors.Is(err, folder.ErrInUse) {
		return false
	}
	err = errors.Join(err, sqlite.ProbeWrite(dir))
	passing := []syscall.Errno{syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT, syscall.EIO}
	return slices.ContainsFunc(passing, func(fault syscall.Errno) bool { return errors.Is(err, fault) })
}

// load reads the charge points. A row that makes no sense is skipped and counted: one
// bad row must not cost the others.
func (s *stateFile) load() (cps []cpstate.Condition, skipped int, err error) {
	const all = `SELECT cp_id, state, reason, since, registered, last_seen, status, fault_since, fault_reason, heartbeats, ever_heartbeats, certified
		FROM charge_points ORDER BY cp_id`
	err = s.db.Query(all, func(row *sqlite.Stmt) error {
		if cp, ok := readCP(row); ok {
			cps = append(cps, cp)
		} else {
			skipped++
		}
		return nil
	})
	return cps, skipped, err
}

func readCP(row *sqlite.Stmt) (cpstate.Condition, bool) {
	id, err := evcp.ParseCPID(row.ColumnText(0))
	state, ok1 := cpstate.ParseAvailability(row.ColumnText(1))
	reason, ok2 := cpstate.ParseReason(row.ColumnText(2))
	status, ok3 := evcp.ParseStatus(row.ColumnText(6))
	why, ok4 := cpstate.ParseReason(row.ColumnText(8))
	return cpstate.Condition{
		ID: id, State: state, Reason: reason, Status: status,
		Since: fromMillis(row.ColumnInt64(3)), Registered: fromMillis(row.ColumnInt64(4)), LastSeen: fromMillis(row.ColumnInt64(5)),
		Fault:           cpstate.OpenFault{Since: fromMillis(row.ColumnInt64(7)), Reason: why},
		SendsHeartbeats: row.ColumnBool(9), EverSentHeartbeats: row.ColumnBool(10), Certified: row.ColumnBool(11),
	}, err == nil && ok1 && ok2 && ok3 && ok4 && state != cpstate.Unregistered
}

// save deletes what was forgotten, and writes conditions and words, in one transaction.
func (s *stateFile) save(forgotten []evcp.CPID, cps []cpstate.Condition, words unsavedWords) error {
	if len(forgotten) == 0 && len(cps) == 0 && words.none() {
		return nil
	}
	return s.db.Transact(false, func() error {
		return errors.Join(s.deleteCPs(forgotten), s.saveCPs(cps), s.saveWords(words))
	})
}

func (s *stateFile) deleteCPs(ids []evcp.CPID) error {
	for _, id := range ids {
		for _, table := range []string{"charge_points", "words", "last_words"} {
			if err := s.db.Exec(`DELETE FROM `+table+` WHERE cp_id = ?`, string(id)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *stateFile) saveCPs(cps []cpstate.Condition) error {
	const put = `INSERT OR REPLACE INTO charge_points
		(cp_id, state, reason, since, registered, last_seen, status, fault_since, fault_reason, heartbeats, ever_heartbeats, certified) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`
	for _, cp := range cps {
		if err := s.db.Exec(put, string(cp.ID), cp.State.String(), cp.Reason.String(), millis(cp.Since), millis(cp.Registered), millis(cp.LastSeen),
			cp.Status.String(), millis(cp.Fault.Since), cp.Fault.Reason.String(), cp.SendsHeartbeats, cp.EverSentHeartbeats, cp.Certified); err != nil {
			return err
		}
	}
	return nil
}

// changedCPs names each charge point once.
func changedCPs(changes []Change) map[evcp.CPID]bool {
	ids := map[evcp.CPID]bool{}
	for _, c := range changes {
		ids[c.CP] = true
	}
	return ids
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
