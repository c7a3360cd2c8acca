package outbox

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"evcp"
	"evcp/internal/folder"
	"evcp/internal/language"
	"evcp/internal/sqlite"
)

// lockName is the file by which a process has the folder.
const lockName = "lock"

// OtherInstance is an OpenResult.Why, with the instance: whose events are there.
const OtherInstance = "another Monitor, instance %s, kept here before"

// Open takes the folder dir for this process, making it when it isn't there, and
// reads the file in it. A folder that another process has is an error that is
// folder.ErrInUse. Any other failure of the disk is none: OpenResult says what it
// was, and the outbox goes on in memory, with what can be read.
func Open(dir string, options Options) (*Outbox, error) {
	began := time.Now()
	o := &Outbox{
		options: options.withDefaults(), dir: dir, generation: 1, givenUp: dropSet{},
		stop: make(chan struct{}), closed: make(chan struct{}), back: newDiskReturn(),
	}
	o.host = host{o.options.Instance, machineID(o.options.sysfs)}
	o.reset()
	s, err := o.openDisk(began)
	if _, ok := errors.AsType[takeOverError](err); ok {
		return nil, errors.Join(err, o.lock.Close())
	}
	if errors.Is(err, folder.ErrInUse) {
		return nil, language.Errorf("%w; stop it, or choose another --state-dir, --cp-id or name of the fleet", err)
	}
	if err != nil {
		o.startInMemory(err, began)
		if s, err = o.options.openMemory(); err != nil {
			return nil, language.Errorf("open an outbox in memory: %w", err)
		}
	}
	o.start(s)
	o.result.Took = time.Since(began)
	return o, nil
}

// reset forgets everything that was read.
func (o *Outbox) reset() {
	o.stateTable = newStateTable(0)
	o.cursors, o.facts, o.oldDrops = map[string]*Cursor{}, newFacts(o), nil
	o.keptRun, o.nextRun, o.snapshotRun = 0, 0, 0
	o.keptTotal, o.written = total{}, total{}
}

// start starts the goroutines. Nobody else has the outbox yet.
func (o *Outbox) start(s runStore) {
	for _, name := range o.options.Readers {
		if name != Central {
			o.cursor(name)
		}
	}
	if o.mode == onDisk {
		o.reader.writers = 1
		o.stats.LogBytes = s.LogSize()
	} else {
		o.beginMemory(1 << 62) // whatever the disk holds by then is valid
		o.back.probeTimer.Reset(o.options.probeEvery)
	}
	o.stats.Bytes, _, _ = s.Usage() // a disk that fails here fails again where it matters
	o.owner = &ownerCalls{options: o.options, wake: make(chan struct{}, 1), stop: o.stop, done: make(chan struct{})}
	o.committer = newCommitter(o, s)
	o.committer.snapshot.covered = o.snapshotRun
	o.owner.dropped(o.oldDrops)
	o.oldDrops = nil
	go o.committer.run()
}

// openDisk opens the file; one that can't be used is put aside for a new one.
func (o *Outbox) openDisk(now time.Time) (runStore, error) {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return runStore{}, err
	}
	lock, err := folder.Acquire(o.dir, lockName)
	if err != nil {
		return runStore{}, err
	}
	o.lock = lock
	if o.taking, err = lockFolders(o.options.TakeOver); err != nil {
		return runStore{}, err
	}
	defer unlockFolders(o.taking)
	s, err := o.openFile()
	if kind := sqlite.Unusable(err); kind != "" {
		return o.replaceFile(kind, err, now)
	}
	return s, err
}

// openFile opens the file, reads it and marks it as open. On error it holds nothing.
func (o *Outbox) openFile() (runStore, error) {
	found := o.findFile()
	s, err := openStore(o.file(), o.options.MaxSize, o.options.ChargePoints)
	if err != nil {
		return s, err
	}
	if err = o.takeOver(s); err == nil {
		err = o.read(s, found)
	}
	if err == nil {
		err = s.Transact(true, func() error { return o.markOpen(s) })
	}
	return s.checked(err)
}

