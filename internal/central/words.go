package central

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"evcp"
	"evcp/internal/sqlite"
	"evcp/internal/wire"
)

// Words is what was said by the text protocol for one charge point, and what Central answered:
// one message, or the same one with the same answer several times. Heartbeats count together
// until another message comes; reports of a failure, until the fault may be over.
type Words struct {
	From, To   time.Time // of the first and of the last message
	Count      uint64
	Said       wire.Message
	Answered   string        // ""; the answer could not be sent
	AnsweredIn time.Duration // how long the first answer took
	Peer       string        // the address that sent the first message
}

// sameFault is how long after a report of a failure another one is taken for its repetition.
const sameFault = 5 * time.Minute

// goesOn reports whether the next words are only one more.
func (w *Words) goesOn(next Words) bool {
	return w != nil && w.Said == next.Said && w.Answered == next.Answered && w.Said.Verb != wire.EngineRecovered &&
		(w.Said.Verb != wire.EngineFailure || next.From.Sub(w.To) <= sameFault)
}

// lastWords are those of a charge point that may go on, by slot; nil: none.
type lastWords [2]*Words

// copied are the words that there are, as they are now.
func (l lastWords) copied() (all [2]Words) {
	for slot, w := range l {
		if w != nil {
			all[slot] = *w
		}
	}
	return all
}

const failureSlot = 1

func slotOf(m wire.Message) int {
	if m.Verb == wire.EngineFailure {
		return failureSlot
	}
	return 0
}

// endsFault reports whether a fault may be over with a message.
func endsFault(m wire.Message) bool {
	return m.Verb != wire.Heartbeat && m.Verb != wire.EngineFailure || m.Verb == wire.Heartbeat && m.Status == evcp.OK
}

// wordLog are the words of all charge points that are not on disk yet. The board's lock guards
// it.
type wordLog struct {
	ended   []Words              // their last message has come, in order
	begun   map[evcp.CPID]bool   // whose last words are new
	missed  uint64               // ended words that were no longer held
	excess  map[evcp.CPID]bool   // which may have too many on disk
	changed map[*boardEntry]bool // whose last words are not as they are on disk
}

func newWordLog() wordLog {
	return wordLog{begun: map[evcp.CPID]bool{}, excess: map[evcp.CPID]bool{}, changed: map[*boardEntry]bool{}}
}

// hear takes messages that were answered. Only charge points on the board have words: others
// can be invented without end.
func (b *board) hear(all []Words) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range all {
		b.hearOne(w)
	}
}

func (b *board) hearOne(w Words) {
	p := b.cps[w.Said.CP]
	if p == nil {
		return
	}
	b.words.changed[p] = true
	slot := slotOf(w.Said)
	if last := p.last[slot]; last.goesOn(w) {
		last.To, last.Count = w.To, last.Count+1
		return
	}
	for _, other := range p.last { // the clock may be set back, and two may be of one moment; From is the key
		if other != nil && w.From.UnixMicro() <= other.From.UnixMicro() {
			w.From = other.From.Add(time.Microsecond)
		}
	}
	b.endWords(p, slot)
	if endsFault(w.Said) {
		b.endWords(p, failureSlot)
	}
	p.last[slot] = &w
	if w.Said.Verb != wire.Heartbeat { // the others wait for a minute
		b.words.begun[w.Said.CP] = true
		b.changeWatchers.raise()
	}
}

// endWords puts words that are over among those to write.
func (b *board) endWords(p *boardEntry, slot int) {
	if p.last[slot] == nil {
		return
	}
	b.words.end(*p.last[slot], b.changesHeld())
	p.last[slot] = nil
	if p.ended++; p.ended%trimWordsEvery == 0 {
		b.words.excess[p.ID] = true
	}
}

func (l *wordLog) end(w Words, most int) {
	if len(l.ended) >= most {
		l.ended = l.ended[1:]
		l.missed++
	}
	l.ended = append(l.ended, w)
}

// forget drops the words of a charge point.
func (l *wordLog) forget(p *boardEntry) {
	l.ended = slices.DeleteFunc(l.ended, func(w Words) bool { return w.Said.CP == p.ID })
	delete(l.changed, p)
}

