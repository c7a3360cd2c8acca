// Package credentials holds the certificates, keys and passwords of one process. They are
// files, and nothing else: never arguments, variables or log lines. Each is read again when
// it changes; as long as the new one is bad, the old one stays in use.
//
// Everything of a Store may be used from several goroutines.
package credentials

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"evcp/internal/language"
)

const (
	// period is how often files are looked at.
	period = 2 * time.Second
	// maxFile bounds a file: a CA file of the web has 250 kB.
	maxFile = 4 << 20
)

// NoticeKind is what a Notice is about.
type NoticeKind uint8

const (
	// Replaced: a file has changed, and what it holds is used from now on.
	Replaced NoticeKind = iota
	// Rejected: a file has changed, or is gone, and the old content stays in use. Err.
	Rejected
	// Expires: a certificate expires soon, or has expired. Until.
	Expires
	// Unverified: any certificate is accepted. Told once, by the first look.
	Unverified
	// ReadableByOthers: others than the owner and its group can read a secret or a key.
	ReadableByOthers
)

// Notice is something about a file that people should know.
type Notice struct {
	Kind  NoticeKind
	Use   string // what the file is for: its setting, "kafka-cert"
	Path  string
	Until time.Time // Expires
	Err   error     // Rejected
}

// Store is all files of a process. The zero Store is ready.
type Store struct {
	mu    sync.Mutex
	files []*file
	parts []*Store
}

// Part is a Store of files that may be given up together, by Remove.
func (s *Store) Part() *Store {
	part := &Store{}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = append(s.parts, part)
	return part
}

// Remove gives up the files of a part: nobody looks at them any more.
func (s *Store) Remove(part *Store) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = slices.DeleteFunc(s.parts, func(p *Store) bool { return p == part })
}

// file is what one setting names: one file, or a certificate and its key.
type file struct {
	use     string
	paths   []string
	secret  bool                 // others must not read the last of paths
	private bool                 // it is refused if others or the group may read it
	parse   func([][]byte) error // takes the contents over, or leaves the old ones
	until   func() time.Time     // when the certificate expires; nil: it holds none

	checked bool // who can read it was checked
	// unverified: there is no file, since any certificate is accepted.
	unverified bool
	seen       []fingerprint // of the contents that were last tried
	rejected   error         // of the last try
	told       bool          // rejected was told
	warned     time.Duration // the last threshold that was told of the certificate in use; -1: none
}

// fingerprint tells one version of a file from the next. It follows symbolic links, so that
// a link that is set to another folder is a change.
type fingerprint struct {
	size    int64
	changed time.Time
	info    fs.FileInfo
}

func (f fingerprint) same(g fingerprint) bool {
	return f.size == g.size && f.changed.Equal(g.changed) && (f.info == nil) == (g.info == nil) && (f.info == nil || os.SameFile(f.info, g.info) && f.info.Mode() == g.info.Mode())
}

// AnyCertificate notes that the setting use accepts any certificate of a peer.
func (s *Store) AnyCertificate(use string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = append(s.files, &file{use: use, unverified: true, warned: -1})
}

// add reads a file for the first time. Then an error is the caller's.
func (s *Store) add(f *file) error {
	f.seen, f.warned = f.look(), -1
	if err := f.read(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files = append(s.files, f)
	return nil
}

func (f *file) look() []fingerprint {
	all := make([]fingerprint, len(f.paths))
	for i, p := range f.paths {
		if info, err := os.Stat(p); err == nil {
			all[i] = fingerprint{info.Size(), info.ModTime(), info}
		}
	}
	return all
}

func (f *file) read() error {
	contents := make([][]byte, len(f.paths))
	for i, p := range f.paths {
		b, err := readFile(p, f.private)
		if err != nil {
			return err
		}
		contents[i] = b
	}
	return f.parse(contents)
}

func readFile(path string, private bool) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, language.Errorf("%s is no file", path)
	case private && !fromSystemd(path) && runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return nil, language.Errorf("%s has mode %04o and holds secrets: chmod 600 it", path, info.Mode().Perm())
	case info.Size() > maxFile:
		return nil, language.Errorf("%s has %d bytes, more than %d", path, info.Size(), maxFile)
	}
	return os.ReadFile(path)
}

