package accounts

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/netip"
	"strings"
	"time"

	"evcp"
	"evcp/internal/audit"
	"evcp/internal/language"
	"evcp/internal/sqlite"
)

// Bounds of sessions.
const (
	// SessionLife is how long a session is good, used or not.
	SessionLife = 7 * 24 * time.Hour
	// sessionIdle is how long it is good unused: a shift, and the night.
	sessionIdle = 16 * time.Hour
	// setupLife is how long one of the first token is good.
	setupLife = time.Hour
	// writeUsedAfter is how far the time of its last use on disk may be behind.
	writeUsedAfter     = 5 * time.Minute
	maxSessions        = 2000
	maxSessionsOfAUser = 20
)

// keptSession is one that is kept.
type keptSession struct {
	name    string // "" is of the first token; after providerPrefix one that the provider has told
	made    evcp.Stamp
	used    evcp.Stamp
	written evcp.Stamp // used, on disk
}

func (o keptSession) expired(now evcp.Stamp) bool {
	life := SessionLife
	if o.name == "" {
		life = setupLife
	}
	return now > o.made.Add(life) || now > o.used.Add(sessionIdle)
}

// SignedIn is what a session is for somebody.
type SignedIn struct {
	Secret string // the value of the cookie
	Name   string // "" for Setup
	Role   Role

	Provider bool // who it is, the OpenID Connect provider has told
}

// providerPrefix can't begin the name of a user.
const providerPrefix = "provider:"

// CSRF is what a write of this session must carry. Nobody can compute it who has not got the
// cookie, and no cookie from it.
func (s SignedIn) CSRF() string {
	hash := hashOf("csrf " + s.Secret)
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

// SlowDownError says that too many sign-ins have failed.
type SlowDownError struct{ Wait time.Duration }

// Error says so.
func (e SlowDownError) Error() string { return ErrSlowDown.Error() }

// Unwrap is ErrSlowDown.
func (e SlowDownError) Unwrap() error { return ErrSlowDown }

// Why nobody was signed in.
var (
	ErrSlowDown  = language.Coded("slow_down")
	ErrWrong     = language.Coded("wrong_sign_in")
	ErrFirstOnly = language.Coded("wrong_first_token")
	// ErrWrongPassword is of somebody who is signed in.
	ErrWrongPassword = language.Coded("wrong_password")
)

// SignIn checks a name and its password, and begins a session with a new secret. old is the
// session that the browser had; it ends. Too many failures from an address or of a name are
// SlowDownError.
func (s *Store) SignIn(ctx context.Context, name, password string, peer netip.Addr, old string) (SignedIn, error) {
	u, err := s.checkPassword(ctx, name, password, peer)
	if err != nil {
		return SignedIn{}, err
	}
	return s.begin(audit.Actor{Name: u.Name, Kind: audit.ByUser, Peer: peerText(peer)}, u.Name, u.Role, old)
}

// checkPassword finds the user whose password it is.
func (s *Store) checkPassword(ctx context.Context, name, password string, peer netip.Addr) (User, error) {
	keys := limitKeys(name, peer)
	if err := s.attempt(keys); err != nil {
		s.refused(tooMany, name, peer)
		return User{}, err
	}
	u, known := s.User(name)
	fits, err := u.hash.matches(ctx, password)
	if err != nil {
		return User{}, err
	}
	if !fits || !known {
		s.refused(wrongPassword, name, peer)
		return User{}, ErrWrong
	}
	s.succeeded(keys)
	return u, nil
}

// CheckPassword checks the password of somebody who is signed in and changes it: who has found a
// session can't guess it. Failures count as those of sign-ins. A wrong one is ErrWrongPassword.
func (s *Store) CheckPassword(ctx context.Context, name, password string, peer netip.Addr) error {
	_, err := s.checkPassword(ctx, name, password, peer)
	if errors.Is(err, ErrWrong) {
		return ErrWrongPassword
	}
	return err
}

// UseFirstToken begins a session that may make the first operator. The token is used up.
func (s *Store) UseFirstToken(token string, peer netip.Addr, old string) (SignedIn, error) {
	keys := limitKeys("", peer)
	if err := s.attempt(keys); err != nil {
		s.refused(tooMany, "", peer)
		return SignedIn{}, err
	}
	hash := hashOf(token)
	s.mu.Lock()
	fits := s.first != [32]byte{} && subtle.ConstantTimeCompare(hash[:], s.first[:]) == 1
	if fits {
		s.first = [32]byte{}
	}
	s.mu.Unlock()
	if !fits {
		s.refused(wrongFirst, "", peer)
		return SignedIn{}, ErrFirstOnly
	}
	s.succeeded(keys)
	if err := s.file.Write(func(db *sqlite.DB) error { return db.Exec(`DELETE FROM secrets WHERE name = 'first_token'`) }); err != nil {
		return SignedIn{}, err
	}
	return s.begin(audit.Actor{Name: FirstTokenName, Kind: audit.BySetup, Peer: peerText(peer)}, "", Setup, old)
}

func (s *Store) attempt(keys []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if wait := s.limiter.take(keys, time.Now()); wait > 0 {
		return SlowDownError{wait}
	}
	return nil
}

func (s *Store) succeeded(keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limiter.giveBack(keys, time.Now())
}

// Begin begins a session of a user without a password: the first operator has just been made,
// or a demo has its user.
func (s *Store) Begin(by audit.Actor, old string) (SignedIn, error) {
	u, ok := s.User(by.Name)
	if !ok {
		return SignedIn{}, ErrNobody
	}
	return s.begin(by, u.Name, u.Role, old)
}

// SignInByProvider begins a session of who has signed in there. Whom nobody has added here is a
// viewer.
func (s *Store) SignInByProvider(name string, peer netip.Addr) (SignedIn, error) {
	role := Viewer
	if u, known := s.User(name); known {
		name, role = u.Name, u.Role
	}
	return s.begin(audit.Actor{Name: name, Kind: audit.ByProvider, Peer: peerText(peer)}, providerPrefix+name, role, "")
}

// FirstTokenName stands in the log for who has the first token.
const FirstTokenName = "first token"

// begin makes a session, and room for it.
func (s *Store) begin(by audit.Actor, name string, role Role, old string) (SignedIn, error) {
	now := evcp.StampOf(time.Now())
	in := SignedIn{Secret: NewSecret(), Name: name, Role: role}
	hash := hashOf(in.Secret)
	s.mu.Lock()
	ended := s.makeRoom(name, now)
	if old != "" {
		ended = append(ended, hashOf(old))
	}
	for _, h := range ended {
		delete(s.sessions, h)
	}
	s.sessions[hash] = keptSession{name, now, now, now}
	s.mu.Unlock()
	err := s.logSession(by, audit.SignIn, func(db *sqlite.DB) error {
		err := db.Exec(`INSERT INTO sessions (hash, name, made, used) VALUES (?,?,?,?)`, hash[:], name, int64(now), int64(now))
		for _, h := range ended {
			err = errors.Join(err, db.Exec(`DELETE FROM sessions WHERE hash = ?`, h[:]))
		}
		return err
	})
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.sessions, hash)
		return SignedIn{}, err
	}
	return in, nil
}

