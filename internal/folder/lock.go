package folder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Lock is a folder that this process has.
type Lock struct{ file *os.File }

// Acquire takes the folder dir for this process; name is the file that says so. An
// InUseError names the process that has it. The system gives the folder back when
// the process ends, however it ends.
//
// A folder that can't be written is taken all the same, if the file is there.
func Acquire(dir, name string) (*Lock, error) {
	path := filepath.Join(dir, name)
	f, err := takeFile(path)
	if errors.Is(err, errTaken) {
		return nil, InUseError{Dir: dir, PID: owner(path)}
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	leavePID(f)
	return &Lock{f}, nil
}

// Close gives the folder back.
func (l *Lock) Close() error { return l.file.Close() }

// leavePID writes who we are: a courtesy to the one who is refused. On a full disk
// it takes the place of the one before; a disk that takes nothing keeps no old one.
func leavePID(f *os.File) {
	n, err := f.WriteAt(fmt.Appendln(nil, os.Getpid()), 0)
	if err != nil {
		n = 0
	}
	_ = f.Truncate(int64(n))
}

// owner is the process that the file names; "" when it names none.
func owner(path string) string {
	pid, err := os.ReadFile(path)
	if err != nil || len(pid) > 20 {
		return ""
	}
	return strings.TrimSpace(string(pid))
}

// errTaken is a file that another process holds.
var errTaken = errors.New("another process has it")

// ErrInUse is what errors.Is finds in an InUseError.
var ErrInUse = errors.New("the folder is in use")

// InUseError says which process has the folder.
type InUseError struct {
	Dir string
	PID string // "" when it isn't known
}

func (e InUseError) Error() string {
	who := "another process"
	if e.PID != "" {
		who = "process " + e.PID
	}
	return fmt.Sprintf("state folder %s is in use by %s", e.Dir, who)
}

// Is makes errors.Is(err, ErrInUse) true.
func (e InUseError) Is(target error) bool { return target == ErrInUse }
