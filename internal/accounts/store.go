package accounts

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"evcp"
	"evcp/internal/audit"
	"evcp/internal/language"
	"evcp/internal/sqlite"
)

// Role is what somebody may do.
type Role string

// The roles.
const (
	Viewer   Role = "viewer"   // may read
	Operator Role = "operator" // may read and change everything
	Setup    Role = "setup"    // has the first token: may make the first operator
)

// Roles are those that a user or a token can have.
var Roles = []Role{Viewer, Operator}

// Errors. Each says what is allowed.
var (
	ErrName     = language.Coded("user_name")
	ErrRole     = language.Coded("role")
	ErrTaken    = language.Coded("name_taken")
	ErrNobody   = language.Coded("no_user")
	ErrNoToken  = language.Coded("no_token")
	ErrLast     = language.Coded("last_operator")
	ErrTooMany  = language.Coded("too_many")
	ErrExpiry   = language.Coded("token_life")
	ErrNotFirst = language.Coded("first_is_operator")
)

const (
	maxName   = 64
	maxUsers  = 1000
	maxTokens = 1000
	// MinTokenLife is how long a token is good at least.
	MinTokenLife = time.Hour
	// MaxTokenLife is how long it is good at most.
	MaxTokenLife = 3660 * 24 * time.Hour
)

// User is somebody who can sign in.
type User struct {
	Name string
	Role Role
	Made evcp.Stamp
	hash PasswordHash
}

// Token lets a program in.
type Token struct {
	Name    string
	Role    Role
	Made    evcp.Stamp
	Expires evcp.Stamp
	hash    [32]byte
}

// Store is the accounts in board.db. Any goroutine may use it.
type Store struct {
	file *audit.BoardDB
	log  *slog.Logger

	mu       sync.Mutex
	users    map[string]User // by name in lower case
	tokens   map[[32]byte]Token
	sessions map[[32]byte]keptSession
	first    [32]byte // SHA-256 of the first token; zero: there is none
	csrfKey  []byte
	limiter  failureLimiter
	failed   uint64 // sign-ins
	lines    map[audit.ChangeAction]*lineLimiter
}

// Open reads the accounts of a file. Who signs in, signs out and is refused is logged.
func Open(f *audit.BoardDB, log *slog.Logger) (*Store, error) {
	s := &Store{file: f, log: log, lines: newLineLimiters(), users: map[string]User{}, tokens: map[[32]byte]Token{}, sessions: map[[32]byte]keptSession{}}
	if err := f.Read(s.load); err != nil {
		return nil, fmt.Errorf("read the accounts: %w", err)
	}
	if s.csrfKey == nil {
		s.csrfKey = make([]byte, 32)
		rand.Read(s.csrfKey)
		if err := f.Write(func(db *sqlite.DB) error { return putSecret(db, "csrf", s.csrfKey) }); err != nil {
			return nil, fmt.Errorf("write the accounts: %w", err)
		}
	}
	return s, nil
}

func putSecret(db *sqlite.DB, name string, value []byte) error {
	return db.Exec(`INSERT OR REPLACE INTO secrets (name, value) VALUES (?,?)`, name, value)
}

func (s *Store) load(db *sqlite.DB) error {
	return errors.Join(
		db.Query(`SELECT name, role, password, made FROM users`, func(row *sqlite.Stmt) error {
			u := User{Name: row.ColumnText(0), Role: Role(row.ColumnText(1)), hash: PasswordHash(row.ColumnText(2)), Made: evcp.Stamp(row.ColumnInt64(3))}
			s.users[strings.ToLower(u.Name)] = u
			return nil
		}),
		db.Query(`SELECT name, role, hash, made, expires FROM tokens`, func(row *sqlite.Stmt) error {
			t := Token{Name: row.ColumnText(0), Role: Role(row.ColumnText(1)), Made: evcp.Stamp(row.ColumnInt64(3)), Expires: evcp.Stamp(row.ColumnInt64(4))}
			copy(t.hash[:], row.ColumnRawBlob(2))
			s.tokens[t.hash] = t
			return nil
		}),
		db.Query(`SELECT hash, name, made, used FROM sessions`, func(row *sqlite.Stmt) error {
			var hash [32]byte
			copy(hash[:], row.ColumnRawBlob(0))
			used := evcp.Stamp(row.ColumnInt64(3))
			s.sessions[hash] = keptSession{name: row.ColumnText(1), made: evcp.Stamp(row.ColumnInt64(2)), used: used, written: used}
			return nil
		}),
		db.Query(`SELECT name, value FROM secrets`, func(row *sqlite.Stmt) error {
			switch row.ColumnText(0) {
			case "csrf":
				s.csrfKey = slices.Clone(row.ColumnRawBlob(1))
			case "first_token":
				copy(s.first[:], row.ColumnRawBlob(1))
			}
			return nil
		}),
	)
}

