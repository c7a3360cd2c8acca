package credentials

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"evcp/internal/authority"
	"evcp/internal/metrics"
)

// fixture is a Store with an authority and a folder for files.
type fixture struct {
	*testing.T
	Store
	ca  *authority.Authority
	dir string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	ca, err := authority.New("test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{T: t, ca: ca, dir: t.TempDir()}
}

func (fx *fixture) path(name string) string { return filepath.Join(fx.dir, name) }

// write replaces a file by rename, as careful programs do.
func (fx *fixture) write(name string, content []byte) {
	fx.Helper()
	fresh := fx.path(name + ".new")
	if err := errors.Join(os.WriteFile(fresh, content, 0o600), os.Rename(fresh, fx.path(name))); err != nil {
		fx.Fatal(err)
	}
}

func (fx *fixture) issue(lifetime time.Duration) authority.Issued {
	fx.Helper()
	issued, err := fx.ca.Issue(authority.CertificateRequest{Names: []string{"localhost"}, Lifetime: lifetime})
	if err != nil {
		fx.Fatal(err)
	}
	return issued
}

// told are the kinds and uses of the notices of one look.
func (fx *fixture) told(want ...Notice) {
	fx.Helper()
	got := fx.refresh(time.Now())
	if len(got) != len(want) {
		fx.Fatalf("told %v, want %v", got, want)
	}
	for i := range want {
		if got[i].Kind != want[i].Kind || got[i].Use != want[i].Use {
			fx.Errorf("told %v, want %v", got[i], want[i])
		}
	}
}

// TestSecretIsReadAgain: a changed password is used; a bad one leaves the old in use and is
// told once, at the second look.
func TestSecretIsReadAgain(t *testing.T) {
	fx := newFixture(t)
	fx.write("password", []byte("first\r\n"))
	s, err := fx.Secret("kafka-password-file", fx.path("password"))
	if err != nil || s.Text() != "first" {
		t.Fatalf("%q, %v", s.Text(), err)
	}
	fx.told()
	fx.write("password", []byte("second"))
	fx.told(Notice{Kind: Replaced, Use: "kafka-password-file"})
	if s.Text() != "second" {
		t.Errorf("the secret is still %q", s.Text())
	}
	for _, bad := range []string{"", "\n", "two\nlines", "\x00", strings.Repeat("x", maxSecret+1), "\xff"} {
		fx.write("password", []byte(bad))
		fx.told()
		fx.told(Notice{Kind: Rejected, Use: "kafka-password-file"})
		fx.told()
		if s.Text() != "second" || fx.Files()[0].Err == nil {
			t.Errorf("after %q the secret is %q, %v", bad, s.Text(), fx.Files()[0].Err)
		}
	}
	if err := os.Remove(fx.path("password")); err != nil {
		t.Fatal(err)
	}
	fx.told()
	fx.told(Notice{Kind: Rejected, Use: "kafka-password-file"})
	if err := fx.Files()[0].Err; !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a deleted file is %v", err)
	}
}