// unsavedWords is what a persister writes of the words.
type unsavedWords struct {
	ended  []Words
	last   []*boardEntry      // whose last words are written, as they were then
	words  [][2]Words         // these words; a Count of 0: none
	missed uint64             // that were no longer held
	excess map[evcp.CPID]bool // which may have too many on disk
}

func (u unsavedWords) none() bool { return len(u.ended) == 0 && len(u.last) == 0 }

// takeWords takes what is to write soon; with counts also those of heartbeats, with all
// everything that is known. keepWords gives it back.
func (b *board) takeWords(counts, all bool) (u unsavedWords) {
	b.mu.Lock()
	defer b.mu.Unlock()
	u.ended, u.missed, u.excess = b.words.ended, b.words.missed, b.words.excess
	b.words.ended, b.words.missed, b.words.excess = nil, 0, map[evcp.CPID]bool{}
	for _, w := range u.ended {
		b.words.begun[w.Said.CP] = true // its last words are new, too
	}
	take := func(p *boardEntry) {
		u.last, u.words = append(u.last, p), append(u.words, p.last.copied())
		delete(b.words.changed, p)
	}
	switch {
	case all:
		for _, p := range b.cps {
			take(p)
		}
	case counts:
		for p := range b.words.changed {
			take(p)
		}
	default:
		for id := range b.words.begun {
			if p := b.cps[id]; p != nil && b.words.changed[p] {
				take(p)
			}
		}
	}
	clear(b.words.begun)
	return u
}

func (b *board) keepWords(u unsavedWords) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept := slices.Concat(u.ended, b.words.ended)
	over := max(0, len(kept)-b.changesHeld())
	b.words.ended, b.words.missed = kept[over:], b.words.missed+u.missed+uint64(over)
	maps.Copy(b.words.excess, u.excess)
	for _, p := range u.last {
		if b.cps[p.ID] == p {
			b.words.changed[p], b.words.begun[p.ID] = true, true
		}
	}
}

// wordsInMemory are those of a charge point that may not be on disk, in order.
func (b *board) wordsInMemory(cp evcp.CPID) (all []Words) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.words.ended {
		if w.Said.CP == cp {
			all = append(all, w)
		}
	}
	if p := b.cps[cp]; p != nil {
		last := p.last.copied()
		all = append(all, last[:]...)
	}
	return slices.DeleteFunc(all, func(w Words) bool { return w.Count == 0 })
}

// saveWords writes words.
func (s *stateFile) saveWords(u unsavedWords) error {
	const add = `INSERT OR REPLACE INTO words (cp_id, from_at, to_at, count, said, answered, answered_us, peer) VALUES (?,?,?,?,?,?,?,?)`
	const put = `INSERT OR REPLACE INTO last_words (cp_id, from_at, to_at, count, said, answered, answered_us, peer, slot) VALUES (?,?,?,?,?,?,?,?,?)`
	const trim = `DELETE FROM words WHERE cp_id = ?1 AND from_at <=
		(SELECT from_at FROM words WHERE cp_id = ?1 ORDER BY from_at DESC LIMIT 1 OFFSET ?2)`
	for _, w := range u.ended {
		if err := s.db.Exec(add, w.row()...); err != nil {
			return err
		}
	}
	for i, p := range u.last {
		for slot, w := range u.words[i] {
			var err error
			if w.Count == 0 {
				err = s.db.Exec(`DELETE FROM last_words WHERE cp_id = ? AND slot = ?`, string(p.sources.ID), slot) // the Condition changes meanwhile
			} else {
				err = s.db.Exec(put, append(w.row(), slot)...)
			}
			if err != nil {
				return err
			}
		}
	}
	for cp := range u.excess {
		if err := s.db.Exec(trim, string(cp), wordsPerCP); err != nil {
			return err
		}
	}
	return nil
}

// row is what is stored.
func (w Words) row() []any {
	return []any{string(w.Said.CP), w.From.UnixMicro(), w.To.UnixMicro(), int64(w.Count), w.Said.String(), w.Answered, w.AnsweredIn.Microseconds(), w.Peer}
}

