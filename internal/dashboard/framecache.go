package dashboard

import (
	"bytes"
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"evcp/internal/central"
	"evcp/internal/operations"
)

const (
	// maxFrames and maxFrameBytes are how much a page that reads slowly can catch up
	// with; a page further behind gets a snapshot.
	maxFrames     = 500
	maxFrameBytes = 8 << 20
)

// frameCache makes the frames that all pages are sent. A frame is made once, when the
// first page asks for it. So a hundred pages cost Central as much as one, and hold one
// snapshot in memory.
type frameCache struct {
	central    *central.Central
	operations *operations.Store
	version    string
	notice     string
	events     *HistorySource // nil: no history is kept
	alerts     AlertSource
	accounts   bool // somebody may sign in

	mu            sync.Mutex
	position      boardPosition // up to the last frame
	alerted       []byte        // how telling people went on in the last frame, as JSON
	last          uint64        // the number of the last frame, from 1
	boardRead     time.Time     // when the board was last read
	deltas        [][]byte      // the last frames; the newest has the number last
	size          int           // of deltas, in bytes
	snapshot      [][]byte      // its frames; nil = none
	snapshotFrame uint64        // the last frame that it includes
	snapshotMade  time.Time
}

// after is what to send, in order, to a page whose last frame was n: deltas, or a
// snapshot and the deltas after it; nothing if nothing changed. A new page is at 0. now
// is the page's last frame then. If again is above 0, the board was read less than
// frameInterval ago; ask again after that time.
func (f *frameCache) after(n uint64) (frames [][]byte, now uint64, again time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if again = frameInterval - time.Since(f.boardRead); again <= 0 || f.last == 0 {
		again, f.boardRead = 0, time.Now()
		f.addDelta(f.since(f.position))
	}
	oldest := f.last - uint64(len(f.deltas)) // deltas suffice for a page at this frame or later
	if n > 0 && n >= oldest {
		return append(frames, f.deltas[n-oldest:]...), f.last, again
	}
	if f.snapshot == nil || f.snapshotFrame < oldest || time.Since(f.snapshotMade) > keepAlive {
		f.makeSnapshot()
	}
	frames = append(frames, f.snapshot...)
	return append(frames, f.deltas[uint64(len(f.deltas))-(f.last-f.snapshotFrame):]...), f.last, again
}

// addDelta makes the frames of a delta. The very first, one with a gap, and one in which a
// charge point was removed, make every page start from a snapshot.
func (f *frameCache) addDelta(d boardDelta) {
	if f.last == 0 || d.Missed > 0 || d.Removed {
		f.deltas, f.size, f.snapshot = nil, 0, nil
		f.position, f.last = d.Next, f.last+1
		return
	}
	f.position = d.Next
	alerts := f.alerts.json()
	alerted := encode(alerts)
	if bytes.Equal(alerted, f.alerted) {
		alerts = nil
	}
	if len(d.CPs) == 0 && len(d.Changes) == 0 && len(d.feed) == 0 && alerts == nil {
		return
	}
	delta := f.deltaOf(d, secondsOf(f.boardRead), f.readingOf(f.boardRead, 1))
	delta.Alerts, f.alerted = alerts, alerted
	for _, part := range delta.parts() {
		f.last++
		frame := f.numbered("delta", part)
		f.deltas, f.size = append(f.deltas, frame), f.size+len(frame)
	}
	for len(f.deltas) > maxFrames || f.size > maxFrameBytes && len(f.deltas) > 1 {
		f.size -= len(f.deltas[0])
		f.deltas = f.deltas[1:]
	}
}

// makeSnapshot makes a snapshot, and the frame that leads to it for pages that need none.
func (f *frameCache) makeSnapshot() {
	f.boardRead = time.Now()
	changed, all := f.all(f.position)
	f.addDelta(changed)
	all.Changes = all.Changes[max(0, len(all.Changes)-maxListed):]
	whole := f.deltaOf(all, secondsOf(f.boardRead), f.readingOf(f.boardRead, wholeRate))
	whole.Alerts = f.alerts.json()
	parts := whole.parts()
	last := len(parts) - 1
	f.snapshot = make([][]byte, 0, len(parts))
	for _, part := range parts[:last] { // without ids: a page that has only some of them has nothing
		f.snapshot = append(f.snapshot, frameOf("part", partJSON{part.CPs}))
	}
	f.snapshot = append(f.snapshot, f.numbered("snapshot", snapshotJSON{
		deltaJSON: parts[last], Started: secondsOf(f.central.Started()), Listen: addrText(cmp.Or(f.central.Addr(), f.central.TLSAddr())), TLS: f.central.Addr() == nil,
		Heartbeat: f.central.Heartbeat().Seconds(), Version: f.version, Accounts: f.accounts, Notice: f.notice,
	}))
	f.snapshotFrame, f.snapshotMade = f.last, f.boardRead
}

// numbered is a frame that a page can come back to: its id is that of this Central and the
// number of the last frame.
func (f *frameCache) numbered(event string, v any) []byte {
	return frameOf(fmt.Sprintf("%s\nid: %s%d", event, f.idPrefix(), f.last), v)
}

// idPrefix tells the frames of this Central from those before a restart.
func (f *frameCache) idPrefix() string {
	return strconv.FormatInt(f.central.Started().UnixMicro(), 10) + "-"
}

// numberOf is the number of a frame by its id; 0: it is none of this Central's.
func (f *frameCache) numberOf(id string) uint64 {
	number, own := strings.CutPrefix(id, f.idPrefix())
	n, err := strconv.ParseUint(number, 10, 64)
	f.mu.Lock()
	defer f.mu.Unlock()
	if !own || err != nil || n > f.last {
		return 0
	}
	return n
}

// frameOf is one server-sent event.
func frameOf(event string, v any) []byte {
	body := encode(v)
	frame := append(make([]byte, 0, len(body)+40), "event: "+event+"\ndata: "...)
	return append(append(frame, body...), "\n\n"...)
}
