package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"evcp"
	"evcp/internal/kafka"
	"evcp/internal/pace"
)

const (
	// commitEvery is how long what was read waits for the disk; a kill repeats it.
	commitEvery = 10 * time.Second
	// commitRows is after how many rows it waits no longer.
	commitRows = 50_000
	// readMost is how many records one Read returns at most.
	readMost = 20_000
)

// retry is the backoff after an error of Kafka or of the disk.
var retry = pace.Backoff{First: 200 * time.Millisecond, Cap: 5 * time.Second}

// Follower reads the topic into an Archive while Central runs.
type Follower struct {
	archive *Archive
	kafka   kafka.Options
	log     *slog.Logger

	requests chan func(*Archive)

	mu     sync.Mutex // guards what follows
	status FollowStatus
	wake   context.CancelFunc // ends the Read that waits
}

// FollowStatus is how reading goes on.
type FollowStatus struct {
	ReadProgress
	Lag   int64     // records that are known to be still to come
	Error string    // why nothing is read or written; "" if all is well
	Since time.Time // when Error began
	Gone  bool      // the file was removed or replaced, and can't be opened anew: nothing is kept
}

// NewFollower makes a Follower; Run does the work.
func NewFollower(a *Archive, o kafka.Options, log *slog.Logger) (*Follower, error) {
	if err := a.SetTopic(o.Topic); err != nil {
		return nil, err
	}
	return &Follower{archive: a, kafka: o, log: log, requests: make(chan func(*Archive)), status: FollowStatus{ReadProgress: a.Progress()}}, nil
}

// Status is how reading goes on. Any goroutine may call it.
func (f *Follower) Status() FollowStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.status
}

// Checks is Archive.Checks. Any goroutine may call it.
func (f *Follower) Checks(cp evcp.CPID) (RecentChecks, bool) { return f.archive.Checks(cp) }

// errEnded is a request after the end of Run.
var errEnded = errors.New("Central ends")

// Do runs a function with the Archive, between two reads. Any goroutine may call it while Run
// runs.
func (f *Follower) Do(ctx context.Context, do func(*Archive) error) error {
	done := make(chan error, 1)
	f.mu.Lock()
	if f.wake != nil {
		f.wake()
	}
	f.mu.Unlock()
	select {
	case f.requests <- func(a *Archive) {
		if a.db.Closed() { // it was removed, and can't be opened anew yet
			done <- ErrGone
			return
		}
		done <- do(a)
	}:
		return <-done
	case <-ctx.Done():
		return cmp.Or(context.Cause(ctx), errEnded)
	}
}

// Run reads until ctx ends, and commits what it has read. It retries for ever.
func (f *Follower) Run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		err := f.ensureFile()
		began := f.archive.Progress().Records
		if err == nil {
			err = f.follow(ctx)
		}
		if ctx.Err() != nil {
			break
		}
		if err == nil { // the file is lost
			continue
		}
		if f.archive.Progress().Records > began {
			failures = 0
		}
		failures++
		f.failed(err)
		f.idle(ctx, retry.Delay(failures, rand.Float64()))
	}
	if f.archive.lost() {
		return
	}
	if err := f.archive.Commit(); err != nil {
		f.failed(err)
	}
}

// ensureFile opens the file anew where it is lost.
func (f *Follower) ensureFile() error {
	if !f.archive.lost() {
		return nil
	}
	err := f.archive.reopen()
	if err == nil {
		f.log.Warn("history.db was removed or replaced while Central ran; exclusions that only it had are gone, and the topic is read from where the file in the folder ends", "topic", f.kafka.Topic)
	}
	f.mu.Lock()
	f.status.Gone = err != nil
	f.status.Lost, f.status.MadeAnew = f.archive.progress.Lost, f.archive.progress.MadeAnew
	f.mu.Unlock()
	if err != nil {
		return fmt.Errorf("history.db was removed or replaced: %w", err)
	}
	return nil
}

// idle serves requests for a time.
func (f *Follower) idle(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for {
		select {
		case do := <-f.requests:
			do(f.archive)
		case <-ctx.Done():
			return
		}
	}
}

// follow reads from the position of the archive until something fails, or the file is lost, which
// is no error.
func (f *Follower) follow(ctx context.Context) error {
	r := kafka.NewReader(f.kafka, f.archive.readPosition())
	defer r.Close()
	end := map[int32]int64{}
	committed := time.Now()
	for ctx.Err() == nil {
		b, err := f.read(ctx, r, time.Until(committed.Add(commitEvery)))
		if err != nil {
			return err
		}
		if b.Anew {
			clear(end)
		}
		for partition, at := range b.End {
			end[partition] = at
		}
		if err := f.archive.Take(b); err != nil {
			return err
		}
		if time.Since(committed) >= commitEvery || f.archive.Uncommitted() >= commitRows {
			if f.archive.lost() {
				return nil
			}
			if err := f.archive.Commit(); err != nil {
				return err
			}
			committed = time.Now()
		}
		f.well(end)
		f.serve()
	}
	return nil
}

// read waits for records, for a time at most, or until somebody wants the archive.
func (f *Follower) read(ctx context.Context, r *kafka.Reader, most time.Duration) (kafka.ReadBatch, error) {
	ctx, cancel := context.WithTimeout(ctx, max(most, time.Millisecond))
	defer cancel()
	f.mu.Lock()
	f.wake = cancel
	f.mu.Unlock()
	return r.Read(ctx, readMost)
}

// serve runs one request, if there is one.
func (f *Follower) serve() {
	select {
	case do := <-f.requests:
		do(f.archive)
	default:
	}
}

func (f *Follower) well(end map[int32]int64) {
	p := f.archive.Progress()
	var lag int64
	for partition, at := range end {
		lag += max(at-p.Next[partition], 0)
	}
	f.mu.Lock()
	was := f.status.Error
	lost, anew := p.Lost-f.status.Lost, p.MadeAnew > f.status.MadeAnew
	f.status = FollowStatus{ReadProgress: p, Lag: lag}
	f.mu.Unlock()
	if was != "" {
		f.log.Info("the events are read again", "topic", f.kafka.Topic)
	}
	if anew {
		f.log.Warn("the topic was deleted and made anew; it is read from its beginning, and what nobody had read of the one before is missing", "topic", f.kafka.Topic)
	}
	if lost > 0 {
		f.log.Warn("the topic does not have all events any more: its retention is too short", "topic", f.kafka.Topic, "lost", lost)
	}
}

func (f *Follower) failed(err error) {
	f.mu.Lock()
	was := f.status.Error
	f.status.ReadProgress, f.status.Error = f.archive.Progress(), err.Error()
	if was == "" {
		f.status.Since = time.Now()
	}
	f.mu.Unlock()
	if was == "" {
		f.log.Warn("can't go on reading the events; tries again", "topic", f.kafka.Topic, "error", err)
	}
}