// endWords puts the last words of a Central before this one among the others.
func (s *stateFile) endWords() error {
	return s.db.Transact(false, func() error {
		return errors.Join(s.db.Exec(`INSERT OR REPLACE INTO words SELECT cp_id, from_at, to_at, count, said, answered, answered_us, peer FROM last_words`), s.db.Exec(`DELETE FROM last_words`))
	})
}

// trimWords deletes words that are too old, and the oldest beyond the limit.
func (s *stateFile) trimWords(now time.Time, limit int64) error {
	var excess int64 // the time up to which they are too many
	return errors.Join(
		s.db.Exec(`DELETE FROM words WHERE to_at < ?`, now.Add(-wordsAge).UnixMicro()),
		s.db.QueryIntsFor(`SELECT to_at FROM words ORDER BY to_at DESC LIMIT 1 OFFSET ?`, []any{limit}, &excess),
		s.db.Exec(`DELETE FROM words WHERE to_at <= ?`, excess))
}

// WordReader reads the words of charge points. One goroutine at a time may use it.
type WordReader struct {
	db       *sqlite.DB // nil: none are on disk
	inMemory func(evcp.CPID) []Words
}

// OpenWords opens the words for reading. Close the reader.
func (c *Central) OpenWords() (*WordReader, error) {
	if c.file == nil {
		return &WordReader{inMemory: c.board.wordsInMemory}, nil
	}
	r, err := OpenWords(c.o.StateDir)
	if err != nil {
		return nil, err
	}
	r.inMemory = c.board.wordsInMemory
	return r, nil
}

// OpenWords opens those in a state folder for reading, whether a Central runs there or not. One
// without a state file has none, as one of an older version.
func OpenWords(dir string) (*WordReader, error) {
	s := stateFile{dir: dir}
	r := &WordReader{inMemory: func(evcp.CPID) []Words { return nil }}
	if !s.exists() {
		return r, nil
	}
	db, err := fileSchema.OpenToRead(sqlite.DBFile{Path: s.path()})
	if err != nil {
		return nil, err
	}
	var version int64
	if err := db.QueryInts(`PRAGMA user_version`, &version); err != nil || version < withWords {
		return r, errors.Join(err, db.Close())
	}
	r.db = db
	return r, nil
}

// withWords is the first version of the file that has words.
const withWords = 4

// Close closes it.
func (r *WordReader) Close() error { return r.db.Close() }

// Of are the words of a charge point that were said in a time, without its end, in order.
// The zero end is none.
func (r *WordReader) Of(cp evcp.CPID, from, to time.Time) (all []Words, err error) {
	byFrom := map[int64]Words{}
	if r.db != nil {
		err = r.db.Query(`SELECT from_at, to_at, count, said, answered, answered_us, peer FROM words WHERE cp_id = ?1
			UNION ALL SELECT from_at, to_at, count, said, answered, answered_us, peer FROM last_words WHERE cp_id = ?1`, func(row *sqlite.Stmt) error {
			w := Words{
				From: time.UnixMicro(row.ColumnInt64(0)), To: time.UnixMicro(row.ColumnInt64(1)), Count: uint64(row.ColumnInt64(2)),
				Answered: row.ColumnText(4), AnsweredIn: time.Duration(row.ColumnInt64(5)) * time.Microsecond, Peer: row.ColumnText(6),
			}
			var unreadable error
			if w.Said, unreadable = wire.Parse([]byte(row.ColumnText(3))); unreadable == nil { // else another program wrote it
				byFrom[row.ColumnInt64(0)] = w
			}
			return nil
		}, string(cp))
	}
	for _, w := range r.inMemory(cp) { // newer than what is on disk
		byFrom[w.From.UnixMicro()] = w
	}
	for _, w := range byFrom {
		if !w.To.Before(from) && (to.IsZero() || w.From.Before(to)) {
			all = append(all, w)
		}
	}
	slices.SortFunc(all, func(a, b Words) int { return cmp.Compare(a.From.UnixMicro(), b.From.UnixMicro()) })
	return all, err
}
