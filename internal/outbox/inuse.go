package outbox

import (
	"errors"
	"fmt"
)

// ErrInUse is what errors.Is finds in an InUseError.
var ErrInUse = errors.New("the folder is in use")

// InUseError says which process has the folder.
type InUseError struct {
	Dir string
	PID string // "" when it isn't known
}

// Error says what to do about it.
func (e InUseError) Error() string {
	who := "another process"
	if e.PID != "" {
		who = "process " + e.PID
	}
	return fmt.Sprintf("state folder %s is in use by %s; stop it, or choose another --state-dir or --cp-id", e.Dir, who)
}

// Is makes errors.Is(err, ErrInUse) true.
func (e InUseError) Is(target error) bool { return target == ErrInUse }