// findFile looks whether there is a file.
func (o *Outbox) findFile() Found {
	info, err := os.Stat(o.path())
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		return New
	}
	return Resumed
}

// replaceFile puts the file aside and begins a new one that knows the old numbers.
func (o *Outbox) replaceFile(kind string, cause error, now time.Time) (runStore, error) {
	name, err := folder.PutAside(o.path(), kind, now)
	if err != nil {
		return runStore{}, err
	}
	o.reset()
	s, err := o.openFile()
	if kind != sqlite.Foreign {
		o.stateTable = salvageNumbers(sqlite.DBFile{Path: name, VFS: o.options.VFS})
	}
	o.result = OpenResult{Found: PutAside, File: name, Why: sqlite.Reason(cause), Renumber: len(o.states) > 0}
	return s, err
}

// startInMemory is what Open does on a disk that takes nothing. What can be read is
// known all the same; but numbers that are used from now on are not in the file.
func (o *Outbox) startInMemory(cause error, now time.Time) {
	aside := o.result.File
	o.unread = aside != "" || !o.readImmutable()
	o.renumber()
	o.result.Found, o.result.File, o.result.Why = Refused, aside, sqlite.DiskError(o.dir, cause)
	o.stats.refuse(o.result.Why, now)
	o.enter(diskRefused)
	o.removeMarker()
}

// readImmutable reads the file and writes nothing. It reports false when no more than
// the numbers could be read.
func (o *Outbox) readImmutable() bool {
	o.reset()
	s, err := storeOn(schema.OpenImmutable(o.file()))
	if err == nil {
		if err = errors.Join(o.read(s, Resumed), s.Close()); err == nil {
			return true
		}
	}
	o.reset()
	if kind := sqlite.Unusable(err); kind == sqlite.Corrupt || kind == sqlite.Newer {
		o.stateTable = salvageNumbers(o.file())
	}
	return false
}

// renumber makes every charge point begin a new epoch.
func (o *Outbox) renumber() {
	o.result.Renumber = o.result.Renumber || len(o.states) > 0
	for i := range o.states {
		o.states[i].renumber = true
	}
}

func (o *Outbox) path() string { return filepath.Join(o.dir, fileName) }

func (o *Outbox) file() sqlite.DBFile { return sqlite.DBFile{Path: o.path(), VFS: o.options.VFS} }

// read takes over what the file holds.
func (o *Outbox) read(s runStore, found Found) error {
	o.result.Found = found
	doubt, err := o.doubtIn(o.dir, s, found)
	if err != nil {
		return err
	}
	r, err := replay(s, o.options.ChargePoints)
	if err != nil {
		return err
	}
	if err := o.readPositions(s, r.snapshot); err != nil {
		return err
	}
	o.stateTable = r.stateTable
	o.result.Replayed = r.replayed
	if doubt != "" {
		o.result.Renumber, o.result.Why = true, doubt
		o.renumber()
	}
	for _, cp := range o.doubtful {
		o.states[o.indexOf(cp)].renumber = true
	}
	return errors.Join(o.readFacts(s), o.readOldest(s))
}

// readPositions finds where writing and reading go on.
func (o *Outbox) readPositions(s runStore, snapshot int64) (err error) {
	o.snapshotRun = snapshot
	if err := s.QueryInts(`SELECT id, events, bytes FROM runs ORDER BY id DESC LIMIT 1`,
		&o.keptRun, &o.keptTotal.events, &o.keptTotal.bytes); err != nil {
		return err
	}
	o.keptRun = max(o.keptRun, snapshot)
	if err := s.eachPosition(o.setPosition); err != nil {
		return err
	}
	o.nextRun, o.written = o.keptRun, o.keptTotal
	o.oldDrops, err = s.drops()
	return err
}

// setPosition takes over the position of one reader. The runs that it has may be gone.
func (o *Outbox) setPosition(at cursorPosition) {
	o.keptRun = max(o.keptRun, at.run)
	if at.name == Central {
		o.facts.saved = at
		return
	}
	c := o.cursor(at.name)
	c.at, c.saved, c.next = at, at, at.run
	o.keptTotal.events = max(o.keptTotal.events, at.events)
}

