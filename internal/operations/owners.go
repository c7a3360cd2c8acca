package operations

import (
	"errors"
	"slices"
	"strings"
	"time"

	"evcp"
	"evcp/internal/audit"
)

// ownerLine is an owner in the audit log.
type ownerLine struct {
	Name  string  `json:"name"`
	Note  string  `json:"note,omitempty"`
	Until *string `json:"until"`
}

func (o Owner) line() ownerLine { return ownerLine{o.Name, o.Note, textOf(o.Until)} }

// textOf is a time in RFC 3339; nil for 0.
func textOf(at evcp.Stamp) *string {
	if at == 0 {
		return nil
	}
	text := at.Time().UTC().Format(time.RFC3339)
	return &text
}

// Take makes somebody the owner of the open incident of a charge point, in the place of who was.
// incident is when it began; 0: there is none.
func (s *Store) Take(c *audit.BoardChange, cp evcp.CPID, incident evcp.Stamp, name, note string, until evcp.Stamp) (Owner, error) {
	o := Owner{cp, name, note, until, incident, c.At}
	if err := errors.Join(CheckText(Fields.Owner, name, MaxWord, false), CheckText(Fields.Note, note, MaxText, true)); err != nil {
		return o, err
	}
	if incident == 0 {
		return o, ErrNoIncident
	}
	if until != 0 && (until <= c.At || until > c.At.Add(maxOwned)) {
		return o, ErrUntil
	}
	var before any
	if was, ok := s.ownerAt(cp, c.At); ok {
		before = was.line()
	}
	err := c.DB.Exec(`INSERT OR REPLACE INTO owners (cp_id, name, note, until, incident, made) VALUES (?,?,?,?,?,?)`,
		string(cp), name, note, int64(until), int64(incident), int64(c.At))
	c.Line(audit.TakeIncident, string(cp), before, o.line())
	c.AfterCommit(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.owners[cp] = o
		s.touch(Touched{CP: cp})
	})
	return o, err
}

// ownerAt is who has a charge point.
func (s *Store) ownerAt(cp evcp.CPID, now evcp.Stamp) (Owner, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.owners[cp]
	return o, ok && o.holds(now)
}

// LetGo ends that somebody has a charge point.
func (s *Store) LetGo(c *audit.BoardChange, cp evcp.CPID) error {
	o, ok := s.ownerAt(cp, c.At)
	if !ok {
		return ErrNotTaken
	}
	return s.letGo(c, audit.LetGo, o)
}

// Recover is LetGo by Central, when the incident is over or the time of the owner is.
func (s *Store) Recover(o Owner) error {
	return s.Change(audit.Actor{Name: "ev-central", Kind: audit.ByCentral}, func(c *audit.BoardChange) error {
		s.mu.Lock()
		now, there := s.owners[o.CP]
		s.mu.Unlock()
		if !there || now != o {
			return ErrNotTaken // somebody else has it by now
		}
		action := audit.LetGoRecovered
		if !o.holds(c.At) {
			action = audit.LetGoTimeOver
		}
		return s.letGo(c, action, o)
	})
}

func (s *Store) letGo(c *audit.BoardChange, action audit.ChangeAction, o Owner) error {
	c.Line(action, string(o.CP), o.line(), nil)
	c.AfterCommit(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.owners, o.CP)
		s.touch(Touched{CP: o.CP})
	})
	return c.DB.Exec(`DELETE FROM owners WHERE cp_id = ?`, string(o.CP))
}

// Owners are all owners, by charge point; also those whose time is over, until Recover.
func (s *Store) Owners() []Owner {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Owner, 0, len(s.owners))
	for _, o := range s.owners {
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b Owner) int { return strings.Compare(string(a.CP), string(b.CP)) })
	return all
}
