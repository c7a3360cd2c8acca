package audit

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"time"

	"evcp"
	"evcp/internal/language"
	"evcp/internal/sqlite"
)

// KeptAnswer is what a request was answered.
type KeptAnswer struct {
	Code int
	Body string
}

// ErrOtherRequest is an Idempotency-Key that was used for another request.
var ErrOtherRequest = language.Coded("other_request")

const (
	answerLife = 24 * time.Hour
	maxAnswers = 100_000
)

// owner is whose keys they are.
func (a Actor) owner() string { return string(a.Kind) + " " + a.Name }

// Answered is what a request with this key was answered within the last day; ok is false for
// a new key. The key of another request is ErrOtherRequest.
func (c *BoardChange) Answered(key, request string) (a KeptAnswer, ok bool, err error) {
	sum := sha256.Sum256([]byte(request))
	err = c.DB.Query(`SELECT code, body, request FROM answers WHERE who = ? AND key = ? AND at > ?`, func(row *sqlite.Stmt) error {
		a, ok = KeptAnswer{row.ColumnInt(0), row.ColumnText(1)}, true
		if !bytes.Equal(row.ColumnRawBlob(2), sum[:]) {
			return ErrOtherRequest
		}
		return nil
	}, c.By.owner(), key, int64(c.At.Add(-answerLife)))
	return a, ok, err
}

// Answered is BoardChange.Answered before a change, for what a change must not wait for. A file
// that can take no change is an error.
func (f *BoardDB) Answered(by Actor, key, request string) (a KeptAnswer, ok bool, err error) {
	err = f.db.WithLock(func() error {
		if err := f.Lost(); err != nil || key == "" {
			return err
		}
		a, ok, err = (&BoardChange{DB: f.db, By: by, At: evcp.StampOf(time.Now())}).Answered(key, request)
		return err
	})
	return a, ok, err
}

// Answer keeps the answer to a request with a key, in the transaction of its change.
func (c *BoardChange) Answer(key, request string, a KeptAnswer) error {
	sum := sha256.Sum256([]byte(request))
	return errors.Join(
		c.DB.Exec(`DELETE FROM answers WHERE at <= ?`, int64(c.At.Add(-answerLife))),
		c.DB.Exec(`DELETE FROM answers WHERE (who, key) IN (SELECT who, key FROM answers ORDER BY at DESC LIMIT -1 OFFSET ?)`, maxAnswers-1),
		c.DB.Exec(`INSERT OR REPLACE INTO answers (who, key, request, at, code, body) VALUES (?,?,?,?,?,?)`,
			c.By.owner(), key, sum[:], int64(c.At), a.Code, a.Body),
	)
}
