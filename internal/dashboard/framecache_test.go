package dashboard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"evcp/internal/central"
	"evcp/internal/operations"
)

// testPage applies frames as a page does.
type testPage struct {
	seen      uint64
	states    map[string]string
	changes   int // newest
	snapshots int
	parts     [][]byte // of the snapshot that is to come
}

// read takes the next frames, however early that is.
func (p *testPage) read(c *frameCache) error {
	c.boardRead = time.Time{}
	frames, now, _ := c.after(p.seen)
	p.seen = now
	for _, f := range frames {
		if err := p.take(f); err != nil {
			return err
		}
	}
	return nil
}

func (p *testPage) take(frame []byte) error {
	event, rest, _ := strings.Cut(strings.TrimPrefix(string(frame), "event: "), "\ndata: ")
	event, _, _ = strings.Cut(event, "\nid: ")
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
	if len(d.CPs) > maxFrameItems || len(d.Changes) > maxFrameItems {
		return fmt.Errorf("a %s has %d charge points and %d changes", event, len(d.CPs), len(d.Changes))
	}
	if event == "part" {
		p.parts = append(p.parts, frame)
		return nil
	}
	if event == "snapshot" {
		p.snapshots++
		p.states, p.changes = map[string]string{}, 0
		for _, part := range p.parts {
			if err := p.take(bytes.Replace(part, []byte("part"), []byte("delta"), 1)); err != nil {
				return err
			}
		}
		p.parts = nil
	}
	for _, cp := range d.CPs {
		p.states[cp.CP] = cp.State
	}
	for _, c := range d.Changes {
		if event == "delta" && c.Seq != p.changes+1 {
			return fmt.Errorf("change %d came after %d", c.Seq, p.changes)
		}
		p.changes = c.Seq
	}
	return nil
}

// However often and late pages read: once all have read, all show what Central has, and
// none got a change twice or out of order.
func TestAllPagesShowTheSame(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	conn := s.monitor("EV_CP_M CP_0 registration request")
	rapid.Check(t, func(rt *rapid.T) {
		cache := &frameCache{central: s.central, operations: operations.Empty()}
		pages := make([]testPage, 4)
		for _, step := range rapid.SliceOfN(rapid.IntRange(0, 11), 1, 80).Draw(rt, "steps") {
			switch id := step % 3; {
			case step < 3:
				s.send(conn, fmt.Sprintf("EV_CP_M CP_%d registration request", id), fmt.Sprintf("EV_CP_M CP_%d ENGINE_FAILURE", id))
			case step < 6:
				s.send(conn, fmt.Sprintf("EV_CP_M CP_%d registration request", id), fmt.Sprintf("EV_CP_M CP_%d ENGINE_RECOVERED", id))
			case step == 11:
				pages[0] = testPage{} // a new page
			default:
				if err := pages[step%4].read(cache); err != nil {
					rt.Fatal(err)
				}
			}
		}
		want := map[string]string{}
		for _, v := range s.central.CPs() {
			want[string(v.ID)] = v.State.String()
		}
		for i := range pages {
			if err := pages[i].read(cache); err != nil {
				rt.Fatal(err)
			}
			if fmt.Sprint(pages[i].states) != fmt.Sprint(want) {
				rt.Fatalf("page %d shows %v, Central has %v", i, pages[i].states, want)
			}
		}
	})
}

// What is of many charge points comes in frames that a page takes within milliseconds each:
// a snapshot, and changes, all of them and in order.
func TestFramesAreSmall(t *testing.T) {
	const cps = 3*maxFrameItems + 1
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	conn := s.monitor()
	for n := range cps {
		s.send(conn, fmt.Sprintf("EV_CP_M CP_%d registration request", n))
	}
	cache := &frameCache{central: s.central, operations: operations.Empty()}
	var page testPage
	if err := page.read(cache); err != nil || len(page.states) != cps || page.changes != cps {
		t.Fatalf("%v; %d charge points and %d changes in the snapshot", err, len(page.states), page.changes)
	}
	for n := range cps {
		s.send(conn, fmt.Sprintf("EV_CP_M CP_%d ENGINE_FAILURE", n))
	}
	if err := page.read(cache); err != nil || page.changes != 2*cps || page.snapshots != 1 {
		t.Fatalf("%v; %d changes, %d snapshots", err, page.changes, page.snapshots)
	}
	for id, state := range page.states {
		if state != "faulted" {
			t.Errorf("%s is %s", id, state)
		}
	}
}

// All pages are sent the same bytes, so a hundred cost as much as one.
func TestPagesShareTheirFrames(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	conn := s.monitor("EV_CP_M CP_001 registration request")
	cache := &frameCache{central: s.central, operations: operations.Empty()}
	first, seen, _ := cache.after(0)
	second, _, _ := cache.after(0)
	if &first[0][0] != &second[0][0] {
		t.Fatal("two snapshots were made")
	}
	s.send(conn, "EV_CP_M CP_001 ENGINE_FAILURE")
	cache.boardRead = time.Time{}
	one, _, _ := cache.after(seen)
	two, _, again := cache.after(seen)
	if len(one) != 1 || len(two) != 1 || &one[0][0] != &two[0][0] || again <= 0 {
		t.Errorf("two deltas were made: %q, %q", one, two)
	}
}

// The frames kept for slow pages are bounded.
func TestFrameCacheIsBounded(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	conn := s.monitor("EV_CP_M CP_001 registration request")
	cache := &frameCache{central: s.central, operations: operations.Empty()}
	var slow, fast testPage
	for range 3 * maxFrames {
		s.send(conn, "EV_CP_M CP_001 heartbeat OK")
		if err := fast.read(cache); err != nil {
			t.Fatal(err)
		}
		if slow.seen == 0 {
			if err := slow.read(cache); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := slow.read(cache); err != nil {
		t.Fatal(err)
	}
	if len(cache.deltas) > maxFrames || fast.snapshots != 1 || slow.snapshots != 2 {
		t.Errorf("%d frames kept; snapshots: %d for the fast page, %d for the slow one", len(cache.deltas), fast.snapshots, slow.snapshots)
	}
}

func TestListsAreShared(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	conn := s.monitor("EV_CP_M CP_001 registration request")
	l := &listCache{central: s.central, operations: operations.Empty()}
	before := time.Now()
	if one, two := l.get(before), l.get(before); &one[0] != &two[0] {
		t.Error("two requests from before it was made do not share it")
	}
	s.send(conn, "EV_CP_M CP_001 ENGINE_FAILURE")
	if three := l.get(time.Now()); !strings.Contains(string(three), `"faulted"`) {
		t.Errorf("a request gets an older list: %s", three)
	}
}
