package outbox

import (
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"
)

// stmt prepares a statement once.
func (s *store) stmt(sql string) (*sqlite3.Stmt, error) {
	if p, ok := s.stmts[sql]; ok {
		return p, nil
	}
	p, _, err := s.conn.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, err
	}
	s.stmts[sql] = p
	return p, nil
}

// do executes a statement that returns nothing.
func (s *store) do(sql string, args ...any) error {
	p, err := s.bind(sql, args)
	if err != nil {
		return err
	}
	return p.Exec()
}

// errEnough ends a walk over rows, and is no error of it.
var errEnough = errors.New("enough")

// each calls row for every row that a query returns.
func (s *store) each(sql string, row func(*sqlite3.Stmt) error, args ...any) error {
	p, err := s.bind(sql, args)
	if err != nil {
		return err
	}
	for p.Step() {
		err := row(p)
		if errors.Is(err, errEnough) {
			return p.Reset()
		}
		if err != nil {
			return errors.Join(err, p.Reset())
		}
	}
	return errors.Join(p.Err(), p.Reset())
}

// ask reads the integers of the first row; without a row they stay as they were.
func (s *store) ask(sql string, into ...*int64) error { return s.askFor(sql, nil, into...) }

func (s *store) askFor(sql string, args []any, into ...*int64) error {
	return s.each(sql, func(p *sqlite3.Stmt) error {
		for i := range into {
			*into[i] = p.ColumnInt64(i)
		}
		return nil
	}, args...)
}

func (s *store) bind(sql string, args []any) (*sqlite3.Stmt, error) {
	p, err := s.stmt(sql)
	if err != nil {
		return nil, err
	}
	for i, a := range args {
		if err := bindOne(p, i+1, a); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func bindOne(p *sqlite3.Stmt, i int, a any) error {
	switch v := a.(type) {
	case int64:
		return p.BindInt64(i, v)
	case int:
		return p.BindInt(i, v)
	case string:
		return p.BindText(i, v)
	case []byte:
		return p.BindBlob(i, v)
	}
	return fmt.Errorf("bind %T", a)
}

// transact runs f in a transaction. When synced, its commit survives power loss,
// and so does everything before it.
func (s *store) transact(synced bool, f func() error) error {
	if err := s.sync(synced); err != nil {
		return err
	}
	if err := s.do(`BEGIN IMMEDIATE`); err != nil {
		return err
	}
	err := f()
	if err == nil {
		err = s.do(`COMMIT`)
	}
	if err != nil {
		return errors.Join(err, s.rollback())
	}
	return nil
}

// sync says whether commits wait for the platter.
func (s *store) sync(on bool) error {
	if s.inMemory() || on == s.synced {
		return nil
	}
	s.synced = on
	if on {
		return s.conn.Exec(`PRAGMA synchronous=FULL`)
	}
	return s.conn.Exec(`PRAGMA synchronous=NORMAL`)
}

// rollback ends a transaction that failed, unless SQLite has done so.
func (s *store) rollback() error {
	if s.conn.GetAutocommit() {
		return nil
	}
	return s.conn.Exec(`ROLLBACK`)
}
