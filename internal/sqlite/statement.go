package sqlite

import (
	"errors"
	"fmt"

	"github.com/ncruces/go-sqlite3"
)

// Prepare is a statement that is prepared once.
func (db *DB) Prepare(sql string) (*Stmt, error) {
	if p, ok := db.prepared[sql]; ok {
		return p, nil
	}
	p, _, err := db.conn.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, err
	}
	db.prepared[sql] = p
	return p, nil
}

// Exec executes a statement that returns nothing.
func (db *DB) Exec(sql string, args ...any) error {
	p, err := db.bind(sql, args)
	if err != nil {
		return err
	}
	return p.Exec()
}

// ErrStop ends a walk over rows, and is no error of it.
var ErrStop = errors.New("enough")

// Query calls row for every row that a query returns.
func (db *DB) Query(sql string, row func(*Stmt) error, args ...any) error {
	p, err := db.bind(sql, args)
	if err != nil {
		return err
	}
	for p.Step() {
		err := row(p)
		if errors.Is(err, ErrStop) {
			return p.Reset()
		}
		if err != nil {
			return errors.Join(err, p.Reset())
		}
	}
	return errors.Join(p.Err(), p.Reset())
}

// QueryInts reads the integers of the first row; without a row they stay as they were.
func (db *DB) QueryInts(sql string, into ...*int64) error { return db.QueryIntsFor(sql, nil, into...) }

// QueryIntsFor is Ask with values for the question marks.
func (db *DB) QueryIntsFor(sql string, args []any, into ...*int64) error {
	return db.Query(sql, func(p *Stmt) error {
		for i := range into {
			*into[i] = p.ColumnInt64(i)
		}
		return nil
	}, args...)
}

func (db *DB) bind(sql string, args []any) (*Stmt, error) {
	p, err := db.Prepare(sql)
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

func bindOne(p *Stmt, i int, a any) error {
	switch v := a.(type) {
	case int64:
		return p.BindInt64(i, v)
	case int:
		return p.BindInt(i, v)
	case bool:
		return p.BindBool(i, v)
	case string:
		return p.BindText(i, v)
	case []byte:
		return p.BindBlob(i, v)
	}
	return fmt.Errorf("bind %T", a)
}

// Transact runs f in a transaction. When synced, its commit survives power loss,
// and so does everything before it.
func (db *DB) Transact(synced bool, f func() error) error {
	if err := db.sync(synced); err != nil {
		return err
	}
	if err := db.Exec(`BEGIN IMMEDIATE`); err != nil {
		return err
	}
	err := f()
	if err == nil {
		err = db.Exec(`COMMIT`)
	}
	if err != nil {
		return errors.Join(err, db.rollback())
	}
	return nil
}

// sync says whether commits wait for the platter.
func (db *DB) sync(on bool) error {
	if db.inMemory || on == db.synced {
		return nil
	}
	db.synced = on
	if on {
		return db.conn.Exec(`PRAGMA synchronous=FULL`)
	}
	return db.conn.Exec(`PRAGMA synchronous=NORMAL`)
}

// rollback ends a transaction that failed, unless SQLite has done so.
func (db *DB) rollback() error {
	if db.conn.GetAutocommit() {
		return nil
	}
	return db.conn.Exec(`ROLLBACK`)
}