// fromSystemd reports whether a file is a credential of the service (LoadCredential=). systemd
// keeps others out of the folder, and lets the service in by an access list, which shows as
// rights of the group.
func fromSystemd(path string) bool {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	return dir != "" && filepath.Dir(path) == filepath.Clean(dir)
}

// Watch looks at the files until ctx ends, and calls tell with what people should know, on
// its own goroutine.
func (s *Store) Watch(ctx context.Context, tell func(Notice)) {
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		for _, n := range s.refresh(time.Now()) {
			tell(n)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// refresh looks at each file once.
func (s *Store) refresh(now time.Time) (notices []Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		notices = append(notices, f.refresh(now)...)
	}
	for _, p := range s.parts {
		notices = append(notices, p.refresh(now)...)
	}
	return notices
}

// refresh reads a file again that has changed. A certificate and its key are two files, and
// one of them is replaced first: so what is rejected is told at the second look.
func (f *file) refresh(now time.Time) (notices []Notice) {
	if f.unverified {
		if !f.told {
			f.told = true
			notices = append(notices, Notice{Kind: Unverified, Use: f.use})
		}
		return notices
	}
	seen := f.look()
	changed := !slices.EqualFunc(seen, f.seen, fingerprint.same)
	switch {
	case changed:
		f.seen = seen
		f.rejected, f.told = f.read(), false
		if f.rejected == nil {
			f.warned, f.checked = -1, false
			notices = append(notices, Notice{Kind: Replaced, Use: f.use, Path: f.paths[0]})
		}
	case f.rejected != nil && !f.told:
		f.told = true
		notices = append(notices, Notice{Kind: Rejected, Use: f.use, Path: f.paths[0], Err: f.rejected})
	}
	if f.secret && !f.checked {
		f.checked = true
		path := f.paths[len(f.paths)-1]
		if info := seen[len(seen)-1].info; info != nil && info.Mode().Perm()&0o007 != 0 {
			notices = append(notices, Notice{Kind: ReadableByOthers, Use: f.use, Path: path})
		}
	}
	if left, near := f.expires(now); near && left != f.warned {
		f.warned = left
		notices = append(notices, Notice{Kind: Expires, Use: f.use, Path: f.paths[0], Until: f.until()})
	}
	return notices
}

// thresholds are the times before its end at which a certificate is warned of.
var thresholds = []time.Duration{0, 24 * time.Hour, 7 * 24 * time.Hour, 30 * 24 * time.Hour}

// expires is the smallest threshold that the certificate in use has reached.
func (f *file) expires(now time.Time) (threshold time.Duration, reached bool) {
	if f.until == nil {
		return 0, false
	}
	left := f.until().Sub(now)
	for _, t := range thresholds {
		if left <= t {
			return t, true
		}
	}
	return 0, false
}

// File is what Files says of one setting.
type File struct {
	Use     string
	Path    string
	Expires time.Time // of the first certificate to expire; zero: it holds none
	Err     error     // why its newest content is not used; nil: it is
	// Unverified: there is no file, since any certificate is accepted.
	Unverified bool
}

// Files are all files, in the order of their settings; none for a nil Store.
func (s *Store) Files() []File {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []File
	for _, f := range s.files {
		one := File{Use: f.use, Err: f.rejected, Unverified: f.unverified}
		if len(f.paths) > 0 {
			one.Path = f.paths[0]
		}
		if f.until != nil {
			one.Expires = f.until()
		}
		all = append(all, one)
	}
	for _, p := range s.parts {
		all = append(all, p.Files()...)
	}
	return all
}
