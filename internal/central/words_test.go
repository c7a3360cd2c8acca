package central

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"evcp"
	"evcp/internal/central/cpstate"
	"evcp/internal/sqlite"
	"evcp/internal/wire"
)

// wordsOf are the words of a charge point, and how often each came: those of a Central, or of
// its folder.
func wordsOf(t *testing.T, open func() (*WordReader, error), cp string) (said string, all []Words) {
	t.Helper()
	r, err := open()
	if err != nil {
		t.Fatal(err)
	}
	m, err := wire.Parse([]byte("EV_CP_M " + cp + " disconnect"))
	if err != nil {
		t.Fatal(err)
	}
	all, err = r.Of(m.CP, time.Time{}, time.Now().Add(time.Hour))
	if err = errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, w := range all {
		lines = append(lines, fmt.Sprintf("%d %s: %s", w.Count, strings.TrimPrefix(w.Said.String(), "EV_CP_M "+cp+" "), w.Answered))
	}
	return strings.Join(lines, "\n"), all
}

const conversation = `1 registration request: Authentication successful
3 heartbeat OK: OK
3 ENGINE_FAILURE: Failure report received
3 heartbeat KO: OK
1 ENGINE_RECOVERED: Recovery report received
1 disconnect: OK`

// TestWords: what was said and answered is kept in order, heartbeats are counted, and a report
// is on disk while Central runs. A restart changes nothing; what is forgotten is gone.
func TestWords(t *testing.T) {
	dir := t.TempDir()
	c, addr, stop := start(t, Options{StateDir: dir})
	onDisk := func() (*WordReader, error) { return OpenWords(dir) }
	p := dial(t, addr)
	begun := time.Now()
	for _, line := range []string{
		"registration request: Authentication successful", "heartbeat OK: OK", "heartbeat OK: OK", "heartbeat OK: OK",
		"ENGINE_FAILURE: Failure report received",
	} {
		said, answered, _ := strings.Cut(line, ": ")
		p.ask("EV_CP_M CP_001 "+said, answered)
	}
	waitFor(t, "the report on disk", func() bool {
		said, _ := wordsOf(t, onDisk, "CP_001")
		return strings.HasSuffix(said, "1 ENGINE_FAILURE: Failure report received")
	})
	for _, line := range []string{
		"heartbeat KO: OK", "ENGINE_FAILURE: Failure report received", "heartbeat KO: OK", "heartbeat KO: OK", "ENGINE_FAILURE: Failure report received", "ENGINE_RECOVERED: Recovery report received", "disconnect: OK",
	} {
		said, answered, _ := strings.Cut(line, ": ")
		p.ask("EV_CP_M CP_001 "+said, answered)
	}
	p.ask("EV_CP_M CP_404 heartbeat OK", "KO not registered")
	waitFor(t, "all words", func() bool { said, _ := wordsOf(t, c.OpenWords, "CP_001"); return said == conversation })
	stop()

	said, all := wordsOf(t, onDisk, "CP_001")
	if said != conversation {
		t.Errorf("on disk:\n%s", said)
	}
	for i, w := range all {
		if w.From.Before(begun.Add(-time.Microsecond)) || w.To.Before(w.From) || w.To.After(time.Now()) || w.AnsweredIn < 0 || w.AnsweredIn > time.Minute || w.Peer == "" ||
			i > 0 && !w.From.After(all[i-1].From) {
			t.Errorf("%+v", w)
		}
	}
	if said, _ := wordsOf(t, onDisk, "CP_404"); said != "" {
		t.Errorf("of one that is not known: %s", said)
	}

	c, addr, _ = start(t, Options{StateDir: dir})
	dial(t, addr).ask("EV_CP_M CP_001 heartbeat OK", "OK")
	waitFor(t, "words after a restart", func() bool {
		said, _ := wordsOf(t, c.OpenWords, "CP_001")
		return said == conversation+"\n1 heartbeat OK: OK"
	})
	if known, err := c.Forget("CP_001"); !known || err != nil {
		t.Fatal(known, err)
	}
	for _, open := range []func() (*WordReader, error){c.OpenWords, onDisk} {
		if said, _ := wordsOf(t, open, "CP_001"); said != "" {
			t.Errorf("forgotten: %s", said)
		}
	}
}

// TestWordsOfAnOlderFile: a file from before there were words has none.
func TestWordsOfAnOlderFile(t *testing.T) {
	dir := t.TempDir()
	older := fstest.MapFS{}
	for _, name := range []string{"001_charge_points.sql", "002_ever_heartbeats.sql", "003_certified.sql"} {
		sql, err := migrations.ReadFile("migrations/" + name)
		if err != nil {
			t.Fatal(err)
		}
		older["migrations/"+name] = &fstest.MapFile{Data: sql}
	}
	s := stateFile{dir: dir}
	db, err := sqlite.Schema{ApplicationID: fileSchema.ApplicationID, Migrations: older}.Open(sqlite.DBFile{Path: s.path()}, "")
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	open := func() (*WordReader, error) { return OpenWords(dir) }
	if said, _ := wordsOf(t, open, "CP_001"); said != "" {
		t.Errorf("%s", said)
	}
	c, addr, _ := start(t, Options{StateDir: dir})
	dial(t, addr).ask("EV_CP_M CP_001 registration request", "Authentication successful")
	waitFor(t, "words after the migration", func() bool { said, _ := wordsOf(t, c.OpenWords, "CP_001"); return said != "" })
}

