package accounts

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"evcp"
)

func TestPasswords(t *testing.T) {
	ctx := context.Background()
	hash, err := HashPassword(ctx, "ana", "contraseña larga")
	if err != nil || !strings.HasPrefix(string(hash), "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("%v, %s", err, hash)
	}
	other, err := HashPassword(ctx, "ana", "contraseña larga")
	if err != nil || other == hash {
		t.Errorf("two hashes are alike: %v", err)
	}
	cheap := hashCost{memory: 8, rounds: 1, threads: 1}
	for _, tc := range []struct {
		hash     PasswordHash
		password string
		want     bool
	}{
		{hash, "contraseña larga", true},
		{hash, "contraseña larga ", false},
		{hash, "", false},
		{cheap.text(make([]byte, 16), cheap.key("an older cost", make([]byte, 16), 32)), "an older cost", true},
		{"", "contraseña larga", false},
		{"$argon2id$v=19$m=19456,t=2,p=1$$", "", false},
		{"$argon2id$v=19$m=99999999,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "x", false}, // asks for 99 GB
		{"plain text", "plain text", false},
		{hash, strings.Repeat("x", 1<<20), false},
	} {
		if got, err := tc.hash.matches(ctx, tc.password); got != tc.want || err != nil {
			t.Errorf("%.40s and %.20q: %t, %v", tc.hash, tc.password, got, err)
		}
	}
	for _, bad := range []string{"", "too short", strings.Repeat("x", 1001), "ANA.BETANCOURT", "not \xff UTF-8 at all"} {
		if _, err := HashPassword(ctx, "ana.betancourt", bad); err == nil {
			t.Errorf("%.20q is a password", bad)
		}
	}
}

func TestNames(t *testing.T) {
	for name, good := range map[string]bool{
		"ana": true, "ana@example.org": true, "a": true, strings.Repeat("a", 64): true,
		"": false, strings.Repeat("a", 65): false, "a b": false, "ana\x1b[2J": false, "añа": false, "<b>": false, "a/b": false, "a\n": false,
	} {
		if err := ParseName(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestLimiter: ten at once, then one each six seconds; a success costs nothing; the memory is
// bounded, and what has failed most is forgotten last.
func TestLimiter(t *testing.T) {
	var l failureLimiter
	now := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	attacker := limitKeys("ana", netip.MustParseAddr("192.0.2.1"))
	for n := range 10 {
		if wait := l.take(attacker, now); wait != 0 {
			t.Fatalf("attempt %d waits for %s", n, wait)
		}
	}
	if wait := l.take(attacker, now); wait != 6*time.Second {
		t.Errorf("the eleventh waits for %s", wait)
	}
	if wait := l.take(limitKeys("ana", netip.MustParseAddr("198.51.100.1")), now); wait == 0 {
		t.Error("another address guesses on at the same name")
	}
	if wait := l.take(limitKeys("ben", netip.MustParseAddr("192.0.2.1")), now); wait == 0 {
		t.Error("the same address guesses on at another name")
	}
	if wait := l.take(attacker, now.Add(6*time.Second)); wait != 0 {
		t.Errorf("after six seconds it waits for %s", wait)
	}
	if wait := l.take(attacker, now.Add(-time.Hour)); wait == 0 {
		t.Error("a clock that is set back gives attempts")
	}
	good := limitKeys("eva", netip.MustParseAddr("203.0.113.1"))
	for range 100 {
		if l.take(good, now) != 0 {
			t.Fatal("who signs in has to wait")
		}
		l.giveBack(good, now)
	}
	for n := range maxBuckets + 2000 {
		l.take(limitKeys(fmt.Sprint("user", n), netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})), now)
	}
	if len(l.buckets) > maxBuckets {
		t.Errorf("%d buckets", len(l.buckets))
	}
	if wait := l.take(attacker, now); wait == 0 {
		t.Error("a flood of names has the attacker forgotten")
	}
	a, b := limitKeys("x", netip.MustParseAddr("2001:db8:1:2::1")), limitKeys("X", netip.MustParseAddr("2001:db8:1:2:ffff::9%eth0"))
	if a[0] != b[0] || a[1] != b[1] {
		t.Errorf("one network and name have the keys %q and %q", a, b)
	}
}

// TestSessionsExpire: unused after a night, used after a week; that of the first token after an
// hour.
func TestSessionsExpire(t *testing.T) {
	at := evcp.StampOf(time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC))
	for _, tc := range []struct {
		name       string
		used, asks time.Duration
		want       bool
	}{
		{"ana", 0, 15 * time.Hour, false},
		{"ana", 0, 17 * time.Hour, true},
		{"ana", 160 * time.Hour, 167 * time.Hour, false},
		{"ana", 168 * time.Hour, 169 * time.Hour, true},
		{"", 0, 50 * time.Minute, false},
		{"", 50 * time.Minute, 61 * time.Minute, true},
	} {
		o := keptSession{name: tc.name, made: at, used: at.Add(tc.used)}
		if got := o.expired(at.Add(tc.asks)); got != tc.want {
			t.Errorf("%q, used after %s, asked after %s: %t", tc.name, tc.used, tc.asks, got)
		}
	}
}

// TestSessionsAreBounded: of one user, and of all; the one that was unused for longest ends.
func TestSessionsAreBounded(t *testing.T) {
	s := &Store{sessions: map[[32]byte]keptSession{}}
	now := evcp.StampOf(time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC))
	add := func(name string, n int) {
		for _, h := range s.makeRoom(name, now) {
			delete(s.sessions, h)
		}
		used := now.Add(time.Duration(n) * time.Millisecond)
		s.sessions[hashOf(fmt.Sprint(name, n))] = keptSession{name: name, made: now, used: used}
	}
	for n := range 50 {
		add("ana", n)
	}
	if len(s.sessions) != maxSessionsOfAUser {
		t.Errorf("%d sessions of one user", len(s.sessions))
	}
	if _, ok := s.sessions[hashOf("ana49")]; !ok {
		t.Error("the newest one ended")
	}
	for n := range maxSessions + 200 {
		add(fmt.Sprint("user", n%500), 100+n)
	}
	if len(s.sessions) > maxSessions {
		t.Errorf("%d sessions", len(s.sessions))
	}
}
