package dashboard

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"evcp/internal/central"
)

const (
	// keptFrames and keptBytes are how much of the past a page that reads slowly can
	// catch up with; beyond that it gets the whole picture.
	keptFrames = 20
	keptBytes  = 1 << 20
)

// reel is the film that all pages watch: a frame is made once, by whoever asks for
// it first, and sent to all. So a hundred pages cost Central as much as one, and
// hold one picture in memory.
type reel struct {
	central *central.Central
	version string

	mu     sync.Mutex
	at     central.Cursor // what the last frame told
	last   uint64         // its number; frames are counted from 1
	made   time.Time      // when the board was last looked at
	deltas [][]byte       // the last frames, up to the number last
	size   int            // of deltas, in bytes
	whole  []byte         // a snapshot, nil = none
	stood  uint64         // the frame that it includes
	drawn  time.Time      // when
}

// next gives what a page that has seen frame n has to be sent, in order: deltas, or
// a snapshot and what followed it; nothing when nothing happened. A page that has
// seen nothing is at 0. When again is above 0, it is too early to say.
func (r *reel) next(n uint64) (frames [][]byte, now uint64, again time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if again = pace - time.Since(r.made); again <= 0 || r.last == 0 {
		again = 0
		if err := r.shoot(); err != nil {
			return nil, n, 0, err
		}
	}
	first := r.last - uint64(len(r.deltas)) // what a page must have seen to go on
	if n > 0 && n >= first {
		return append(frames, r.deltas[n-first:]...), r.last, again, nil
	}
	if r.whole == nil || r.stood < first || time.Since(r.drawn) > still {
		if err := r.draw(); err != nil {
			return nil, n, 0, err
		}
	}
	frames = append(frames, r.whole)
	return append(frames, r.deltas[uint64(len(r.deltas))-(r.last-r.stood):]...), r.last, again, nil
}

// shoot looks at the board and makes a frame if there is news.
func (r *reel) shoot() error {
	r.made = time.Now()
	return r.add(r.central.Since(r.at))
}

// add makes a frame of news. The very first, and news with a gap, make the pages
// begin anew.
func (r *reel) add(news central.Delta) error {
	if r.last == 0 || news.Missed > 0 {
		r.deltas, r.size, r.whole = nil, 0, nil
		r.at, r.last = news.Next, r.last+1
		return nil
	}
	if len(news.CPs) == 0 && len(news.Changes) == 0 {
		return nil
	}
	frame, err := frameOf("delta", deltaOf(news, seconds(r.made)))
	if err != nil {
		return err
	}
	r.at, r.last = news.Next, r.last+1
	r.deltas, r.size = append(r.deltas, frame), r.size+len(frame)
	for len(r.deltas) > keptFrames || r.size > keptBytes && len(r.deltas) > 1 {
		r.size -= len(r.deltas[0])
		r.deltas = r.deltas[1:]
	}
	return nil
}

// draw makes a snapshot, and the frame that leads to it for those who are further.
func (r *reel) draw() error {
	r.made = time.Now()
	news, all := r.central.Picture(r.at)
	if err := r.add(news); err != nil {
		return err
	}
	whole, err := frameOf("snapshot", snapshotJSON{
		deltaJSON: deltaOf(all, seconds(r.made)), Started: seconds(r.central.Started()), Listen: addrText(r.central.Addr()),
		Heartbeat: r.central.Heartbeat().Seconds(), Version: r.version,
	})
	if err != nil {
		return err
	}
	r.whole, r.stood, r.drawn = whole, r.last, r.made
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
