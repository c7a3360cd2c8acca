// Package folder locks the folder that holds a program's state, so that one process has
// it at a time, and puts a file in it that can't be used aside, under a name that says
// when and why. Nothing is ever deleted.
package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"evcp/internal/language"
)

// Lock is the lock of a folder that this process has.
type Lock struct {
	file *os.File
	path string
	info os.FileInfo // of the file; nil: not known
}

// Acquire locks the folder dir for this process, by the file of that name in it. An
// InUseError names the process that has it. The system unlocks it when the process ends,
// however it ends.
//
// A folder that can't be written is locked all the same, if the file is there.
func Acquire(dir, name string) (*Lock, error) {
	path := filepath.Join(dir, name)
	f, err := lockFile(path)
	if errors.Is(err, errLocked) {
		return nil, InUseError{Dir: dir, PID: owner(path)}
	}
	if err != nil {
		return nil, language.Errorf("lock %s: %w", dir, err)
	}
	writePID(f)
	info, _ := f.Stat() // without it, the loss of the file goes unnoticed
	return &Lock{f, path, info}, nil
}

// Lost reports whether the lock's file is not the one in the folder any more: then
// another process can lock the folder, too.
func (l *Lock) Lost() bool { return Replaced(l.path, l.info) }

// Replaced reports whether the file at path is not the one it was: it, or a folder above
// it, was removed, moved away or replaced, while a process may have it open. was is what
// os.Stat said of it; nil is a file of which nothing is known.
func Replaced(path string, was os.FileInfo) bool {
	now, err := os.Stat(path)
	gone := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
	return was != nil && (gone || err == nil && !os.SameFile(was, now))
}

// Close unlocks the folder; on nil it does nothing.
func (l *Lock) Close() error {
	if l == nil {
		return nil
	}
	return l.file.Close()
}

// writePID writes the process id, for the InUseError of another process. On a full disk it
// takes the room of the id before; where it can't be written, the old one is removed.
func writePID(f *os.File) {
	n, err := f.WriteAt(fmt.Appendln(nil, os.Getpid()), 0)
	if err != nil {
		n = 0
	}
	_ = f.Truncate(int64(n))
}

// Owner is the id of the process that the file of that name in dir was last locked by; "" when it
// names none.
func Owner(dir, name string) string { return owner(filepath.Join(dir, name)) }

// owner is the process that the file names; "" when it names none.
func owner(path string) string {
	pid, err := os.ReadFile(path)
	if err != nil || len(pid) > 20 {
		return ""
	}
	return strings.TrimSpace(string(pid))
}

// errLocked is a file that another process has locked.
var errLocked = errors.New("another process has it")

// ErrInUse is what errors.Is finds in an InUseError.
var ErrInUse = errors.New("the folder is in use")

// InUseError says which process has the folder.
type InUseError struct {
	Dir string
	PID string // "" when it isn't known
}

func (e InUseError) Error() string { return e.In(language.English) }

// In implements language.Translatable.
func (e InUseError) In(l language.Language) string {
	if e.PID == "" {
		return l.Sprintf("state folder %s is in use by another process", e.Dir)
	}
	return l.Sprintf("state folder %s is in use by process %s", e.Dir, e.PID)
}

// Is makes errors.Is(err, ErrInUse) true.
func (e InUseError) Is(target error) bool { return target == ErrInUse }

// PutAside renames the SQLite file at path, its log and its shared memory, and returns
// the new name: outbox.db that is corrupt becomes
// outbox-20260102T150405Z-corrupt.db. why is one word.
func PutAside(path, why string, now time.Time) (string, error) {
	aside, err := freeName(path, now.UTC().Format("20060102T150405Z")+"-"+why)
	if err != nil {
		return "", err
	}
	for _, suffix := range []string{"-wal", "-shm", ""} { // the file last: while it has its name, this can be tried again
		if err := os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("put aside %s: %w", path, err)
		}
	}
	return aside, nil
}

// freeName finds an unused name: two files may be put aside in one second.
func freeName(path, why string) (string, error) {
	ext := filepath.Ext(path)
	stem := strings.TrimSuffix(path, ext) + "-" + why
	for i := 1; i < 1000; i++ {
		name := stem + ext
		if i > 1 {
			name = fmt.Sprintf("%s-%d%s", stem, i, ext)
		}
		switch _, err := os.Lstat(name); {
		case errors.Is(err, fs.ErrNotExist):
			return name, nil
		case err != nil:
			return "", fmt.Errorf("put aside %s: %w", path, err)
		}
	}
	return "", fmt.Errorf("put aside %s: a thousand files stand there already", path)
}

// OneLine is an error for people: its lines joined by "; ", each once, without SQLite's
// prefix. SQLite and errors.Join repeat themselves on several lines.
func OneLine(err error) string {
	var parts []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimPrefix(strings.TrimSpace(line), "sqlite3: "); line != "" && !slices.Contains(parts, line) {
			parts = append(parts, line)
		}
	}
	return strings.Join(parts, "; ")
}