// TestWordsInMemory: without a state folder the last ones are held.
func TestWordsInMemory(t *testing.T) {
	c, addr, _ := start(t, Options{})
	p := dial(t, addr)
	p.ask("EV_CP_M CP_001 registration request", "Authentication successful")
	p.ask("EV_CP_M CP_001 heartbeat OK", "OK")
	waitFor(t, "both words", func() bool {
		said, _ := wordsOf(t, c.OpenWords, "CP_001")
		return said == "1 registration request: Authentication successful\n1 heartbeat OK: OK"
	})
}

// TestWordsAreBounded: by charge point, by age, in all, and in memory while the disk is slow.
func TestWordsAreBounded(t *testing.T) {
	s := openStateFile(t, t.TempDir())
	now := time.Now()
	u := unsavedWords{excess: map[evcp.CPID]bool{"CP_001": true}}
	for n := range wordsPerCP + 50 {
		at := now.Add(time.Duration(n) * time.Second)
		u.ended = append(u.ended, Words{Said: wire.Message{CP: "CP_001", Verb: wire.EngineFailure}, From: at, To: at, Count: 1})
	}
	old := now.Add(-wordsAge - time.Hour)
	u.ended = append(u.ended, Words{Said: wire.Message{CP: "CP_002", Verb: wire.EngineFailure}, From: old, To: old, Count: 1})
	if err := errors.Join(s.save(nil, nil, u), s.trimWords(now, wordsTotal)); err != nil {
		t.Fatal(err)
	}
	var kept, first int64
	if err := s.db.QueryInts("SELECT count(*), min(from_at) FROM words", &kept, &first); err != nil || kept != wordsPerCP || first != now.Add(50*time.Second).UnixMicro() {
		t.Errorf("kept %d from %d, %v", kept, first, err)
	}
	if err := s.trimWords(now, 10); err != nil {
		t.Fatal(err)
	}
	if err := s.db.QueryInts("SELECT count(*) FROM words", &kept); kept != 10 || err != nil {
		t.Errorf("kept %d of the newest (%v)", kept, err)
	}

	b, at := newBoard(Options{}.withDefaults()), now
	b.add("CP_001", cpstate.Condition{ID: "CP_001"})
	for range 12 * wordsPerCP {
		at = at.Add(time.Second)
		b.hear([]Words{{Said: wire.Message{CP: "CP_001", Verb: wire.EngineRecovered}, From: at, To: at, Count: 1}})
	}
	if n := len(b.words.ended); n > b.changesHeld() || b.words.missed == 0 {
		t.Errorf("%d words in memory, %d missed", n, b.words.missed)
	}
	taken := b.takeWords(false, false)
	b.keepWords(taken)
	if again := b.takeWords(false, false); len(again.ended) != len(taken.ended) || again.missed != taken.missed || len(again.last) != 1 || !again.excess["CP_001"] {
		t.Errorf("of %d words %d came back", len(taken.ended), len(again.ended))
	}
}

// BenchmarkWordsOnDisk measures what a row of words takes in central.db. docs/OPERATIONS.md says
// what it measured.
func BenchmarkWordsOnDisk(b *testing.B) {
	const cps, each = 100, 200
	for b.Loop() {
		s := &stateFile{dir: b.TempDir(), log: slog.New(slog.DiscardHandler)}
		if _, err := s.ensure(); err != nil {
			b.Fatal(err)
		}
		size := func() int64 {
			used, _, err := s.db.Usage()
			if err != nil {
				b.Fatal(err)
			}
			return used
		}
		var u unsavedWords
		begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		for n := range each {
			for i := range cps {
				m := wire.Message{CP: evcp.CPID(fmt.Sprintf("CP_%05d", i)), Verb: wire.EngineFailure + wire.Verb(n%3)}
				reply := cpstate.Received
				switch m.Verb {
				case wire.EngineFailure:
					reply = cpstate.FailureReceived
				case wire.EngineRecovered:
					reply = cpstate.RecoveryReceived
				default:
					m.Status = evcp.OK
				}
				at := begin.Add(time.Duration(n)*time.Hour + time.Duration(i)*time.Millisecond)
				u.ended = append(u.ended, Words{From: at, To: at.Add(time.Minute), Count: 12, Said: m, Answered: reply.Text(m.CP), AnsweredIn: time.Millisecond, Peer: "192.168.0.17:51234"})
			}
		}
		empty := size()
		if err := s.save(nil, nil, u); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(size()-empty)/cps/each, "B/row")
		if err := s.close(); err != nil {
			b.Fatal(err)
		}
	}
}