// makeRoom chooses the sessions that end for a new one of the user: all that have expired, and
// those that were unused for longest. The caller holds the lock.
func (s *Store) makeRoom(name string, now evcp.Stamp) (ended [][32]byte) {
	own, all := 0, 0
	var oldestOwn, oldest [32]byte
	for hash, o := range s.sessions {
		if o.expired(now) {
			ended = append(ended, hash)
			continue
		}
		if all++; all == 1 || o.used < s.sessions[oldest].used {
			oldest = hash
		}
		if o.name != name {
			continue
		}
		if own++; own == 1 || o.used < s.sessions[oldestOwn].used {
			oldestOwn = hash
		}
	}
	switch {
	case own >= maxSessionsOfAUser:
		ended = append(ended, oldestOwn)
	case all >= maxSessions:
		ended = append(ended, oldest)
	}
	return ended
}

// SessionOf is what the session of a cookie lets do now. The role is that of the user now.
func (s *Store) SessionOf(secret string, at time.Time) (in SignedIn, ok bool) {
	if secret == "" {
		return in, false
	}
	hash, now := hashOf(secret), evcp.StampOf(at)
	s.mu.Lock()
	o, known := s.sessions[hash]
	if !known || o.expired(now) {
		s.mu.Unlock()
		return in, false
	}
	in = SignedIn{Secret: secret, Role: Setup}
	if in.Name, in.Provider = strings.CutPrefix(o.name, providerPrefix); in.Name != "" {
		u, there := s.users[strings.ToLower(in.Name)]
		switch {
		case there:
			in.Role = u.Role
		case in.Provider:
			in.Role = Viewer
		default:
			s.mu.Unlock()
			return SignedIn{}, false
		}
	}
	o.used = max(o.used, now)
	write := o.used > o.written.Add(writeUsedAfter)
	if write {
		o.written = o.used
	}
	s.sessions[hash] = o
	s.mu.Unlock()
	if write { // a disk that refuses ends no session
		_ = s.file.Write(func(db *sqlite.DB) error {
			return db.Exec(`UPDATE sessions SET used = ? WHERE hash = ?`, int64(o.used), hash[:])
		})
	}
	return in, true
}

// SignOut ends a session.
func (s *Store) SignOut(by audit.Actor, secret string) error {
	hash := hashOf(secret)
	s.mu.Lock()
	delete(s.sessions, hash)
	s.mu.Unlock()
	return s.logSession(by, audit.SignOut, func(db *sqlite.DB) error { return db.Exec(`DELETE FROM sessions WHERE hash = ?`, hash[:]) })
}

// Change makes a change in board.db.
func (s *Store) Change(by audit.Actor, change func(*audit.BoardChange) error) error {
	return s.file.Change(by, change)
}

// Answered is what a request was answered within the last day: audit.BoardDB.Answered.
func (s *Store) Answered(by audit.Actor, key, request string) (audit.KeptAnswer, bool, error) {
	return s.file.Answered(by, key, request)
}

// AuditLines are lines of the audit log: File.Lines.
func (s *Store) AuditLines(limit int, below int64) ([]audit.ChangeLine, error) {
	return s.file.Lines(limit, below)
}

// FailedSignIns is how many sign-ins have failed since the start.
func (s *Store) FailedSignIns() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}
