package outbox

import (
	"bytes"

	"evcp"
	"evcp/internal/sqlite"
)

// setAsideEvent is an event that the receiver of a cursor never takes.
type setAsideEvent struct {
	line   Line
	reason string
}

// maxSetAside is how many of these events the file has, the newest: at most about 300 KiB.
const maxSetAside = 256

// SetAside gives up one event of a run that was handed out, since the receiver refuses it
// for good. It is kept in a table of its own, counted, and reported through
// Options.Observe, with the next commit. Its caller goes on to Advance: after a crash in
// between, the event comes again.
func (c *Cursor) SetAside(line Line, reason string) {
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	o.givenUp.addEvent(evcp.CPID(line.CP()), line.ID(), !line.Plain(), reason)
	o.setAside = append(o.setAside, setAsideEvent{bytes.Clone(line), reason})
	o.dropped[line.Action()]++
}

// takeGivenUp takes over what was given up since the last commit. The caller holds the
// lock.
func (c *committer) takeGivenUp() {
	o := c.o
	c.givenUp, o.givenUp = o.givenUp, dropSet{}
	c.setAside, o.setAside = o.setAside, nil
}

// saveGivenUp notes what was given up, until an event says so.
func (c *committer) saveGivenUp() error {
	if err := c.store.saveDrops(c.givenUp); err != nil {
		return err
	}
	return c.store.saveSetAside(c.setAside)
}

func (s runStore) saveSetAside(all []setAsideEvent) error {
	for _, e := range all {
		if err := s.Exec(`INSERT INTO set_aside (reason, event) VALUES (?,?)`, e.reason, string(e.line)); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		return nil
	}
	return s.Exec(`DELETE FROM set_aside WHERE id <= (SELECT max(id) FROM set_aside) - ?`, maxSetAside)
}

// allSetAside reads what saveSetAside wrote.
func (s runStore) allSetAside() (all []setAsideEvent, err error) {
	err = s.Query(`SELECT reason, event FROM set_aside ORDER BY id`, func(p *sqlite.Stmt) error {
		all = append(all, setAsideEvent{reason: p.ColumnText(0), line: Line(p.ColumnText(1))})
		return nil
	})
	return all, err
}
