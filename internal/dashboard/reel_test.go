package dashboard

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"evcp/internal/central"
)

// testPage is a page without a browser.
type testPage struct {
	seen      uint64
	states    map[string]string
	changes   int // newest
	snapshots int
}

// read lets it look at the reel, however early that is.
func (w *testPage) read(r *frameCache) error {
	r.boardRead = time.Time{}
	frames, now, _, err := r.after(w.seen)
	w.seen = now
	for _, f := range frames {
		if err := w.take(f); err != nil {
			return err
		}
	}
	return err
}

func (w *testPage) take(frame []byte) error {
	event, rest, _ := strings.Cut(strings.TrimPrefix(string(frame), "event: "), "\ndata: ")
	var d struct {
		CPs []struct {
			CP    string `json:"cp_id"`
			State string `json:"state"`
		} `json:"cps"`
		Changes []struct {
			Seq int `json:"seq"`
		} `json:"changes"`
	}
	if err := json.Unmarshal([]byte(rest), &d); err != nil {
		return err
	}
	if event == "snapshot" {
		w.snapshots++
		w.states, w.changes = map[string]string{}, 0
	}
	for _, cp := range d.CPs {
		w.states[cp.CP] = cp.State
	}
	for _, c := range d.Changes {
		if event == "delta" && c.Seq != w.changes+1 {
			return fmt.Errorf("change %d came after %d", c.Seq, w.changes)
		}
		w.changes = c.Seq
	}
	return nil
}

// Whenever pages look, and however far behind they are: when all have looked, all
// show what Central knows, and none was told a change twice or out of order.
func TestAllPagesShowTheSame(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	conn := s.monitor("EV_CP_M CP_0 registration request")
	rapid.Check(t, func(rt *rapid.T) {
		r := &frameCache{central: s.central}
		pages := make([]testPage, 4)
		for _, step := range rapid.SliceOfN(rapid.IntRange(0, 11), 1, 80).Draw(rt, "steps") {
			switch id := step % 3; {
			case step < 3:
				s.send(conn, fmt.Sprintf("EV_CP_M CP_%d registration request", id), fmt.Sprintf("EV_CP_M CP_%d ENGINE_FAILURE", id))
			case step < 6:
				s.send(conn, fmt.Sprintf("EV_CP_M CP_%d registration request", id), fmt.Sprintf("EV_CP_M CP_%d ENGINE_RECOVERED", id))
			case step == 11:
				pages[0] = testPage{} // a page is opened
			default:
				if err := pages[step%4].read(r); err != nil {
					rt.Fatal(err)
				}
			}
		}
		want := map[string]string{}
		for _, v := range s.central.CPs() {
			want[string(v.ID)] = v.State.String()
		}
		for i := range pages {
			if err := pages[i].read(r); err != nil {
				rt.Fatal(err)
			}
			if fmt.Sprint(pages[i].states) != fmt.Sprint(want) {
				rt.Fatalf("page %d shows %v, Central knows %v", i, pages[i].states, want)
			}
		}
	})
}

// A hundred pages cost as much as one: they are sent the same bytes.
func TestPagesShareTheirFrames(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	conn := s.monitor("EV_CP_M CP_001 registration request")
	r := &frameCache{central: s.central}
	first, seen, _, err := r.after(0)
	second, _, _, err2 := r.after(0)
	if err != nil || err2 != nil || &first[0][0] != &second[0][0] {
		t.Fatalf("two snapshots were made (%v, %v)", err, err2)
	}
	s.send(conn, "EV_CP_M CP_001 ENGINE_FAILURE")
	r.boardRead = time.Time{}
	one, _, _, _ := r.after(seen)
	two, _, again, _ := r.after(seen)
	if len(one) != 1 || len(two) != 1 || &one[0][0] != &two[0][0] || again <= 0 {
		t.Errorf("two deltas were made: %q, %q", one, two)
	}
}

// What is kept for pages that lag is bounded.
func TestReelIsBounded(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	conn := s.monitor("EV_CP_M CP_001 registration request")
	r := &frameCache{central: s.central}
	var slow, fast testPage
	for range 3 * maxFrames {
		s.send(conn, "EV_CP_M CP_001 heartbeat OK")
		if err := fast.read(r); err != nil {
			t.Fatal(err)
		}
		if slow.seen == 0 {
			if err := slow.read(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := slow.read(r); err != nil {
		t.Fatal(err)
	}
	if len(r.deltas) > maxFrames || fast.snapshots != 1 || slow.snapshots != 2 {
		t.Errorf("%d frames kept; snapshots: %d for who follows, %d for who lags", len(r.deltas), fast.snapshots, slow.snapshots)
	}
}

func TestListsAreShared(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	conn := s.monitor("EV_CP_M CP_001 registration request")
	l := &listCache{central: s.central}
	before := time.Now()
	one, err1 := l.text(before)
	two, err2 := l.text(before)
	if err1 != nil || err2 != nil || &one[0] != &two[0] {
		t.Errorf("who asked before it was made does not share it (%v, %v)", err1, err2)
	}
	s.send(conn, "EV_CP_M CP_001 ENGINE_FAILURE")
	three, err := l.text(time.Now())
	if err != nil || !strings.Contains(string(three), `"faulted"`) {
		t.Errorf("who asks now gets what was: %s (%v)", three, err)
	}
}
