package accounts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"evcp/internal/audit"
	"evcp/internal/bubble"
)

// openTestStore is a Store with the user ana, and what it logs.
func openTestStore(t *testing.T) (*Store, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	file, err := audit.Open(t.TempDir(), logger)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	s, err := Open(file, logger)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := HashPassword(t.Context(), "ana", "a long password")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Change(audit.Actor{Name: "test", Kind: audit.ByLocal}, func(c *audit.BoardChange) error {
		_, err := s.AddUser(c, "ana", Operator, hash)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return s, &log
}

// told are the lines of the audit log but the first, the oldest first.
func told(t *testing.T, s *Store) (lines []string) {
	t.Helper()
	all, err := s.AuditLines(1000, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all[:len(all)-1] {
		var after signInLine
		if err := json.Unmarshal(l.After, &after); err != nil {
			t.Fatal(err)
		}
		lines = append([]string{fmt.Sprintf("%s %s by %s %s at %s: %s %d", l.Action, l.Target, l.By.Kind, l.By.Name, l.By.Peer, after.Why, after.More)}, lines...)
	}
	return lines
}

// TestSessionsAreInBothLogs: who signs in, signs out and is refused stands in the audit log and
// once in Central's. A name that nobody has is not written down: it may be a password.
func TestSessionsAreInBothLogs(t *testing.T) {
	s, log := openTestStore(t)
	peer := netip.MustParseAddr("192.0.2.7")
	in, err := s.SignIn(t.Context(), "ANA", "a long password", peer, "")
	if err != nil {
		t.Fatal(err)
	}
	_, err1 := s.SignIn(t.Context(), "ana", "wrong", peer, "")
	_, err2 := s.SignIn(t.Context(), "hunter2-my-password", "wrong", peer, "")
	_, err3 := s.UseFirstToken("wrong", peer, "")
	if err1 == nil || err2 == nil || err3 == nil {
		t.Fatal(err1, err2, err3)
	}
	if err := s.SignOut(audit.Actor{Name: in.Name, Kind: audit.ByUser, Peer: "192.0.2.7"}, in.Secret); err != nil {
		t.Fatal(err)
	}
	s.RefuseToken(Token{}, peer)
	s.RefuseToken(Token{Name: "ci"}, peer)
	want := `sign_in ana by user ana at 192.0.2.7:  0
refuse_sign_in ana by nobody  at 192.0.2.7: password 0
refuse_sign_in  by nobody  at 192.0.2.7: unknown_name 0
refuse_sign_in  by nobody  at 192.0.2.7: first_token 0
sign_out ana by user ana at 192.0.2.7:  0
refuse_token  by nobody  at 192.0.2.7: unknown_token 0
refuse_token ci by nobody  at 192.0.2.7: expired 0`
	if got := strings.Join(told(t, s), "\n"); got != want {
		t.Errorf("the audit log has\n%s\nwant\n%s", got, want)
	}
	if strings.Contains(log.String(), "hunter2") {
		t.Errorf("the log has what somebody typed: %s", log)
	}
	for text, n := range map[string]int{"signed in": 1, "signed out": 1, "a sign-in was refused": 3, "a token was refused": 2} {
		if got := strings.Count(log.String(), text); got != n {
			t.Errorf("%d lines %q, want %d: %s", got, text, n, log)
		}
	}
}

// TestGuessingFillsNoLog: of a thousand refusals a few have lines, and the next line counts the
// others.
func TestGuessingFillsNoLog(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s, log := openTestStore(t)
		for n := range 1000 {
			_, err := s.UseFirstToken("wrong", netip.AddrFrom4([4]byte{10, 0, byte(n / 250), byte(n % 250)}), "")
			if err == nil {
				t.Fatal("it is right")
			}
		}
		time.Sleep(lineEvery)
		_, _ = s.UseFirstToken("wrong", netip.MustParseAddr("192.0.2.1"), "")
		lines := told(t, s)
		if len(lines) != 11 || !strings.HasSuffix(lines[10], "at 192.0.2.1: first_token 990") || s.FailedSignIns() != 1001 {
			t.Errorf("%d lines, %d failed: %q", len(lines), s.FailedSignIns(), lines)
		}
		if n := strings.Count(log.String(), "\n"); n != 11 {
			t.Errorf("%d lines in the log", n)
		}
	})
}
