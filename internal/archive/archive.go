package archive

import (
	"embed"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"time"

	"evcp"
	"evcp/internal/folder"
	"evcp/internal/history"
	"evcp/internal/kafka"
	"evcp/internal/sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// fileSchema names the file: "EVHI".
var fileSchema = sqlite.Schema{ApplicationID: 0x45564849, Migrations: migrations}

// FileName is the name of the file in Central's state folder; lockName that of its lock.
const (
	FileName = "history.db"
	lockName = "history.lock"
)

const pragmas = `PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; `

// Archive is the file, open for writing by this process alone. One goroutine at a time may use
// it.
type Archive struct {
	dir         string
	log         *slog.Logger
	lock        *folder.Lock
	db          *sqlite.DB
	progress    ReadProgress
	pinned      int64     // the last serial that was pinned
	committed   time.Time // when Commit last wrote
	known       map[evcp.CPID]bool
	folds       map[foldKey]*heldFold
	minutes     minuteRetention
	recent      recentChecks
	eventStates *EventStates

	// What is not committed yet.
	changed  []foldKey
	elements []settledElement
	checks   []firstCheck
	hours    []settledHour
	added    []evcp.CPID
	dirty    bool
}

// ReadProgress is how far the topic was read.
type ReadProgress struct {
	Serial  int64 // of the commit
	Topic   string
	Next    map[int32]int64 // the next offset of each partition
	Newest  evcp.Stamp      // the latest time of an event
	Records int64           // that were read
	Strange int64           // of these, how many no Monitor wrote
	Lost    int64           // how many the topic did not have any more

	TopicID  string // which topic of its name it is, as the brokers say; "": not known
	MadeAnew int64  // how often it was deleted and made anew; Next is of the last one
}

type foldKey struct {
	cp    evcp.CPID
	epoch int64
}

// heldFold is a numbering in memory.
type heldFold struct {
	history.Numbering
	elements int64 // settled
	stored   int64 // the serial of its row; 0: it has none
	changed  bool
	recent   *recentCP
}

type settledElement struct {
	foldKey
	n int64
	history.Element
}

type firstCheck struct {
	cp evcp.CPID
	history.Check
}

// maxFolds is how many numberings are held in memory, about 1 KB each; the others are read
// when they are needed.
const maxFolds = 100_000

// Open opens the file in a folder, or makes it. One that can't be used is put aside, and the
// topic is read again from its beginning. One that another process has open is
// folder.ErrInUse.
func Open(dir string, log *slog.Logger) (*Archive, error) {
	a := &Archive{dir: dir, log: log, minutes: minuteRetention{keep: DefaultMinuteRetention}, eventStates: newEventStates()}
	err := a.open()
	if err == nil {
		err = a.resumeEventStates()
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// open opens the file, and begins where it ends.
func (a *Archive) open() (err error) {
	if a.lock, err = folder.Acquire(a.dir, lockName); err != nil {
		return err
	}
	if a.db, err = openFile(a.dir, a.log); err != nil {
		return err
	}
	a.known, a.folds = map[evcp.CPID]bool{}, map[foldKey]*heldFold{}
	a.changed, a.elements, a.checks, a.hours, a.added, a.dirty = nil, nil, nil, nil, nil, false
	return a.load()
}

// lost reports whether the file, or its lock, is not the one in the folder any more: what is
// written then can't be found again.
func (a *Archive) lost() bool { return a.db.Closed() || a.db.Replaced() || a.lock.Lost() }

// reopen opens the file that is in the folder now in the place of one that is lost, or makes one:
// a new one is read from the beginning of the topic. What is held in memory of the newest events
// stays. After an error it may be tried again.
func (a *Archive) reopen() error {
	topic := a.progress.Topic
	_ = a.Close() // its file is not in the folder any more
	err := os.MkdirAll(a.dir, 0o750)
	if err == nil {
		err = a.open()
	}
	if err == nil {
		err = a.SetTopic(topic)
	}
	if err != nil {
		_ = a.Close() // the next attempt opens it again
		a.progress.Topic = topic
	}
	return err
}

func openFile(dir string, log *slog.Logger) (*sqlite.DB, error) {
	db, aside, err := fileSchema.OpenOrReplace(sqlite.DBFile{Path: filepath.Join(dir, FileName)}, pragmas)
	if aside.Name != "" {
		log.Warn("put an unusable history aside; the topic is read again from its beginning", "file", aside.Name, "why", aside.Why)
	}
	return db, err
}

func (a *Archive) load() (err error) {
	if a.progress, err = readProgress(a.db); err != nil {
		return err
	}
	return errors.Join(
		a.db.QueryInts(`SELECT pinned, minutes_from FROM progress`, &a.pinned, (*int64)(&a.minutes.from)),
		a.db.Query(`SELECT cp_id FROM charge_points`, func(row *sqlite.Stmt) error {
			a.known[evcp.CPID(row.ColumnText(0))] = true
			return nil
		}))
}

// withTopicID is the first version of the file that knows which topic it was read from. Those
// before it are read as backups.
const withTopicID = 3

func readProgress(db *sqlite.DB) (p ReadProgress, err error) {
	p.Next = map[int32]int64{}
	more := `topic_id, made_anew`
	var version int64
	if err := db.QueryInts(`PRAGMA user_version`, &version); err != nil {
		return p, err
	}
	if version < withTopicID { // a backup
		more = `'', 0`
	}
	err = db.Query(`SELECT serial, topic, newest, records, strange, lost, `+more+` FROM progress`, func(row *sqlite.Stmt) error {
		p.Serial, p.Topic, p.Newest = row.ColumnInt64(0), row.ColumnText(1), evcp.Stamp(row.ColumnInt64(2))
		p.Records, p.Strange, p.Lost = row.ColumnInt64(3), row.ColumnInt64(4), row.ColumnInt64(5)
		p.TopicID, p.MadeAnew = row.ColumnText(6), row.ColumnInt64(7)
		return nil
	})
	return p, errors.Join(err, db.Query(`SELECT partition, next_offset FROM partitions`, func(row *sqlite.Stmt) error {
		p.Next[int32(row.ColumnInt64(0))] = row.ColumnInt64(1)
		return nil
	}))
}

// Close closes the file, without what was not committed.
func (a *Archive) Close() error {
	err := errors.Join(a.db.Close(), a.lock.Close())
	a.lock = nil
	return err
}

// Progress is how far the topic was read, with what is not committed yet.
func (a *Archive) Progress() ReadProgress {
	p := a.progress
	p.Next = maps.Clone(p.Next)
	return p
}

func (a *Archive) readPosition() kafka.ReadPosition {
	return kafka.ReadPosition{TopicID: a.progress.TopicID, Next: a.progress.Next}
}

// ErrOtherTopic is a history that was read from a topic of another name.
var ErrOtherTopic = errors.New("the history was read from another topic")

// SetTopic says which topic is read. The first one stays.
func (a *Archive) SetTopic(topic string) error {
	if a.progress.Topic != "" && a.progress.Topic != topic {
		return ErrOtherTopic
	}
	a.progress.Topic = topic
	return nil
}

// Take folds what was read. It is on disk after the next Commit. After an error, which is
// one of the disk, what was taken before the record that caused it stays.
func (a *Archive) Take(b kafka.ReadBatch) error {
	if b.Anew {
		a.progress.MadeAnew++
		a.progress.Next, a.dirty = map[int32]int64{}, true
	}
	if b.TopicID != "" && b.TopicID != a.progress.TopicID {
		a.progress.TopicID, a.dirty = b.TopicID, true
	}
	for _, l := range b.Lost {
		a.progress.Lost += l.To - l.From
	}
	now := time.Now()
	for _, r := range b.Records {
		if err := a.takeRecord(r, now); err != nil {
			return err
		}
		a.progress.Next[r.Partition] = r.Offset + 1
		a.progress.Records++
		a.dirty = true
	}
	return nil
}

func (a *Archive) takeRecord(r kafka.TopicRecord, now time.Time) error {
	p, err := history.Parse(r.Value)
	if errors.Is(err, history.ErrForeign) {
		a.progress.Strange++
		return nil
	} else if err != nil {
		return err
	}
	if p.Epoch != 0 {
		key := foldKey{p.CP, p.Epoch}
		f, err := a.fold(key)
		if err != nil {
			return err
		}
		settled := f.Add(p.Record, nil)
		for _, e := range settled {
			a.elements = append(a.elements, settledElement{key, f.elements, e})
			f.elements++
		}
		for _, h := range f.Minutes.TakeSettled() {
			a.hours = append(a.hours, settledHour{key, h})
		}
		if !f.changed {
			f.changed = true
			a.changed = append(a.changed, key)
		}
		if c, ok := recentOf(p); ok {
			a.recent.add(f.recent, c)
		}
	} else {
		a.learn(p.CP)
		if p.Check.Status.Countable() {
			a.checks = append(a.checks, firstCheck{p.CP, p.Check})
		}
		if c, ok := recentOf(p); ok {
			a.recent.add(a.recent.of(p.CP), c)
		}
	}
	a.eventStates.take(p, now)
	a.progress.Newest = max(a.progress.Newest, p.At)
	return nil
}

// learn notes that there is a charge point.
func (a *Archive) learn(cp evcp.CPID) {
	if !a.known[cp] {
		a.known[cp] = true
		a.added = append(a.added, cp)
	}
}

// fold is the numbering, from memory or from the file.
func (a *Archive) fold(key foldKey) (*heldFold, error) {
	if f := a.folds[key]; f != nil {
		return f, nil
	}
	f := &heldFold{recent: a.recent.of(key.cp)}
	if a.known[key.cp] {
		err := a.db.Query(`SELECT serial, elements, state FROM folds WHERE cp_id = ? AND epoch = ? ORDER BY serial DESC LIMIT 1`, func(row *sqlite.Stmt) error {
			f.stored, f.elements = row.ColumnInt64(0), row.ColumnInt64(1)
			return json.Unmarshal(row.ColumnRawText(2), &f.Numbering)
		}, string(key.cp), key.epoch)
		if err == nil {
			err = readOpenMinutes(a.db, key, &f.Minutes)
		}
		if err != nil {
			return nil, err
		}
	}
	a.folds[key] = f
	a.learn(key.cp)
	return f, nil
}
