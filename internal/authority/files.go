package authority

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"evcp/internal/folder"
	"evcp/internal/language"
)

// The files of a Folder.
const (
	certName    = "ca.pem"
	keyName     = "ca-key.pem"
	issuedName  = "issued.txt"
	revokedName = "revoked.txt"
	lockName    = "ca.lock"
)

// lockWait is how long another process may have the folder: each needs it for a moment.
const lockWait = 5 * time.Second

// Errors of a Folder.
var (
	ErrExists      = language.New("an authority is there already")
	ErrNone        = language.New("no authority is there")
	ErrNotIssued   = language.New("this authority has not issued it")
	errKeyReadable = language.New("others can read it")
)

// Folder is an authority on disk, locked for this process. Its key is readable by the owner
// only, and so is the folder. What is issued is written down before it is handed out.
type Folder struct {
	*Authority
	dir  string
	lock *folder.Lock
}

// Create makes an authority in a folder, which may be missing.
func Create(dir string, now time.Time) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	if err := f.create(now); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *Folder) create(now time.Time) (err error) {
	for _, name := range []string{certName, keyName} {
		if _, err := os.Lstat(f.path(name)); !errors.Is(err, fs.ErrNotExist) {
			return language.Errorf("%s: %w", f.path(name), ErrExists)
		}
	}
	if err := os.Chmod(f.dir, 0o700); err != nil {
		return err
	}
	if f.Authority, err = New("EV_CP "+now.UTC().Format(time.DateOnly), now); err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(f.key)
	if err != nil {
		return err
	}
	return errors.Join(
		f.replace(issuedName, []byte("# serial number, valid until, for\n"), 0o600),
		f.replace(revokedName, []byte("# serial numbers of certificates that are refused\n"), 0o644),
		f.replace(keyName, encode("PRIVATE KEY", key), 0o600),
		f.replace(certName, f.CertPEM(), 0o644), // the last: an authority with this is whole
	)
}

// Open opens the authority in a folder.
func Open(dir string) (*Folder, error) {
	if _, err := os.Stat(filepath.Join(dir, certName)); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = ErrNone
		}
		return nil, language.Errorf("%s: %w", dir, err)
	}
	f, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	if f.Authority, err = f.load(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func lockFolder(dir string) (*Folder, error) {
	for until := time.Now().Add(lockWait); ; time.Sleep(10 * time.Millisecond) {
		lock, err := folder.Acquire(dir, lockName)
		if err == nil {
			return &Folder{dir: dir, lock: lock}, nil
		}
		if !errors.Is(err, folder.ErrInUse) || time.Now().After(until) {
			return nil, err
		}
	}
}

// load reads certificate and key.
func (f *Folder) load() (*Authority, error) {
	info, err := os.Stat(f.path(keyName))
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, language.Errorf("%s: %w; chmod 600 %s", f.path(keyName), errKeyReadable, f.path(keyName))
	}
	certificate, err := parsePEM(f.path(certName), x509.ParseCertificate)
	if err != nil {
		return nil, err
	}
	key, err := parsePEM(f.path(keyName), x509.ParsePKCS8PrivateKey)
	if err != nil {
		return nil, err
	}
	private, ok := key.(*ecdsa.PrivateKey)
	if !ok || !private.PublicKey.Equal(certificate.PublicKey) {
		return nil, language.Errorf("%s is not the key of %s", f.path(keyName), f.path(certName))
	}
	return &Authority{certificate, private}, nil
}

func parsePEM[T any](path string, parse func([]byte) (T, error)) (v T, err error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return v, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return v, language.Errorf("%s holds nothing in PEM form", path)
	}
	if v, err = parse(block.Bytes); err != nil {
		return v, fmt.Errorf("%s: %w", path, err)
	}
	return v, nil
}

// Close gives the folder back.
func (f *Folder) Close() error { return f.lock.Close() }

func (f *Folder) path(name string) string { return filepath.Join(f.dir, name) }

// CertPath is the file of the authority's certificate, which those who trust it need.
func (f *Folder) CertPath() string { return f.path(certName) }

// KeyPath is the file of its private key.
func (f *Folder) KeyPath() string { return f.path(keyName) }

