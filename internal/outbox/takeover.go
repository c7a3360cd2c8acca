package outbox

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"evcp"
	"evcp/internal/folder"
	"evcp/internal/language"
	"evcp/internal/sqlite"
)

// A fleet takes over the folders of lone charge points (Options.TakeOver): their States, and
// what their readers did not have yet. All of it is one transaction, which also notes which
// opening of each folder's file it has taken. Then the files are put aside, under a name that
// ends in -taken-over. A process that ends in between leaves the notes: the next one only puts
// aside.

// takenOver is the word for the name of a file whose content is in another one now.
const takenOver = "taken-over"

// takeOver is one take-over under way.
type takeOver struct {
	o       *Outbox
	to      runStore
	folders []*loneFolder
	end     runEnd // of what is in to
}

// loneFolder is the folder of a lone charge point, which this process has locked.
type loneFolder struct {
	cp     evcp.CPID
	dir    string
	lock   *folder.Lock
	tried  string // which opening of the file it is
	doubt  bool   // the last number can't be proven
	copied bool   // by an earlier process
	at     map[string]cursorPosition
}

// takeOverError ends Open: a charge point that went on without its State would be reported
// twice.
type takeOverError struct{ error }

func (e takeOverError) Unwrap() error { return e.error }

// In implements language.Translatable.
func (e takeOverError) In(l language.Language) string { return l.Error(e.error) }

// lockFolders locks the folders that have a file. When another process has one of them,
// nothing is taken over.
func lockFolders(dirs []string) (all []*loneFolder, err error) {
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, fileName)); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		lock, err := folder.Acquire(dir, lockName)
		if errors.Is(err, folder.ErrInUse) {
			err = language.Errorf("%w; stop that Monitor: this fleet has its charge point", err)
		}
		if err != nil {
			unlockFolders(all)
			return nil, takeOverError{err}
		}
		all = append(all, &loneFolder{cp: evcp.CPID(filepath.Base(dir)), dir: dir, lock: lock})
	}
	return all, nil
}

func unlockFolders(all []*loneFolder) {
	for _, f := range all {
		_ = f.lock.Close()
	}
}

// takeOver takes the folders that are locked into s.
func (o *Outbox) takeOver(s runStore) error {
	if len(o.taking) == 0 {
		return nil
	}
	t := takeOver{o: o, to: s, folders: o.taking}
	for _, step := range []func() error{t.readNotes, t.copyAll, t.putAside} {
		if err := step(); err != nil {
			return takeOverError{err}
		}
	}
	o.result.TakenOver = len(t.folders)
	return nil
}

func (f *loneFolder) path() string { return filepath.Join(f.dir, fileName) }
func (f *loneFolder) note() string { return takenOver + " " + string(f.cp) }

// open calls use with the file of a folder, at its present schema.
func (t *takeOver) open(f *loneFolder, use func(runStore) error) error {
	s, err := storeOn(schema.Open(sqlite.DBFile{Path: f.path(), VFS: t.o.options.VFS}, `PRAGMA journal_mode=WAL`))
	if err == nil {
		err = errors.Join(use(s), s.Close())
	}
	if err != nil {
		return language.Errorf("take over %s: %w", f.path(), err)
	}
	return nil
}

// readNotes finds out which folders an earlier process has copied.
func (t *takeOver) readNotes() error {
	notes, err := t.to.meta()
	if err != nil {
		return err
	}
	for _, f := range t.folders {
		err := t.open(f, func(s runStore) error {
			meta, err := s.meta()
			if err != nil {
				return err
			}
			why, err := t.o.doubtIn(f.dir, s, Resumed)
			f.tried, f.doubt, f.at = meta["tried"], why != "", map[string]cursorPosition{}
			f.copied = f.tried != "" && notes[f.note()] == f.tried
			return errors.Join(err, s.eachPosition(func(p cursorPosition) { f.at[p.name] = p }))
		})
		if err != nil {
			return err
		}
		if f.doubt {
			t.o.doubtful = append(t.o.doubtful, f.cp)
		}
	}
	return nil
}

