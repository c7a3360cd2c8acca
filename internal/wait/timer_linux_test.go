package wait

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestPolled: a file that Go's poller refuses wakes nobody.
func TestPolled(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if err := polled(r); err != nil {
		t.Error(err)
	}
	regular, err := os.Create(filepath.Join(t.TempDir(), "regular"))
	if err != nil {
		t.Fatal(err)
	}
	defer regular.Close()
	if err := polled(regular); !errors.Is(err, os.ErrNoDeadline) {
		t.Errorf("a regular file: %v", err)
	}
}
