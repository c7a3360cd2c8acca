package cli

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"evcp/internal/authority"
	"evcp/internal/credentials"
	"evcp/internal/language"
	"evcp/internal/testbed"
)

// TestNotices: each says which setting it is about, and what to do.
func TestNotices(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		notice credentials.Notice
		want   []string
	}{
		{credentials.Notice{Kind: credentials.Replaced}, []string{"level=INFO", "in use"}},
		{credentials.Notice{Kind: credentials.Rejected, Err: errors.New("no PEM")}, []string{"level=WARN", "can't be used", "no PEM", "the old content stays in use", "do=\"Correct the file"}},
		{credentials.Notice{Kind: credentials.Expires, Until: now.Add(7 * 24 * time.Hour)}, []string{"level=WARN", "expires on 2026-12-05, in 7d0h", "do=\"Put a new certificate"}},
		{credentials.Notice{Kind: credentials.Expires, Until: now.Add(-time.Hour)}, []string{"level=WARN", "expired on 2026-11-28", "do=\"Put a new certificate"}},
		{credentials.Notice{Kind: credentials.ReadableByOthers}, []string{"level=WARN", "other users", "chmod o= /etc/x.key"}},
	} {
		var log bytes.Buffer
		test.notice.Use, test.notice.Path = "central-cert", "/etc/x.key"
		logNotice(slog.New(slog.NewTextHandler(&log, nil)), language.English, test.notice, now)
		for _, want := range append(test.want, "--central-cert: ", "file=/etc/x.key") {
			if !strings.Contains(log.String(), want) {
				t.Errorf("no %q in %s", want, &log)
			}
		}
	}
}

// logged collects lines.
type logged struct{ lines chan string }

func (l logged) Write(b []byte) (int, error) {
	l.lines <- string(b)
	return len(b), nil
}

// TestWatchFiles: a certificate that is replaced while a program runs is logged.
func TestWatchFiles(t *testing.T) {
	certificates := testbed.NewCertificates(t)
	cert, key := certificates.Issue("old", authority.CertificateRequest{Names: []string{"localhost"}, Lifetime: time.Hour})
	var files credentials.Store
	if _, err := (&ServerTLS{Prefix: "tls", Cert: cert, Key: key}).Open(&files); err != nil {
		t.Fatal(err)
	}
	log := logged{make(chan string, 10)}
	end := WatchFiles(t.Context(), &files, slog.New(slog.NewTextHandler(log, nil)), language.English)
	next := func(want string) {
		t.Helper()
		select {
		case line := <-log.lines:
			if !strings.Contains(line, want) {
				t.Errorf("logged %s, want %q", line, want)
			}
		case <-time.After(testbed.Patience):
			t.Fatalf("no line with %q", want)
		}
	}
	next("--tls-cert: the certificate expires on ")
	certificates.Server("old")
	next("--tls-cert: the file has changed, and what it holds now is in use")
	end()
	if len(log.lines) > 0 {
		t.Errorf("after the end: %s", <-log.lines)
	}
}