// RevokedPath is the file for --tls-revoked.
func (f *Folder) RevokedPath() string { return f.path(revokedName) }

// IssueTo issues a certificate, and writes it and its key to the folder out, as NAME.pem and
// NAME-key.pem. It overwrites nothing.
func (f *Folder) IssueTo(out, name string, r CertificateRequest) (issued Issued, cert, key string, err error) {
	base := filepath.Join(out, strings.ReplaceAll(name, ":", "_"))
	cert, key = base+".pem", base+"-key.pem"
	for _, path := range []string{cert, key} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return issued, "", "", language.Errorf("%s is there already, and is not overwritten: move it away, or name another folder with --out", path)
		}
	}
	if issued, err = f.Issue(r); err != nil {
		return issued, "", "", err
	}
	c := issued.Certificate
	entry := fmt.Sprintf("%s %s %s\n", Serial(c), c.NotAfter.UTC().Format(time.RFC3339), r.subject())
	if err := f.extend(issuedName, entry, 0o600); err != nil {
		return issued, "", "", err
	}
	if err = writeNew(key, issued.KeyPEM, 0o600); err == nil {
		if err = writeNew(cert, issued.CertPEM, 0o644); err != nil {
			err = errors.Join(err, os.Remove(key))
		}
	}
	return issued, cert, key, err
}

// Entry is one certificate that was issued.
type Entry struct {
	Serial  string
	Until   time.Time
	For     string // a URI, or the names of a server with commas between
	Revoked bool
}

// Entries are the certificates that were issued, the oldest first.
func (f *Folder) Entries() ([]Entry, error) {
	issued, err := os.ReadFile(f.path(issuedName))
	if err != nil {
		return nil, err
	}
	revoked, err := os.ReadFile(f.path(revokedName))
	if err != nil {
		return nil, err
	}
	gone := map[string]bool{}
	for line := range bytes.Lines(revoked) {
		text, _, _ := strings.Cut(string(line), "#")
		gone[ParseSerial(text)] = true
	}
	var all []Entry
	for line := range bytes.Lines(issued) {
		words := strings.Fields(string(line))
		if len(words) != 3 || strings.HasPrefix(words[0], "#") {
			continue
		}
		until, err := time.Parse(time.RFC3339, words[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.path(issuedName), err)
		}
		all = append(all, Entry{words[0], until, words[2], gone[words[0]]})
	}
	return all, nil
}

// ParseSerial is a serial number as Serial writes it, of one that people wrote: with colons,
// capitals or leading zeros.
func ParseSerial(s string) string {
	return strings.TrimLeft(strings.ToLower(strings.ReplaceAll(strings.TrimSpace(s), ":", "")), "0")
}

// Revoke puts the serial number of a certificate on the list; one that is there stays there.
func (f *Folder) Revoke(serial string, now time.Time) (Entry, error) {
	all, err := f.Entries()
	if err != nil {
		return Entry{}, err
	}
	for _, e := range all {
		if e.Serial != ParseSerial(serial) {
			continue
		}
		if !e.Revoked {
			err = f.extend(revokedName, fmt.Sprintf("%s # %s, %s\n", e.Serial, e.For, now.UTC().Format(time.RFC3339)), 0o644)
		}
		return e, err
	}
	return Entry{}, ErrNotIssued
}

// extend adds a line to a file. Who reads it meanwhile finds the old or the new file, whole.
func (f *Folder) extend(name, line string, mode fs.FileMode) error {
	content, err := os.ReadFile(f.path(name))
	if err != nil {
		return err
	}
	if len(content) > 0 && content[len(content)-1] != '\n' { // somebody edited it
		content = append(content, '\n')
	}
	return f.replace(name, append(content, line...), mode)
}

// replace writes a file of the folder, by rename.
func (f *Folder) replace(name string, content []byte, mode fs.FileMode) error {
	fresh := f.path(name + ".new")
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a process that ended
		return err
	}
	if err := writeNew(fresh, content, mode); err != nil {
		return err
	}
	if err := os.Rename(fresh, f.path(name)); err != nil {
		return err
	}
	return syncDir(f.dir)
}

// writeNew writes a file that is not there yet, to stable storage.
func writeNew(path string, content []byte, mode fs.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
