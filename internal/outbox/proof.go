package outbox

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The last number of a file is proven when nothing newer can have been shown. It
// is not when the machine went down before a sync, and not when a process went on
// in memory because the disk refused. The first is seen by the kernel's boot id;
// the second by a file that is removed at the refusal: a full disk takes that.

const markerName = "numbering"

// bootID names this run of the machine; "" where it can't be known.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// numberingDoubt says why the numbers of a file can't be trusted; "" when they can.
func (o *Outbox) numberingDoubt(s *runStore, found Found) (why string, err error) {
	if found == New {
		return "", nil
	}
	boot, err := s.meta("open")
	if err != nil {
		return "", err
	}
	before, err := s.host()
	if err != nil {
		return "", err
	}
	_, gone := os.Stat(filepath.Join(o.dir, markerName))
	switch {
	case errors.Is(gone, fs.ErrNotExist):
		return "the disk had refused before, and later events were in memory only", s.QuickCheck()
	case before.instance != "" && before.instance != o.host.instance:
		return "another Monitor, instance " + before.instance + ", kept here before", nil
	case otherMachine(before.machine, o.host.machine):
		return "another machine of the same name kept here before", nil
	case boot != "" && boot != bootID():
		return "the machine went down while the file was open", nil
	}
	return "", nil
}

// markOpen notes that this run of the machine has the file open.
func (o *Outbox) markOpen(s *runStore) error {
	if err := o.placeMarker(); err != nil {
		return err
	}
	return errors.Join(s.setHost(o.host), s.setMeta("open", bootID()))
}

// placeMarker notes that the file has all numbers.
func (o *Outbox) placeMarker() error {
	return os.WriteFile(filepath.Join(o.dir, markerName), nil, 0o600)
}

// removeMarker notes that numbers go on elsewhere than in the file.
func (o *Outbox) removeMarker() {
	if o.isLocked() {
		_ = os.Remove(filepath.Join(o.dir, markerName)) // a disk that refuses this too is beyond help
	}
}