// copyAll copies what the readers of the folders did not have yet behind what is there, and
// then the States. What Kafka had and Central did not comes first: where Kafka has everything
// that is there, its position moves over that.
func (t *takeOver) copyAll() error {
	all := slices.DeleteFunc(slices.Clone(t.folders), func(f *loneFolder) bool { return f.copied })
	if len(all) == 0 {
		return nil
	}
	kafka, err := t.findEnd()
	if err != nil {
		return err
	}
	toKafka := slices.Contains(t.o.options.Readers, Kafka)
	delivered := func(f *loneFolder) int64 {
		if !toKafka {
			return 1 << 62
		}
		return f.at[Kafka].run
	}
	caughtUp := toKafka && kafka.run == t.end.run
	return t.to.Transact(true, func() error {
		for _, f := range all {
			if err := t.copyRuns(f, f.at[Central].run, delivered(f)); err != nil {
				return err
			}
		}
		if caughtUp {
			kafka.name, kafka.run, kafka.events = Kafka, t.end.run, t.end.events
			if err := t.to.savePositions([]cursorPosition{kafka}); err != nil {
				return err
			}
		}
		for _, f := range all {
			if err := t.copyRuns(f, delivered(f), 1<<62); err != nil {
				return err
			}
		}
		return t.copyRest(all)
	})
}

// runEnd is where a file ends: the last run, and what was ever appended with it.
type runEnd struct{ run, events, bytes int64 }

// findEnd finds where to go on, and the position of Kafka.
func (t *takeOver) findEnd() (kafka cursorPosition, err error) {
	if err := t.to.QueryInts(`SELECT id, events, bytes FROM runs ORDER BY id DESC LIMIT 1`, &t.end.run, &t.end.events, &t.end.bytes); err != nil {
		return kafka, err
	}
	return kafka, t.to.eachPosition(func(p cursorPosition) {
		t.end.run = max(t.end.run, p.run)
		if p.name == Kafka {
			kafka = p
		}
	})
}

// copyRuns appends the runs of a folder after one, up to another.
func (t *takeOver) copyRuns(f *loneFolder, after, last int64) error {
	if after >= last {
		return nil
	}
	return t.open(f, func(s runStore) error {
		var lines []byte
		for {
			some, err := s.someRuns(mib, selectRuns+`id > ? AND id <= ? ORDER BY id`, after, last)
			if err != nil || len(some) == 0 {
				return err
			}
			for _, r := range some {
				after = r.ID
				t.end.run++
				t.end.events += int64(r.Count)
				lines = r.appendLines(lines[:0])
				t.end.bytes += int64(len(lines))
				r.ID, r.events, r.bytes = t.end.run, t.end.events, t.end.bytes
				if err := t.to.insert(&r); err != nil {
					return err
				}
			}
		}
	})
}

// copyRest copies what is known of the charge points, as of all runs that were copied, and
// notes what was taken. Where a later State is there already, it stays.
func (t *takeOver) copyRest(all []*loneFolder) error {
	ours, err := replay(t.to, 0)
	if err != nil {
		return err
	}
	for _, f := range all {
		err := t.open(f, func(s runStore) error {
			theirs, err := replay(s, 0)
			if err != nil {
				return err
			}
			for i, st := range theirs.states {
				if at, known := ours.find(st.cp); known && ours.states[at].state.Epoch > st.state.Epoch {
					theirs.states[i] = ours.states[at]
				}
			}
			drops, err := s.drops()
			if err != nil {
				return err
			}
			setAside, err := s.allSetAside()
			return errors.Join(err, t.to.saveStates(t.end.run, theirs.states), t.to.moveDrops(drops), t.to.saveSetAside(setAside),
				t.to.setMeta(f.note(), f.tried))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// putAside puts the files aside and then forgets the notes: without a file there is none.
func (t *takeOver) putAside() error {
	for _, f := range t.folders {
		if _, err := folder.PutAside(f.path(), takenOver, time.Now()); err != nil {
			return err
		}
	}
	return t.to.Exec(`DELETE FROM meta WHERE name LIKE '` + takenOver + ` %'`)
}
