package operations

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"evcp"
	"evcp/internal/audit"
	"evcp/internal/sqlite"
)

// Store is what people entered. Any goroutine may use it.
type Store struct {
	file *audit.BoardDB // nil of Empty

	mu      sync.Mutex
	owners  map[evcp.CPID]Owner
	windows map[Touched][]MaintenanceWindow // that have not ended
	heard   map[evcp.CPID]string            // the sites of the events
	ports   portSet
	version uint64
	touched []Touched     // the last changes of overlays, the newest has the number version
	changed chan struct{} // closed at the next change
}

// Touched is whose overlay has changed: that of a charge point, or of all those of a site.
type Touched struct {
	CP   evcp.CPID
	Site string
}

// maxTouched is how many changes a reader can catch up with.
const maxTouched = 2000

// Empty is a store without a file: nothing was entered, and nothing can be.
func Empty() *Store {
	return &Store{owners: map[evcp.CPID]Owner{}, windows: map[Touched][]MaintenanceWindow{}, changed: make(chan struct{})}
}

// Open reads what was entered.
func Open(file *audit.BoardDB) (*Store, error) {
	s := Empty()
	s.file = file
	now := evcp.StampOf(time.Now())
	err := file.Read(func(db *sqlite.DB) error {
		lines, err := loadPorts(db)
		if err == nil {
			s.ports, err = newPortSet(lines)
		}
		return errors.Join(err,
			db.Query(`SELECT cp_id, name, note, until, incident, made FROM owners`, func(row *sqlite.Stmt) error {
				o := Owner{evcp.CPID(row.ColumnText(0)), row.ColumnText(1), row.ColumnText(2), evcp.Stamp(row.ColumnInt64(3)), evcp.Stamp(row.ColumnInt64(4)), evcp.Stamp(row.ColumnInt64(5))}
				s.owners[o.CP] = o
				return nil
			}),
			queryWindows(db, `WHERE to_at > ? AND ended = 0`, s.addWindow, int64(now)),
		)
	})
	if err != nil {
		return nil, fmt.Errorf("read what was entered: %w", err)
	}
	return s, nil
}

// Change makes a change in board.db.
func (s *Store) Change(by audit.Actor, change func(*audit.BoardChange) error) error {
	if s.file == nil {
		return ErrNoFile
	}
	return s.file.Change(by, change)
}

// At is the overlay of a charge point.
func (s *Store) At(cp evcp.CPID, now time.Time) Overlay { return s.Overlays(now)(cp) }

// Overlays is At for many charge points at one moment. It holds the lock of the store for each
// call alone.
func (s *Store) Overlays(at time.Time) func(evcp.CPID) Overlay {
	now := evcp.StampOf(at)
	return func(cp evcp.CPID) (o Overlay) {
		s.mu.Lock()
		defer s.mu.Unlock()
		o.Port, o.Site = s.ports.byCP[cp], s.site(cp)
		if owner, taken := s.owners[cp]; taken && owner.holds(now) {
			o.Owner = &owner
		}
		for _, w := range slices.Concat(s.windows[Touched{CP: cp}], s.windowsAt(o.Site)) {
			if w.open(now) && (o.Maintenance == nil || w.To > o.Maintenance.To) {
				o.Maintenance = &w
			}
		}
		return o
	}
}

// windowsAt are the windows of a site. The caller holds the lock.
func (s *Store) windowsAt(site string) []MaintenanceWindow {
	if site == "" {
		return nil
	}
	return s.windows[Touched{Site: site}]
}

// addWindow keeps a window in memory. The caller holds the lock, or nobody else knows the store.
func (s *Store) addWindow(w MaintenanceWindow) {
	s.windows[w.place()] = append(slices.Clone(s.windows[w.place()]), w)
}

// dropWindow forgets one. The caller holds the lock.
func (s *Store) dropWindow(w MaintenanceWindow) {
	left := slices.DeleteFunc(slices.Clone(s.windows[w.place()]), func(o MaintenanceWindow) bool { return o.ID == w.ID })
	if s.windows[w.place()] = left; len(left) == 0 {
		delete(s.windows, w.place())
	}
}

// site is where a charge point stands. The caller holds the lock.
func (s *Store) site(cp evcp.CPID) string { return cmp.Or(s.ports.byCP[cp]["site"], s.heard[cp]) }

// Sites are the names of the sites where charge points stand; the caller may change the map.
func (s *Store) Sites() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	sites := map[string]bool{}
	for _, cells := range s.ports.byCP {
		sites[cells["site"]] = true
	}
	for _, site := range s.heard {
		sites[site] = true
	}
	delete(sites, "")
	return sites
}

// HasPort reports whether a line of the ports is of the charge point.
func (s *Store) HasPort(cp evcp.CPID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ports.byCP[cp] != nil
}

// SetSites says where the events say that charge points stand. The caller does not change it
// any more.
func (s *Store) SetSites(sites map[evcp.CPID]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var moved []Touched
	for cp, site := range sites {
		if s.heard[cp] != site {
			moved = append(moved, Touched{CP: cp})
		}
	}
	for cp := range s.heard {
		if sites[cp] == "" {
			moved = append(moved, Touched{CP: cp})
		}
	}
	s.heard = sites
	s.touch(moved...)
}

// touch notes changes and wakes those who wait. The caller holds the lock.
func (s *Store) touch(what ...Touched) {
	if len(what) == 0 {
		return
	}
	s.version += uint64(len(what))
	s.touched = append(s.touched, what...)
	if n := len(s.touched) - maxTouched; n > 0 {
		s.touched = append([]Touched(nil), s.touched[n:]...)
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// Since is whose overlays have changed since a version, and the version now. all: more than are
// known, so every one may have.
func (s *Store) Since(version uint64) (what []Touched, all bool, now uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.version - version
	if version > s.version || n > uint64(len(s.touched)) {
		return nil, true, s.version
	}
	return append(what, s.touched[uint64(len(s.touched))-n:]...), false, s.version
}

// Watch is a channel that is closed at the next change of an overlay.
func (s *Store) Watch() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// longestSleep bounds how long Run sleeps: the clock may be set.
const longestSleep = time.Minute

// Run tells of what begins and ends by time, until ctx ends.
func (s *Store) Run(ctx context.Context) {
	last := evcp.StampOf(time.Now())
	for {
		now := time.Now()
		changed := s.Watch()
		next := s.step(last, evcp.StampOf(now))
		last = evcp.StampOf(now)
		sleep := longestSleep
		if next != 0 {
			sleep = min(sleep, next.Time().Sub(now)+time.Millisecond)
		}
		timer := time.NewTimer(sleep)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-changed:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// step tells of what began or ended after last and up to now. next is when that happens again;
// 0: never.
func (s *Store) step(last, now evcp.Stamp) (next evcp.Stamp) {
	due := func(at evcp.Stamp) bool {
		if at > now && (next == 0 || at < next) {
			next = at
		}
		return at > last && at <= now
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var what []Touched
	for place, all := range s.windows {
		for _, w := range all {
			if begins, ends := due(w.From), due(w.To); begins || ends {
				what = append(what, place)
			}
			if w.To <= now {
				s.dropWindow(w)
			}
		}
	}
	for _, o := range s.owners {
		if o.Until != 0 && due(o.Until) {
			what = append(what, Touched{CP: o.CP})
		}
	}
	s.touch(what...)
	return next
}
