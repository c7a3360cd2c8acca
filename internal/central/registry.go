package central

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"evcp"
	"evcp/internal/authority"
	"evcp/internal/language"
)

// Registry is the list of charge points that may register: a file with one id a
// line, which fleet=NAME may follow; # begins a comment. Refresh reads it again when
// the file has changed. A file that can't be used leaves the list as it was.
type Registry struct {
	path string
	seen os.FileInfo // of the last read, usable or not

	mu     sync.RWMutex
	listed registryEntries
}

// registryEntries are the listed charge points, with the fleet whose certificate may
// speak for them; "": none.
type registryEntries map[evcp.CPID]string

// OpenRegistry reads the list. Errors name file and line.
func OpenRegistry(path string) (*Registry, error) {
	r := &Registry{path: path}
	if _, err := r.Refresh(); err != nil {
		return nil, err
	}
	return r, nil
}

// Path is the file.
func (r *Registry) Path() string { return r.path }

// Listed reports whether the charge point may register.
func (r *Registry) Listed(id evcp.CPID) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	_, ok := r.listed[id]
	return ok
}

// Fleet is the fleet of a listed charge point; "" if it has none.
func (r *Registry) Fleet(id evcp.CPID) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.listed[id]
}

// Len is how many are listed.
func (r *Registry) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.listed)
}

// all is the list. It is never changed.
func (r *Registry) all() registryEntries {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.listed
}

// Refresh reads the file if its inode, size or time of modification changed. One
// caller at a time. It returns the same error once.
func (r *Registry) Refresh() (changed bool, err error) {
	info, err := os.Stat(r.path)
	if err != nil {
		gone := r.seen != nil || r.listed == nil
		r.seen = nil
		if gone {
			return false, language.Errorf("read registry: %w", err)
		}
		return false, nil
	}
	if r.seen != nil && os.SameFile(r.seen, info) && r.seen.ModTime().Equal(info.ModTime()) && r.seen.Size() == info.Size() {
		return false, nil
	}
	r.seen = info
	text, err := os.ReadFile(r.path)
	if err != nil {
		return false, language.Errorf("read registry: %w", err)
	}
	listed, err := parseRegistry(r.path, text)
	if err != nil {
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listed = listed
	return true, nil
}

// parseRegistry reads the whole list and returns all its errors. A list without a
// single id is an error: a file that is half written may be empty.
func parseRegistry(path string, text []byte) (registryEntries, error) {
	listed := registryEntries{}
	var errs []error
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(string(text), byteOrderMark)) {
		n++
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if err := listed.add(line); err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", path, n, err))
		}
	}
	if len(listed) == 0 && len(errs) == 0 {
		errs = append(errs, language.Errorf("%s: lists no charge point", path))
	}
	if more := len(errs) - shownErrors; more > 0 {
		errs = append(errs[:shownErrors], language.Errorf("and %d more", more))
	}
	return listed, errors.Join(errs...)
}

// add takes one line: an id, and perhaps fleet=NAME.
func (e registryEntries) add(line string) error {
	words := strings.Fields(line)
	id, err := evcp.ParseCPID(words[0])
	if err != nil {
		return err
	}
	fleet := ""
	for i, word := range words[1:] {
		name, ok := strings.CutPrefix(word, "fleet=")
		if !ok || i > 0 {
			return language.Errorf("%s: after the id of a charge point only fleet=NAME may stand, once", strconv.QuoteToASCII(line[:min(len(line), shownLine)]))
		}
		if fleet, err = authority.ParseFleet(name); err != nil {
			return err
		}
	}
	if before, ok := e[id]; ok && before != fleet {
		return language.Errorf("%s is listed twice, with fleet %q and %q", id, before, fleet)
	}
	e[id] = fleet
	return nil
}

const (
	// byteOrderMark is what Windows editors put before a text.
	byteOrderMark = "\ufeff"
	// shownErrors is how many errors of one file are returned: a file that is no list
	// has one in each line.
	shownErrors = 10
	// shownLine is how much of a line an error shows.
	shownLine = 80
)
