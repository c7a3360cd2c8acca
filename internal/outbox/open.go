package outbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"

	"evcp"
)

// Open takes the folder dir for this process, making it when it isn't there, and
// reads what is known. A folder that another process has is an error, an
// InUseError; any other trouble of the disk is not: the Origin says what it was
// and the outbox goes on in memory.
func Open(dir string, options Options) (*Outbox, error) {
	began := time.Now()
	o := &Outbox{
		options: options.withDefaults(), dir: dir, generation: 1, closed: make(chan struct{}),
		places: map[evcp.CPID]int{}, cursors: map[string]*Cursor{},
	}
	s, err := o.openDisk(began)
	if errors.Is(err, ErrInUse) {
		return nil, err
	}
	if err != nil {
		o.blind = true
		o.origin = Origin{Found: Refused, Why: refusal(dir, err)}
		o.counts.refusedSince, o.counts.refusedWhy = began, o.origin.Why
		if s, err = openMemory(); err != nil {
			return nil, fmt.Errorf("open an outbox in memory: %w", err)
		}
	}
	o.begin(s, began)
	o.origin.Took = time.Since(began)
	return o, nil
}

// begin starts the goroutines. Nobody else has the outbox yet.
func (o *Outbox) begin(s *store, began time.Time) {
	for _, name := range o.options.Readers {
		o.cursor(name)
	}
	if o.facts == nil {
		o.facts = newFacts(o)
	}
	if s.inMemory() {
		o.nextRun = began.UnixMilli()
		o.memoryFrom = o.nextRun + 1
	}
	o.counts.bytes, _, _ = s.used() // a disk that fails here fails again where it matters
	o.teller = newTeller(o.options)
	o.keeper = newKeeper(o, s)
	o.keeper.snapshotRun = o.snapshotRun
	o.teller.dropped(o.untold)
	o.untold = nil
	go o.teller.run()
	go o.keeper.run()
}

// openDisk opens the file; one that can't be used makes room for a new one.
func (o *Outbox) openDisk(now time.Time) (*store, error) {
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockFolder(o.dir)
	if err != nil {
		return nil, err
	}
	o.lock = lock
	s, err := o.openFile()
	for why := unusable(err); why != ""; why = unusable(err) {
		s, err = o.replace(why, err, now)
	}
	return s, err
}

// openFile opens the file and reads what it knows. On error it holds nothing.
func (o *Outbox) openFile() (*store, error) {
	path := filepath.Join(o.dir, fileName)
	info, err := os.Stat(path)
	found := Resumed
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		found = New
	}
	s, err := openStore(o.dir, o.options.VFS, o.options.MaxSize)
	if err != nil {
		return nil, err
	}
	if err := o.read(s, found); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// read takes in what the file knows and marks it as open.
func (o *Outbox) read(s *store, found Found) error {
	o.origin.Found = found
	why, err := o.unproven(s, found)
	if err != nil {
		return err
	}
	h, err := replay(s)
	if err != nil {
		return err
	}
	if err := o.readPositions(s, h); err != nil {
		return err
	}
	o.known, o.places = h.known, h.places
	o.origin.Replayed = h.replayed
	if why != "" {
		o.renumber(why)
	}
	if err := errors.Join(o.readReports(s), o.readOldest(s)); err != nil {
		return err
	}
	return s.transact(true, func() error { return o.markOpen(s) })
}

// renumber makes every charge point begin a new epoch.
func (o *Outbox) renumber(why string) {
	o.origin.Renumber, o.origin.Why = true, why
	for i := range o.known {
		o.known[i].renumber = true
	}
}

// readPositions finds where writing and reading go on.
func (o *Outbox) readPositions(s *store, h *history) error {
	last := h.snapshot
	o.snapshotRun = h.snapshot
	if err := s.ask(`SELECT id, events, bytes FROM runs ORDER BY id DESC LIMIT 1`,
		&o.keptRun, &o.keptTotal.events, &o.keptTotal.bytes); err != nil {
		return err
	}
	if err := o.readCursors(s); err != nil {
		return err
	}
	for _, c := range o.cursors {
		last = max(last, c.at.run)
		if !c.follow {
			o.keptTotal.events = max(o.keptTotal.events, c.at.events)
		}
	}
	o.keptRun = max(o.keptRun, last)
	o.nextRun, o.written = o.keptRun, o.keptTotal
	var err error
	o.untold, err = s.drops()
	return err
}

func (o *Outbox) readCursors(s *store) error {
	return s.waypoints(func(at waypoint) {
		c := o.cursor(at.name)
		c.at, c.saved, c.next = at, at, at.run
	})
}

func (s *store) waypoints(f func(waypoint)) error {
	return s.each(`SELECT name, run, events, dropped FROM cursors`, func(p *sqlite3.Stmt) error {
		f(waypoint{p.ColumnText(0), p.ColumnInt64(1), p.ColumnInt64(2), p.ColumnInt64(3)})
		return nil
	})
}

// readOldest finds when the first event happened that a cursor does not have.
func (o *Outbox) readOldest(s *store) error {
	for _, c := range o.cursors {
		var at int64
		if err := s.askFor(`SELECT at FROM runs WHERE id > ? ORDER BY id LIMIT 1`, []any{c.at.run}, &at); err != nil {
			return err
		}
		c.oldest = evcp.Stamp(at)
	}
	return nil
}

// replace puts the file aside and begins a new one that knows the old numbers.
func (o *Outbox) replace(why string, cause error, now time.Time) (*store, error) {
	name, err := putAside(o.dir, why, now)
	if err != nil {
		return nil, err
	}
	o.keptRun, o.nextRun, o.keptTotal, o.written = 0, 0, total{}, total{}
	o.cursors = map[string]*Cursor{}
	h := &history{places: map[evcp.CPID]int{}}
	if why != "foreign" {
		h = numbers(name, o.options.VFS)
	}
	s, err := o.openFile()
	if err != nil {
		return nil, err
	}
	o.known, o.places = h.known, h.places
	o.origin = Origin{Found: PutAside, File: name, Why: fmt.Sprintf("%s: %v", why, cause), Renumber: len(h.known) > 0}
	return s, nil
}

// refusal says for people what the disk did.
func refusal(dir string, err error) string {
	return fmt.Sprintf("state folder %s can't be used: %v; events are kept in memory only", dir, err)
}