// TestPairIsReplacedFileByFile: between the two the old pair stays in use, and nothing is told.
func TestPairIsReplacedFileByFile(t *testing.T) {
	fx := newFixture(t)
	first, second := fx.issue(0), fx.issue(0)
	fx.write("cert.pem", first.CertPEM)
	fx.write("key.pem", first.KeyPEM)
	pair, err := fx.KeyPair("tls-cert", fx.path("cert.pem"), fx.path("key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	fx.told()
	fx.write("cert.pem", second.CertPEM)
	fx.told()
	if !bytes.Equal(pair.Certificate().Leaf.Raw, first.Certificate.Raw) {
		t.Error("the first certificate is not in use any more")
	}
	fx.write("key.pem", second.KeyPEM)
	fx.told(Notice{Kind: Replaced, Use: "tls-cert"})
	if !bytes.Equal(pair.Certificate().Leaf.Raw, second.Certificate.Raw) {
		t.Error("the second certificate is not in use")
	}
}

// TestLinkToAnotherFolder: Kubernetes replaces mounted secrets by a symbolic link to their
// folder.
func TestLinkToAnotherFolder(t *testing.T) {
	fx := newFixture(t)
	for _, version := range []string{"one", "two"} {
		if err := os.Mkdir(fx.path(version), 0o700); err != nil {
			t.Fatal(err)
		}
		fx.write(filepath.Join(version, "password"), []byte(version))
	}
	link := func(to string) {
		if err := errors.Join(os.Symlink(to, fx.path("data.new")), os.Rename(fx.path("data.new"), fx.path("data"))); err != nil {
			t.Fatal(err)
		}
	}
	link("one")
	s, err := fx.Secret("kafka-password-file", fx.path("data/password"))
	if err != nil {
		t.Fatal(err)
	}
	link("two")
	fx.told(Notice{Kind: Replaced, Use: "kafka-password-file"})
	if s.Text() != "two" {
		t.Errorf("the secret is %q", s.Text())
	}
}

// TestExpiryIsToldOnce at each threshold, and anew after a replacement.
func TestExpiryIsToldOnce(t *testing.T) {
	fx := newFixture(t)
	issued := fx.issue(40 * 24 * time.Hour)
	fx.write("cert.pem", issued.CertPEM)
	fx.write("key.pem", issued.KeyPEM)
	if _, err := fx.KeyPair("tls-cert", fx.path("cert.pem"), fx.path("key.pem")); err != nil {
		t.Fatal(err)
	}
	var told []time.Duration
	for left := 40 * 24 * time.Hour; left > -48*time.Hour; left -= time.Hour {
		now := issued.Certificate.NotAfter.Add(-left)
		for _, n := range fx.refresh(now) {
			if n.Kind != Expires || !n.Until.Equal(issued.Certificate.NotAfter) {
				t.Errorf("told %v", n)
			}
			told = append(told, left/(24*time.Hour))
		}
	}
	if len(told) != 4 || told[0] != 30 || told[1] != 7 || told[2] != 1 || told[3] != 0 {
		t.Errorf("told %v days before the end", told)
	}
}

// TestReadableByOthersIsTold for keys and secrets, and not for what is public.
func TestReadableByOthersIsTold(t *testing.T) {
	fx := newFixture(t)
	issued := fx.issue(0)
	for name, content := range map[string][]byte{"ca.pem": fx.ca.CertPEM(), "cert.pem": issued.CertPEM, "key.pem": issued.KeyPEM} {
		fx.write(name, content)
		if err := os.Chmod(fx.path(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, pairErr := fx.KeyPair("tls-cert", fx.path("cert.pem"), fx.path("key.pem"))
	_, rootsErr := fx.Roots("tls-client-ca", fx.path("ca.pem"))
	if err := errors.Join(pairErr, rootsErr); err != nil {
		t.Fatal(err)
	}
	fx.told(Notice{Kind: ReadableByOthers, Use: "tls-cert"})
	fx.told()
}

// TestRevoked reads serial numbers as several programs write them.
func TestRevoked(t *testing.T) {
	fx := newFixture(t)
	issued, other := fx.issue(0), fx.issue(0)
	serial := authority.Serial(issued.Certificate)
	for _, text := range []string{serial, "0" + strings.ToUpper(serial) + "  # lost", "\n# comment\n00:" + serial + "\r\n"} {
		fx.write("revoked", []byte(text))
		r, err := fx.Revoked("tls-revoked", fx.path("revoked"))
		if err != nil || !r.Has(issued.Certificate) || r.Has(other.Certificate) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, bad := range []string{"0", "xyz", strings.Repeat("a", 41), "1 2"} {
		fx.write("revoked", []byte("# first line\n"+bad))
		if _, err := fx.Revoked("tls-revoked", fx.path("revoked")); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestClientCertificateIsValid as long as it is not revoked and not expired, and its
// authority is trusted; all of them are looked at again in an open connection.
func TestClientCertificateIsValid(t *testing.T) {
	fx := newFixture(t)
	issued, err := fx.ca.Issue(authority.CertificateRequest{URI: "urn:evcp:cp:CP_001"})
	if err != nil {
		t.Fatal(err)
	}
	other, err := authority.New("other", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	fx.write("ca.pem", fx.ca.CertPEM())
	fx.write("revoked", []byte("01\n"))
	server := &Server{}
	var errs [2]error
	server.ClientRoots, errs[0] = fx.Roots("tls-client-ca", fx.path("ca.pem"))
	server.Revoked, errs[1] = fx.Revoked("tls-revoked", fx.path("revoked"))
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	state := tls.ConnectionState{PeerCertificates: []*x509.Certificate{issued.Certificate}}
	if server.ClientCertificate(tls.ConnectionState{}) != nil || (&Server{}).ClientCertificate(state) != nil {
		t.Error("a certificate where none is needed or sent")
	}
	c, now := server.ClientCertificate(state), time.Now()
	valid := func(at time.Time, want string) {
		t.Helper()
		if err := c.Valid(at); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	end := issued.Certificate.NotAfter
	valid(now, "")
	valid(end, "")
	valid(end.Add(time.Second), "the certificate expired at "+end.UTC().Format(time.RFC3339))
	valid(now, "") // the clock was wrong
	fx.write("ca.pem", other.CertPEM())
	fx.told(Notice{Kind: Replaced, Use: "tls-client-ca"})
	valid(now, "unknown authority")
	fx.write("ca.pem", append(other.CertPEM(), fx.ca.CertPEM()...))
	fx.told(Notice{Kind: Replaced, Use: "tls-client-ca"})
	valid(now, "")
	fx.write("revoked", []byte(authority.Serial(issued.Certificate)))
	fx.told(Notice{Kind: Replaced, Use: "tls-revoked"})
	valid(now, "revoked")
}

// TestPartsComeAndGo: the sites of a fleet name a file each by one setting. The metric, which has
// the setting alone, is of the first that expires; a part that was removed is looked at no more.
func TestPartsComeAndGo(t *testing.T) {
	fx := newFixture(t)
	days := func(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }
	var parts []*Store
	for i, lifetime := range []time.Duration{days(300), days(100), days(200)} {
		name, part := string(rune('a'+i))+".pem", fx.Part()
		fx.write(name, fx.issue(lifetime).CertPEM)
		if _, err := part.Roots("engine-ca", fx.path(name)); err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part)
	}
	fx.told()
	var m metrics.Writer
	fx.Metrics(&m)
	line := regexp.MustCompile(`\nevcp_certificate_expiry_timestamp_seconds\{use="engine-ca"\} (\d+)`).FindAllStringSubmatch(string(m.Text()), -1)
	if len(line) != 1 || line[0][1] != strconv.FormatInt(fx.Files()[1].Expires.Unix(), 10) {
		t.Errorf("%q of %v", line, fx.Files())
	}
	fx.Remove(parts[1])
	fx.write("b.pem", []byte("no certificate"))
	fx.told()
	if all := fx.Files(); len(all) != 2 {
		t.Errorf("the files are %v", all)
	}
}

// TestAnyCertificateIsToldOnce, and stays among the files.
func TestAnyCertificateIsToldOnce(t *testing.T) {
	fx := newFixture(t)
	fx.AnyCertificate("insecure-central-tls-i-know")
	fx.told(Notice{Kind: Unverified, Use: "insecure-central-tls-i-know"})
	fx.told()
	if all := fx.Files(); len(all) != 1 || !all[0].Unverified {
		t.Errorf("the files are %v", all)
	}
}

// A file of several secrets is refused if others may read it, also when it becomes so; a
// credential of systemd shows rights of the group.
func TestPrivate(t *testing.T) {
	fx := newFixture(t)
	fx.write("secrets", []byte("one\ntwo\n"))
	got := ""
	parse := func(text string) error {
		if strings.HasPrefix(text, "bad") {
			return errors.New("line 1: it is bad")
		}
		got = text
		return nil
	}
	chmod := func(mode fs.FileMode) {
		t.Helper()
		if err := os.Chmod(fx.path("secrets"), mode); err != nil {
			t.Fatal(err)
		}
	}
	chmod(0o640)
	if err := fx.Private("alert-file", fx.path("secrets"), parse); err == nil || !strings.HasSuffix(err.Error(), "secrets has mode 0640 and holds secrets: chmod 600 it") {
		t.Fatal(err)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", fx.dir+"/")
	if err := fx.Private("alert-file", fx.path("secrets"), parse); err != nil || got != "one\ntwo\n" {
		t.Fatal(err, got)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	chmod(0o600)
	fx.told(Notice{Kind: Replaced, Use: "alert-file"})
	fx.write("secrets", []byte("bad\n"))
	fx.told()
	fx.told(Notice{Kind: Rejected, Use: "alert-file"})
	fx.write("secrets", []byte("three\n"))
	fx.told(Notice{Kind: Replaced, Use: "alert-file"})
	if got != "three\n" {
		t.Errorf("%q", got)
	}
	chmod(0o644) // the content is refused, and the old one stays
	fx.told()
	fx.told(Notice{Kind: Rejected, Use: "alert-file"})
	chmod(0o600)
	fx.told(Notice{Kind: Replaced, Use: "alert-file"})
}
