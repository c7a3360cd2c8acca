package outbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// markerName is an empty file that stands while the file holds the last number of every
// charge point. It is removed when the disk refuses, which a full disk still allows.
const markerName = "numbering"

// bootID names this run of the machine; "" where it can't be known.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// doubtIn says why the last numbers in a file may not be the last that were
// used, so that new epochs must begin; "" when they are. They are not when a process
// went on in memory because the disk refused (the marker is missing), when another host
// used the folder, or when the machine went down before a sync (another boot id).
func (o *Outbox) doubtIn(dir string, s runStore, found Found) (why string, err error) {
	if found == New {
		return "", nil
	}
	meta, err := s.meta()
	if err != nil {
		return "", err
	}
	if !wasOpen(meta) {
		return "", nil
	}
	boot, before := meta["open"], host{meta["instance"], meta["machine"]}
	_, gone := os.Stat(filepath.Join(dir, markerName))
	switch {
	case errors.Is(gone, fs.ErrNotExist):
		return "the disk had refused before, and later events were in memory only", s.QuickCheck()
	case before.instance != "" && before.instance != o.host.instance:
		return fmt.Sprintf(OtherInstance, before.instance), nil
	case otherMachine(before.machine, o.host.machine):
		return "another machine of the same name kept here before", nil
	case boot != "" && boot != bootID():
		return "the machine went down while the file was open", nil
	}
	return "", nil
}

// wasOpen reports whether any process has come so far as to use the numbers in a file.
func wasOpen(meta map[string]string) bool {
	return meta["instance"] != "" || meta["open"] != "" || meta["tried"] != ""
}

// markOpen notes that this run of the machine has the file open, and so proves that it can
// be written.
func (o *Outbox) markOpen(s runStore) error {
	if err := o.placeMarker(); err != nil {
		return err
	}
	return errors.Join(s.setHost(o.host), s.markTried(time.Now()))
}

// placeMarker notes that the file has all numbers.
func (o *Outbox) placeMarker() error {
	return os.WriteFile(filepath.Join(o.dir, markerName), nil, 0o600)
}

// removeMarker notes that numbers are used which are not in the file.
func (o *Outbox) removeMarker() {
	if o.isLocked() {
		_ = os.Remove(filepath.Join(o.dir, markerName)) // EVENTS.md says what follows where this fails
	}
}
