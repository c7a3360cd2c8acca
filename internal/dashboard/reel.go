package dashboard

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"evcp/internal/central"
)

const (
	// maxFrames and keptBytes are how much of the past a page that reads slowly can
	// catch up with; beyond that it gets the whole picture.
	maxFrames     = 20
	maxFrameBytes = 1 << 20
)

// frameCache is the film that all pages watch: a frame is made once, by whoever asks for
// it first, and sent to all. So a hundred pages cost Central as much as one, and
// hold one picture in memory.
type frameCache struct {
	central *central.Central
	version string

	mu            sync.Mutex
	position      central.Position // what the last frame told
	last          uint64           // its number; frames are counted from 1
	boardRead     time.Time        // when the board was last looked at
	deltas        [][]byte         // the last frames, up to the number last
	size          int              // of deltas, in bytes
	snapshot      []byte           // a snapshot, nil = none
	snapshotFrame uint64           // the frame that it includes
	snapshotMade  time.Time        // when
}

// after gives what a page that has seen frame n has to be sent, in order: deltas, or
// a snapshot and what followed it; nothing when nothing happened. A page that has
// seen nothing is at 0. When again is above 0, it is too early to say.
func (r *frameCache) after(n uint64) (frames [][]byte, now uint64, again time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if again = frameInterval - time.Since(r.boardRead); again <= 0 || r.last == 0 {
		again = 0
		if err := r.addChanges(); err != nil {
			return nil, n, 0, err
		}
	}
	first := r.last - uint64(len(r.deltas)) // what a page must have seen to go on
	if n > 0 && n >= first {
		return append(frames, r.deltas[n-first:]...), r.last, again, nil
	}
	if r.snapshot == nil || r.snapshotFrame < first || time.Since(r.snapshotMade) > keepAlive {
		if err := r.makeSnapshot(); err != nil {
			return nil, n, 0, err
		}
	}
	frames = append(frames, r.snapshot)
	return append(frames, r.deltas[uint64(len(r.deltas))-(r.last-r.snapshotFrame):]...), r.last, again, nil
}

// addChanges looks at the board and makes a frame if there is news.
func (r *frameCache) addChanges() error {
	r.boardRead = time.Now()
	return r.addDelta(r.central.Since(r.position))
}

// addDelta makes a frame of news. The very first, and news with a gap, make the pages
// begin anew.
func (r *frameCache) addDelta(news central.Delta) error {
	if r.last == 0 || news.Missed > 0 {
		r.deltas, r.size, r.snapshot = nil, 0, nil
		r.position, r.last = news.Next, r.last+1
		return nil
	}
	if len(news.CPs) == 0 && len(news.Changes) == 0 {
		return nil
	}
	frame, err := frameOf("delta", deltaOf(news, seconds(r.boardRead)))
	if err != nil {
		return err
	}
	r.position, r.last = news.Next, r.last+1
	r.deltas, r.size = append(r.deltas, frame), r.size+len(frame)
	for len(r.deltas) > maxFrames || r.size > maxFrameBytes && len(r.deltas) > 1 {
		r.size -= len(r.deltas[0])
		r.deltas = r.deltas[1:]
	}
	return nil
}

// makeSnapshot makes a snapshot, and the frame that leads to it for those who are further.
func (r *frameCache) makeSnapshot() error {
	r.boardRead = time.Now()
	news, all := r.central.Snapshot(r.position)
	if err := r.addDelta(news); err != nil {
		return err
	}
	whole, err := frameOf("snapshot", snapshotJSON{
		deltaJSON: deltaOf(all, seconds(r.boardRead)), Started: seconds(r.central.Started()), Listen: addrText(r.central.Addr()),
		Heartbeat: r.central.Heartbeat().Seconds(), Version: r.version,
	})
	if err != nil {
		return err
	}
	r.snapshot, r.snapshotFrame, r.snapshotMade = whole, r.last, r.boardRead
	return nil
}

// frameOf is one server-sent event.
func frameOf(event string, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", event, err)
	}
	frame := append(make([]byte, 0, len(body)+40), "event: "+event+"\ndata: "...)
	return append(append(frame, body...), "\n\n"...), nil
}
