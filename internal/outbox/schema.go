package outbox

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks our files: "evcp".
const applicationID = 0x65766370

// errForeign and errNewer are reasons to put a file aside.
var (
	errForeign = errors.New("it belongs to another program")
	errNewer   = errors.New("a newer version of this program wrote it")
)

// stamps says whose file it is: all are 0 in one that was just made.
type stamps struct{ id, version, tables int64 }

func (s *store) stamps() (st stamps, err error) {
	err = errors.Join(s.ask(`PRAGMA application_id`, &st.id), s.ask(`PRAGMA user_version`, &st.version),
		s.ask(`SELECT count(*) FROM sqlite_schema`, &st.tables))
	return st, err
}

// usable reports whether this version, which knows so many steps, can use the file.
func (st stamps) usable(steps int) error {
	switch {
	case st.id != applicationID && st != stamps{}:
		return errForeign
	case st.version > int64(steps):
		return errNewer
	}
	return nil
}

// steps are the names of the migrations in order.
func steps() ([]string, error) { return fs.Glob(migrations, "migrations/*.sql") }

// prepare looks whose file it is before it changes anything in it.
func (s *store) prepare(pragmas string) error {
	all, err := steps()
	if err != nil {
		return err
	}
	st, err := s.stamps()
	if err != nil {
		return err
	}
	if err := st.usable(len(all)); err != nil {
		return err
	}
	if err := s.conn.Exec(pragmas); err != nil {
		return err
	}
	return s.migrate(all[st.version:], int(st.version))
}

func (s *store) migrate(todo []string, version int) error {
	for i, step := range todo {
		sql, err := fs.ReadFile(migrations, step)
		if err != nil {
			return err
		}
		if err := s.conn.Exec(fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA application_id=%d; PRAGMA user_version=%d; COMMIT",
			sql, applicationID, version+i+1)); err != nil {
			return errors.Join(fmt.Errorf("apply %s: %w", step, err), s.rollback())
		}
	}
	return nil
}

// ours reports whether a reader can use the file. It looks at one moment: a process
// may be making it.
func (s *store) ours() (err error) {
	if err := s.conn.Exec(`BEGIN`); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.rollback()) }()
	all, err := steps()
	if err != nil {
		return err
	}
	st, err := s.stamps()
	switch {
	case err != nil:
		return err
	case st == stamps{}:
		return ErrNothingKept
	}
	return st.usable(len(all))
}
