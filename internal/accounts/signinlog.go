package accounts

import (
	"errors"
	"net/netip"
	"strings"
	"time"

	"evcp/internal/audit"
	"evcp/internal/sqlite"
)

// lineLimiter bounds the lines of one action in the audit log and in Central's: who signs in and
// out without end, or guesses, fills neither. What is left out is counted in the next line.
// The caller holds a lock.
type lineLimiter struct {
	burst float64
	left  float64 // lines
	at    time.Time
	more  uint64 // left out since the last line
}

// lineEvery is how often there is another line: those of four actions fill the audit log in ten
// years.
const lineEvery = 2 * time.Minute

// take reports whether there is a line now, and how many were left out before it.
func (l *lineLimiter) take(now time.Time) (more uint64, ok bool) {
	l.left = min(l.burst, l.left+max(0, now.Sub(l.at).Seconds())/lineEvery.Seconds())
	if l.at.IsZero() {
		l.left = l.burst
	}
	l.at = now
	if l.left < 1 {
		l.more++
		return 0, false
	}
	more, l.more = l.more, 0
	l.left--
	return more, true
}

// newLineLimiters are one for each action. A whole shift may sign in at once; of those who are
// refused ten say enough.
func newLineLimiters() map[audit.ChangeAction]*lineLimiter {
	return map[audit.ChangeAction]*lineLimiter{
		audit.SignIn: {burst: 100}, audit.SignOut: {burst: 100}, audit.RefuseSignIn: {burst: 10}, audit.RefuseToken: {burst: 10},
	}
}

// signInLine is what a line of these actions says besides its target.
type signInLine struct {
	Why  string `json:"why,omitempty"`  // it was refused
	More uint64 `json:"more,omitempty"` // like it before, that have no line
}

// logSession writes what begins or ends a session, with its line in the audit log, if it has one.
// A log that takes no line keeps nobody from signing in or out.
func (s *Store) logSession(by audit.Actor, action audit.ChangeAction, write func(*sqlite.DB) error) error {
	s.mu.Lock()
	more, ok := s.lines[action].take(time.Now())
	s.mu.Unlock()
	if !ok {
		return s.file.Write(write)
	}
	err := s.file.Change(by, func(c *audit.BoardChange) error {
		c.Line(action, by.Name, nil, signInLine{More: more})
		return write(c.DB)
	})
	if errors.Is(err, audit.ErrFull) || errors.Is(err, audit.ErrGone) {
		err = s.file.Write(write)
	}
	switch {
	case err != nil:
	case action == audit.SignIn:
		s.log.Info("signed in", withMore(more, "name", by.Name, "kind", string(by.Kind), "peer", by.Peer)...)
	default:
		s.log.Info("signed out", withMore(more, "name", by.Name, "kind", string(by.Kind), "peer", by.Peer)...)
	}
	return err
}

// Why a sign-in or a token was refused.
const (
	wrongPassword = "password"
	unknownName   = "unknown_name"
	wrongFirst    = "first_token"
	tooMany       = "too_many"
	unknownToken  = "unknown_token"
	expiredToken  = "expired"
	byProvider    = "provider"
)

// refused counts a sign-in that was refused, and says so. Of a name that nobody has only that is
// told: people type their password there.
func (s *Store) refused(why, name string, peer netip.Addr) {
	s.countFailure()
	target := ""
	if u, known := s.User(name); known {
		target = u.Name
	} else if why == wrongPassword {
		why = unknownName
	}
	s.noteRefusal(audit.RefuseSignIn, target, why, peer)
}

func (s *Store) countFailure() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed++
}

// noteRefusal adds a line to both logs, as far as there is one. What refused it, the audit log
// can't change: its error is that of the next change.
func (s *Store) noteRefusal(action audit.ChangeAction, target, why string, peer netip.Addr, values ...any) {
	s.mu.Lock()
	more, ok := s.lines[action].take(time.Now())
	s.mu.Unlock()
	if !ok {
		return
	}
	by := audit.Actor{Kind: audit.ByNobody, Peer: peerText(peer)}
	_ = s.file.Change(by, func(c *audit.BoardChange) error {
		c.Line(action, target, nil, signInLine{why, more})
		return nil
	})
	if action == audit.RefuseToken {
		s.log.Warn("a token was refused", withMore(more, "why", why, "name", target, "peer", by.Peer)...)
		return
	}
	s.log.Warn("a sign-in was refused", append(withMore(more, "why", why, "name", target, "peer", by.Peer), values...)...)
}

// maxProviderError bounds what the log says of a provider's answer, in bytes.
const maxProviderError = 300

// RefuseProvider notes that nobody was signed in by the provider, and in the log of the program
// why: that has the provider's own words.
func (s *Store) RefuseProvider(err error, peer netip.Addr) {
	s.countFailure()
	text := err.Error()
	s.noteRefusal(audit.RefuseSignIn, "", byProvider, peer, "error", strings.ToValidUTF8(text[:min(len(text), maxProviderError)], ""))
}

// withMore are the values of a line of the log, with how many lines were left out, if any were.
func withMore(more uint64, values ...any) []any {
	if more > 0 {
		values = append(values, "more", more)
	}
	return values
}

// peerText is an address in a line.
func peerText(peer netip.Addr) string {
	if !peer.IsValid() {
		return ""
	}
	return peer.String()
}

// RefuseToken notes that a program showed a token that is not good: t is the one that it was, if
// it has expired.
func (s *Store) RefuseToken(t Token, peer netip.Addr) {
	why := unknownToken
	if t.Name != "" {
		why = expiredToken
	}
	s.noteRefusal(audit.RefuseToken, t.Name, why, peer)
}