// readOldest finds when the first event happened that a cursor does not have.
func (o *Outbox) readOldest(s runStore) error {
	for _, c := range o.cursors {
		var at int64
		if err := s.QueryIntsFor(`SELECT at FROM runs WHERE id > ? ORDER BY id LIMIT 1`, []any{c.at.run}, &at); err != nil {
			return err
		}
		c.oldest = evcp.Stamp(at)
	}
	return nil
}

// host is who keeps in a folder: a Monitor, and the machine it runs on.
type host struct{ instance, machine string }

// machineID names the hardware that sysfs (/sys) shows: the serial number of the board
// and the permanent addresses of its network cards, parted by blanks. A copied card has
// everything of the machine it was copied on but these. "" is a machine that shows
// neither, as in most containers.
func machineID(sysfs string) string {
	var words []string
	if serial := sysfsWord(filepath.Join(sysfs, "firmware", "devicetree", "base", "serial-number")); serial != "" {
		words = append(words, serial)
	}
	cards, _ := filepath.Glob(filepath.Join(sysfs, "class", "net", "*", "device")) // what is no hardware has none
	for _, card := range cards {
		card = filepath.Dir(card)
		if sysfsWord(filepath.Join(card, "addr_assign_type")) == "0" {
			words = append(words, sysfsWord(filepath.Join(card, "address")))
		}
	}
	return strings.Join(words, " ")
}

// sysfsWord reads one word; "" where there is none.
func sysfsWord(file string) string {
	b, _ := os.ReadFile(file)
	word, _, _ := strings.Cut(string(bytes.Trim(b, "\x00\n ")), " ")
	return word
}

// otherMachine reports whether two ids can't be of one machine: neither is empty, and
// no word is in both. A network card more or less makes no other machine.
func otherMachine(a, b string) bool {
	before, now := strings.Fields(a), strings.Fields(b)
	shared := slices.ContainsFunc(now, func(word string) bool { return slices.Contains(before, word) })
	return len(before) > 0 && len(now) > 0 && !shared
}

// checkFolderEvery is how often the committer looks whether the folder is still there: a commit
// up to checkFolderEarly earlier, or the timer as much later. So checks that come every second do
// not wake the process for that once more.
const (
	checkFolderEvery = time.Second
	checkFolderEarly = checkFolderEvery / 10
)

// errReplaced is a folder, or a file in it, that is not the one that is open.
var errReplaced = errors.New("the state folder or its file was removed or replaced")

// checkFolder returns an error when the folder or the file is not this process's any more:
// then nobody will find what is written.
func (c *committer) checkFolder(now time.Time) error {
	c.folderChecked = now
	c.folderTimer.Reset(checkFolderEvery + checkFolderEarly)
	c.watchdog.Reset(c.o.options.stuckAfter)
	defer c.watchdog.Stop()
	if err := c.relock(); err != nil {
		return err
	}
	if c.store.Replaced() {
		return errReplaced
	}
	return nil
}

// checkFolderAfter looks after the folder with a commit.
func (c *committer) checkFolderAfter(commit time.Time) error {
	if c.store.InMemory() || commit.Sub(c.folderChecked) < checkFolderEvery-checkFolderEarly {
		return nil
	}
	return c.checkFolder(commit)
}

// relock locks the folder again when its lock was removed or replaced, so that no second
// process has it. If one has it already, that is a folder.InUseError.
func (c *committer) relock() error {
	o := c.o
	if o.isLocked() {
		return nil
	}
	lock, err := folder.Acquire(o.dir, lockName)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return errReplaced
	}
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.isSuperseded() {
		return lock.Close()
	}
	return o.setLock(lock)
}

// setLock takes a lock in the place of the one that was lost. The caller holds the lock.
func (o *Outbox) setLock(lock *folder.Lock) (err error) {
	if o.lock != nil {
		err = o.lock.Close()
	}
	o.lock = lock
	return err
}
