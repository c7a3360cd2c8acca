package dashboard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"evcp/internal/central"
)

// maxLists is how many lists may be under way at once: each holds the whole text
// until its reader has it.
const maxLists = 32

// serveList answers with every charge point.
func (d *Dashboard) serveList(w http.ResponseWriter, _ *http.Request) {
	asked := time.Now()
	if !acquire(d.lists, w, "too many lists are under way") {
		return
	}
	defer func() { <-d.lists }()
	body, err := d.list.text(asked)
	if err != nil {
		http.Error(w, "can't write the list", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(body) // a reader that has gone needs none
}

// acquire takes a place, or says that there is none.
func acquire(places chan struct{}, w http.ResponseWriter, full string) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		w.Header().Set("Retry-After", "5")
		http.Error(w, full, http.StatusServiceUnavailable)
		return false
	}
}

// listCache makes the list. Whoever asks while one is made shares the next, so that
// many who ask at once cost two.
type listCache struct {
	central *central.Central

	mu    sync.Mutex
	began time.Time // when the text was begun
	made  []byte
}

// text is the list as it was when it was asked for, or later.
func (l *listCache) text(asked time.Time) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.began.After(asked) {
		return l.made, nil
	}
	began := time.Now()
	body, err := json.Marshal(jsonOfAll(l.central.CPs()))
	if err != nil {
		return nil, fmt.Errorf("encode the list: %w", err)
	}
	body = append(body, '\n')
	l.began, l.made = began, body
	return l.made, nil
}
