package authority

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func create(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "below", "ca")
	f, err := Create(dir, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t *testing.T, dir string) *Folder {
	t.Helper()
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestFolder: an authority is kept with a key that only its owner can read, is never made
// twice, and issues what its certificate verifies, for one purpose each.
func TestFolder(t *testing.T) {
	dir := create(t)
	if _, err := Create(dir, time.Now()); !errors.Is(err, ErrExists) {
		t.Errorf("a second authority: %v", err)
	}
	f, out := open(t, dir), t.TempDir()
	roots := x509.NewCertPool()
	roots.AddCert(f.Certificate)
	for name, tc := range map[string]struct {
		r   CertificateRequest
		use x509.ExtKeyUsage
	}{
		"CP_001": {CertificateRequest{URI: ChargePointURI("CP_001")}, x509.ExtKeyUsageClientAuth},
		"::1":    {CertificateRequest{Names: []string{"::1", "central.example"}}, x509.ExtKeyUsageServerAuth},
	} {
		issued, cert, key, err := f.IssueTo(out, name, tc.r)
		if err != nil {
			t.Fatal(err)
		}
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil || !pair.Leaf.Equal(issued.Certificate) || filepath.Base(cert) != strings.ReplaceAll(name, ":", "_")+".pem" {
			t.Errorf("%s: %s, %v", name, cert, err)
		}
		for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth} {
			if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{use}}); (err == nil) != (use == tc.use) {
				t.Errorf("%s for use %d: %v", name, use, err)
			}
		}
		if left := time.Until(pair.Leaf.NotAfter); left > CertificateLifetime || left < CertificateLifetime-time.Hour {
			t.Errorf("%s lasts %v", name, left)
		}
		if _, _, _, err := f.IssueTo(out, name, tc.r); err == nil || !strings.Contains(err.Error(), "not overwritten") {
			t.Errorf("issued over a file that is there: %v", err)
		}
		for path, mode := range map[string]os.FileMode{key: 0o600, f.KeyPath(): 0o600, dir: 0o700} {
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
				t.Errorf("%s: %v, %v", path, info.Mode(), err)
			}
		}
	}
	if all, err := f.Entries(); err != nil || len(all) != 2 {
		t.Errorf("issued %v, %v", all, err)
	}
}

// TestOpenFolder: what can't be used is an error that says why.
func TestOpenFolder(t *testing.T) {
	dir := create(t)
	if _, err := Open(t.TempDir()); !errors.Is(err, ErrNone) {
		t.Errorf("an empty folder: %v", err)
	}
	other := filepath.Join(create(t), keyName)
	key := filepath.Join(dir, keyName)
	for want, spoil := range map[string]func() error{
		"others can read it":            func() error { return os.Chmod(key, 0o640) },
		"no such file":                  func() error { return os.Remove(key) },
		"is not the key of":             func() error { return os.Rename(other, key) },
		"holds nothing in PEM form":     func() error { return os.WriteFile(key, []byte("x"), 0o600) },
		"an authority is there already": nil,
	} {
		t.Run(want, func(t *testing.T) {
			whole, err := os.ReadFile(key)
			if err != nil {
				t.Fatal(err)
			}
			if spoil == nil {
				if _, err := Create(dir, time.Now()); !errors.Is(err, ErrExists) {
					t.Error(err)
				}
				return
			}
			if err := spoil(); err != nil {
				t.Fatal(err)
			}
			if f, err := Open(dir); err == nil || !strings.Contains(err.Error(), want) || f != nil {
				t.Errorf("%v, want %q", err, want)
			}
			if err := errors.Join(os.WriteFile(key, whole, 0o600), os.Chmod(key, 0o600)); err != nil {
				t.Fatal(err)
			}
		})
	}
	open(t, dir)
}

// TestRevoke: the list keeps what people wrote in it, and a number is on it once.
func TestRevoke(t *testing.T) {
	f := open(t, create(t))
	issued, _, _, err := f.IssueTo(t.TempDir(), "CP_001", CertificateRequest{URI: ChargePointURI("CP_001")})
	if err != nil {
		t.Fatal(err)
	}
	serial := Serial(issued.Certificate)
	if _, err := f.Revoke("123", time.Now()); !errors.Is(err, ErrNotIssued) {
		t.Errorf("a number of nobody: %v", err)
	}
	if err := os.WriteFile(f.RevokedPath(), []byte("aa # of another authority"), 0o644); err != nil {
		t.Fatal(err)
	}
	for i, written := range []string{serial, "0" + strings.ToUpper(serial), ":" + serial + "\n"} {
		if e, err := f.Revoke(written, time.Now()); err != nil || e.Serial != serial || e.For != "urn:evcp:cp:CP_001" || e.Revoked != (i > 0) {
			t.Errorf("%q: %+v, %v", written, e, err)
		}
	}
	text, err := os.ReadFile(f.RevokedPath())
	if err != nil || !strings.HasPrefix(string(text), "aa # of another authority\n"+serial+" # urn:evcp:cp:CP_001, ") || strings.Count(string(text), "\n") != 2 {
		t.Errorf("%q, %v", text, err)
	}
	if all, err := f.Entries(); err != nil || len(all) != 1 || !all[0].Revoked {
		t.Errorf("%v, %v", all, err)
	}
}

// TestFolderIsForOneAtATime: whoever comes meanwhile waits, and no entry is lost.
func TestFolderIsForOneAtATime(t *testing.T) {
	dir, out := create(t), t.TempDir()
	var issuing sync.WaitGroup
	for i := range 8 {
		issuing.Go(func() {
			f, err := Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			name := string(rune('A' + i))
			_, _, _, err = f.IssueTo(out, name, CertificateRequest{URI: FleetURI(name)})
			if err := errors.Join(err, f.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	issuing.Wait()
	if all, err := open(t, dir).Entries(); err != nil || len(all) != 8 {
		t.Errorf("%d entries of 8, %v", len(all), err)
	}
}

// TestDoesNotOutliveItsAuthority: a certificate ends with the authority that issued it.
func TestDoesNotOutliveItsAuthority(t *testing.T) {
	now := time.Now()
	old := must(New("old", now.Add(-AuthorityLifetime+time.Hour)))
	issued, err := old.Issue(CertificateRequest{URI: FleetURI("NORTH"), Now: now})
	if err != nil || issued.Certificate.NotAfter.After(old.Certificate.NotAfter) {
		t.Errorf("until %v, the authority until %v, %v", issued.Certificate.NotAfter, old.Certificate.NotAfter, err)
	}
}