// ParseName checks the name of a user or a token.
func ParseName(name string) error {
	for _, c := range []byte(name) {
		if c >= 0x80 || !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-@", rune(c)) {
			return ErrName
		}
	}
	if name == "" || len(name) > maxName {
		return ErrName
	}
	return nil
}

// ParseRole checks a role.
func ParseRole(text string) (Role, error) {
	if !slices.Contains(Roles, Role(text)) {
		return "", ErrRole
	}
	return Role(text), nil
}

// userLine is a user in the audit log.
type userLine struct {
	Name string `json:"name"`
	Role Role   `json:"role"`
}

// AddUser adds a user, as part of a change. The first one is an operator.
func (s *Store) AddUser(c *audit.BoardChange, name string, role Role, hash PasswordHash) (User, error) {
	if err := ParseName(name); err != nil {
		return User{}, err
	}
	if _, err := ParseRole(string(role)); err != nil {
		return User{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, taken := s.users[strings.ToLower(name)]
	switch {
	case taken:
		return User{}, ErrTaken
	case len(s.users) >= maxUsers:
		return User{}, ErrTooMany
	case len(s.users) == 0 && role != Operator:
		return User{}, ErrNotFirst
	}
	u := User{name, role, c.At, hash}
	err := errors.Join(
		c.DB.Exec(`INSERT INTO users (name, role, password, made) VALUES (?,?,?,?)`, name, string(role), string(hash), int64(c.At)),
		c.DB.Exec(`DELETE FROM secrets WHERE name = 'first_token'`),
	)
	c.Line(audit.AddUser, name, nil, userLine{name, role})
	c.AfterCommit(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.users[strings.ToLower(name)], s.first = u, [32]byte{}
	})
	return u, err
}

// SetPassword gives a user another password, and ends the sessions of the old one; but that with
// the secret keep, "" for none.
func (s *Store) SetPassword(c *audit.BoardChange, name string, hash PasswordHash, keep string) error {
	u, ok := s.User(name)
	if !ok {
		return ErrNobody
	}
	kept := hashOf(keep)
	err := errors.Join(
		c.DB.Exec(`UPDATE users SET password = ? WHERE name = ?`, string(hash), u.Name),
		c.DB.Exec(`DELETE FROM sessions WHERE name = ? AND hash != ?`, u.Name, kept[:]),
	)
	c.Line(audit.SetPassword, u.Name, nil, nil)
	c.AfterCommit(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		u.hash = hash
		s.users[strings.ToLower(u.Name)] = u
		s.endSessions(u.Name, kept)
	})
	return err
}

// RemoveUser removes a user and ends his sessions.
func (s *Store) RemoveUser(c *audit.BoardChange, name string) error {
	u, ok := s.User(name)
	if !ok {
		return ErrNobody
	}
	if u.Role == Operator && s.operators() == 1 {
		return ErrLast
	}
	err := errors.Join(c.DB.Exec(`DELETE FROM users WHERE name = ?`, u.Name), c.DB.Exec(`DELETE FROM sessions WHERE name = ?`, u.Name))
	c.Line(audit.RemoveUser, u.Name, userLine{u.Name, u.Role}, nil)
	c.AfterCommit(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.users, strings.ToLower(u.Name))
		s.endSessions(u.Name, [32]byte{})
	})
	return err
}

// operators is how many users are operators.
func (s *Store) operators() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		if u.Role == Operator {
			n++
		}
	}
	return n
}

// endSessions forgets the sessions of a user but one. The caller holds the lock.
func (s *Store) endSessions(name string, kept [32]byte) {
	for hash, one := range s.sessions {
		if one.name == name && hash != kept {
			delete(s.sessions, hash)
		}
	}
}

// User is the user of a name, in any case.
func (s *Store) User(name string) (User, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[strings.ToLower(name)]
	return u, ok
}

// Users are all users, by name.
func (s *Store) Users() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]User, 0, len(s.users))
	for _, u := range s.users {
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b User) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return all
}
