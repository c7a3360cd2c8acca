package accounts

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"evcp"
	"evcp/internal/audit"
	"evcp/internal/sqlite"
)

// secretBytes is the size of what is random in a session or a token.
const secretBytes = 32

// tokenPrefix begins a token, so that scanners of repositories and logs can find one.
const tokenPrefix = "evcp_"

// NewSecret is a random one that nobody guesses.
func NewSecret() string {
	b := make([]byte, secretBytes)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

func hashOf(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

// tokenLine is a token in the audit log.
type tokenLine struct {
	Name    string `json:"name"`
	Role    Role   `json:"role"`
	Expires string `json:"expires"`
}

func (t Token) line() tokenLine {
	return tokenLine{t.Name, t.Role, t.Expires.Time().UTC().Format(time.RFC3339)}
}

// AddToken makes a token for a program, and returns it: it can't be read again.
func (s *Store) AddToken(c *audit.BoardChange, name string, role Role, life time.Duration) (secret string, t Token, err error) {
	if err := ParseName(name); err != nil {
		return "", t, err
	}
	if _, err := ParseRole(string(role)); err != nil {
		return "", t, err
	}
	if life < MinTokenLife || life > MaxTokenLife {
		return "", t, ErrExpiry
	}
	for _, other := range s.Tokens() {
		if strings.EqualFold(other.Name, name) && other.Expires > c.At {
			return "", t, ErrTaken
		}
	}
	if len(s.Tokens()) >= maxTokens {
		return "", t, ErrTooMany
	}
	secret = tokenPrefix + NewSecret()
	t = Token{Name: name, Role: role, Made: c.At, Expires: c.At.Add(life), hash: hashOf(secret)}
	err = c.DB.Exec(`INSERT OR REPLACE INTO tokens (name, role, hash, made, expires) VALUES (?,?,?,?,?)`, name, string(role), t.hash[:], int64(t.Made), int64(t.Expires))
	c.Line(audit.AddToken, name, nil, t.line())
	c.AfterCommit(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.dropToken(name) // one that has expired
		s.tokens[t.hash] = t
	})
	return secret, t, err
}

// RevokeToken ends a token.
func (s *Store) RevokeToken(c *audit.BoardChange, name string) error {
	all := s.Tokens()
	i := slices.IndexFunc(all, func(t Token) bool { return strings.EqualFold(t.Name, name) })
	if i < 0 {
		return ErrNoToken
	}
	err := c.DB.Exec(`DELETE FROM tokens WHERE name = ?`, name)
	c.Line(audit.RevokeToken, all[i].Name, all[i].line(), nil)
	c.AfterCommit(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.dropToken(name)
	})
	return err
}

// dropToken forgets a token. The caller holds the lock.
func (s *Store) dropToken(name string) {
	for hash, t := range s.tokens {
		if strings.EqualFold(t.Name, name) {
			delete(s.tokens, hash)
		}
	}
}

// Tokens are all tokens, by name; also those that have expired.
func (s *Store) Tokens() []Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Token, 0, len(s.tokens))
	for _, t := range s.tokens {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b Token) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// TokenOf is the token that a program shows; ok is false for one that has expired, and for one
// that is not known.
func (s *Store) TokenOf(secret string, now time.Time) (Token, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tokens[hashOf(secret)]
	return t, ok && evcp.StampOf(now) < t.Expires
}

// NewFirstToken makes the token by which the first operator is made, in the place of one from
// an earlier start; "" where there is a user.
func (s *Store) NewFirstToken() (string, error) {
	if len(s.Users()) > 0 {
		return "", nil
	}
	secret := NewSecret()
	hash := hashOf(secret)
	if err := s.file.Write(func(db *sqlite.DB) error {
		return errors.Join(putSecret(db, "first_token", hash[:]), db.Exec(`DELETE FROM sessions WHERE name = ''`))
	}); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.first = hash
	s.endSessions("", [32]byte{})
	return secret, nil
}

// CSRFOf is what a write of a user must carry whom a proxy names: he has no session.
func (s *Store) CSRFOf(name string) string {
	mac := hmac.New(sha256.New, s.csrfKey)
	mac.Write([]byte(name))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
