package outbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"evcp"
	"evcp/internal/folder"
	"evcp/internal/sqlite"
)

// lockName is the file by which a process has the folder.
const lockName = "lock"

// Open takes the folder dir for this process, making it when it isn't there, and
// reads what is known. A folder that another process has is an error that is
// folder.ErrInUse; any other trouble of the disk is not: the Origin says what it
// was and the outbox goes on in memory, with what can be read.
func Open(dir string, options Options) (*Outbox, error) {
	began := time.Now()
	o := &Outbox{options: options.withDefaults(), dir: dir, generation: 1, closed: make(chan struct{})}
	o.host = host{o.options.Instance, machineID(o.options.sysfs)}
	o.reset()
	s, err := o.openDisk(began)
	if errors.Is(err, folder.ErrInUse) {
		return nil, fmt.Errorf("%w; stop it, or choose another --state-dir or --cp-id", err)
	}
	if err != nil {
		o.goOnInMemory(err, began)
		if s, err = openMemory(); err != nil {
			return nil, fmt.Errorf("open an outbox in memory: %w", err)
		}
	}
	o.begin(s)
	o.result.Took = time.Since(began)
	return o, nil
}

// reset forgets everything that was read.
func (o *Outbox) reset() {
	o.states, o.index = nil, map[evcp.CPID]int{}
	o.cursors, o.facts, o.oldDrops = map[string]*Cursor{}, nil, nil
	o.keptRun, o.nextRun, o.snapshotRun = 0, 0, 0
	o.keptTotal, o.written = total{}, total{}
}

// begin starts the goroutines. Nobody else has the outbox yet.
func (o *Outbox) begin(s *runStore) {
	for _, name := range o.options.Readers {
		o.cursor(name)
	}
	if o.facts == nil {
		o.facts = newFacts(o)
	}
	if s.InMemory() {
		o.intoMemory(1 << 62) // nothing of what the disk may hold by then is ours
	} else {
		o.reader.writers = 1
	}
	o.counts.bytes, _, _ = s.Usage() // a disk that fails here fails again where it matters
	o.notifier = newNotifier(o.options)
	o.committer = newCommitter(o, s)
	o.committer.snapshotRun = o.snapshotRun
	o.notifier.dropped(o.oldDrops)
	o.oldDrops = nil
	go o.notifier.run()
	go o.committer.run()
}

// openDisk opens the file; one that can't be used makes room for a new one.
func (o *Outbox) openDisk(now time.Time) (*runStore, error) {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := folder.Acquire(o.dir, lockName)
	if err != nil {
		return nil, err
	}
	o.lock = lock
	s, err := o.openFile()
	if kind := sqlite.Unusable(err); kind != "" {
		return o.replace(kind, err, now)
	}
	return s, err
}

// openFile opens the file, reads what it knows and marks it as open. On error it
// holds nothing.
func (o *Outbox) openFile() (*runStore, error) {
	found := o.findFile()
	s, err := openStore(o.file(), o.options.MaxSize)
	if err != nil {
		return nil, err
	}
	if err := o.read(s, found); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s.checked(s.Transact(true, func() error { return o.markOpen(s) }))
}

// findFile says whether there is a file.
func (o *Outbox) findFile() Found {
	info, err := os.Stat(o.path())
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		return New
	}
	return Resumed
}

// replace puts the file aside and begins a new one that knows the old numbers.
func (o *Outbox) replace(kind string, cause error, now time.Time) (*runStore, error) {
	name, err := folder.PutAside(o.path(), kind, now)
	if err != nil {
		return nil, err
	}
	o.reset()
	s, err := o.openFile()
	if kind != sqlite.Foreign {
		o.setStates(salvageNumbers(sqlite.Location{Path: name, VFS: o.options.VFS}))
	}
	o.result = OpenResult{Found: PutAside, File: name, Why: sqlite.Reason(cause), Renumber: len(o.states) > 0}
	return s, err
}

// goOnInMemory is what Open does on a disk that takes nothing. What can be read is
// known all the same; but numbers that are used from now on are not in the file.
func (o *Outbox) goOnInMemory(cause error, now time.Time) {
	aside := o.result.File
	if aside == "" {
		o.unread = !o.readImmutable()
	} else {
		o.unread = true
	}
	o.renumber()
	o.result.Found, o.result.File, o.result.Why = Refused, aside, sqlite.DiskError(o.dir, cause)
	o.counts.refusedSince, o.counts.refusedWhy = now, o.result.Why
	o.removeMarker()
}

// readImmutable reads what the file knows and writes nothing. It reports false when no more
// than the numbers could be had.
func (o *Outbox) readImmutable() bool {
	o.reset()
	s, err := storeOn(schema.OpenImmutable(o.file()))
	if err == nil {
		if err = errors.Join(o.read(s, Resumed), s.close()); err == nil {
			return true
		}
	}
	o.reset()
	if kind := sqlite.Unusable(err); kind == sqlite.Corrupt || kind == sqlite.Newer {
		o.setStates(salvageNumbers(o.file()))
	}
	return false
}

// setStates takes over what a file tells.
func (o *Outbox) setStates(h *replayResult) { o.states, o.index = h.states, h.index }

// renumber makes every charge point begin a new epoch.
func (o *Outbox) renumber() {
	o.result.Renumber = o.result.Renumber || len(o.states) > 0
	for i := range o.states {
		o.states[i].renumber = true
	}
}

func (o *Outbox) path() string { return filepath.Join(o.dir, fileName) }

func (o *Outbox) file() sqlite.Location { return sqlite.Location{Path: o.path(), VFS: o.options.VFS} }
