package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"evcp"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"evcp/internal/outbox"
)

// recordErrors are the errors of a broker that concern a record or a batch, and not the
// topic, this Monitor or the broker. What was refused with one of them was not written.
var recordErrors = []error{
	kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidTimestamp, kerr.InvalidRecord, kerr.CorruptMessage,
}

func isAny(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

// Bounds of what is tried with records that a broker refuses.
const (
	maxCorrupt  = 3           // times that a batch is sent again which arrived damaged
	maxRefused  = 64          // events in a row that a trial passes over
	trialPeriod = time.Minute // of a topic that refuses everything
)

// refusedRecord is a record that a broker refused although it was alone in its batch.
type refusedRecord struct {
	line outbox.Line
	why  error
}

// send delivers the records in flight. What a broker refuses of them is sent again: with
// another time if that is what it refuses, else in ever smaller batches, down to one
// record. One that is refused alone is given up when it is refused once more, and the
// topic took another in between: only then is it the record's fault and not the topic's.
// An error means that some are not delivered.
//
// What the topic is asked with in between was delivered before: a repetition harms no
// consumer, while a later event that overtakes would.
func (s *Sender) send(ctx context.Context, f *inFlight) error {
	todo, size, corrupt := s.dates.apply(f.all(), s.now()), len(f.records), 0
	var suspect *kgo.Record    // was refused alone, and then the topic took another
	var passed []refusedRecord // by a trial that found nothing yet
	for len(todo) > 0 {
		n := min(size, len(todo))
		refused, why, err := s.produce(ctx, todo[:n])
		if err != nil {
			return err
		}
		if len(refused) < n {
			s.accepted(todo[:n], refused)
			f.refused, passed = append(f.refused, passed...), nil
			size, corrupt = 2*size, 0
		}
		todo = todo[n:]
		switch {
		case len(refused) == 0:
		case errors.Is(why, kerr.InvalidTimestamp) && s.dates.narrow(refused, s.now()):
			s.troubled(fmt.Errorf("%w: %w", errDated, why))
			todo = slices.Concat(refused, todo)
		case errors.Is(why, kerr.CorruptMessage) && corrupt < maxCorrupt:
			corrupt++
			todo = slices.Concat(refused, todo)
		case len(refused) > 1:
			s.shrinkBatches(why)
			size, todo = (len(refused)+1)/2, slices.Concat(refused, todo)
		case refused[0] == suspect:
			f.refused = append(f.refused, refusedRecord{refused[0].Value, why})
		case s.known != nil:
			if err := s.tryTopic(ctx, why); err != nil {
				return err
			}
			suspect, size, todo = refused[0], 1, slices.Concat(refused, todo)
		case len(passed) > 0 && len(passed) < maxRefused, len(passed) == 0 && s.trialDue():
			passed = append(passed, refusedRecord{refused[0].Value, why})
		default:
			return why
		}
	}
	if len(passed) > 0 {
		return passed[0].why
	}
	return nil
}

// accepted keeps the newest record that the topic took.
func (s *Sender) accepted(sent, refused []*kgo.Record) {
	for _, r := range slices.Backward(sent) {
		if !slices.Contains(refused, r) {
			s.known = &kgo.Record{Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value), Timestamp: r.Timestamp}
			s.nextTrial = time.Time{}
			return
		}
	}
}

// tryTopic repeats the record that the topic took last. It returns why if the topic
// refuses that now, too.
func (s *Sender) tryTopic(ctx context.Context, why error) error {
	refused, _, err := s.produce(ctx, []*kgo.Record{s.known})
	if err == nil && len(refused) > 0 {
		s.known, s.batchBytes, err = nil, maxBatchBytes, why
	}
	return err
}

// trialDue reports, once in each trialPeriod of a topic that refuses everything, whether
// to try what comes after the first record. Until then that record waits, since the topic
// may be corrected.
func (s *Sender) trialDue() bool {
	now := time.Now()
	due := !s.nextTrial.IsZero() && !now.Before(s.nextTrial)
	if due || s.nextTrial.IsZero() {
		s.nextTrial = now.Add(trialPeriod)
	}
	return due
}

// setAside gives up what was refused for good, before the cursor advances over it.
func (s *Sender) setAside(refused []refusedRecord) {
	for _, r := range refused {
		s.runs.SetAside(r.line, evcp.ReasonRefused+errorName(r.why))
	}
}

func errorName(err error) string {
	var of *kerr.Error
	if errors.As(err, &of) {
		return of.Message
	}
	return ErrorText(err)
}

// shrinkBatches halves the batches when the broker rejects their size. Of a topic that
// refuses everything that says nothing, and a trial needs many records.
func (s *Sender) shrinkBatches(err error) {
	if s.known != nil && isAny(err, kerr.MessageTooLarge, kerr.RecordListTooLarge) {
		s.batchBytes = max(minBatchBytes, s.batchBytes/2)
	}
}

// results are what became of the records of one batch for each partition. The client calls
// record on its goroutines.
type results struct {
	done chan error // the first error that concerns no record, or nil when all are answered

	mu      sync.Mutex
	left    int
	refused []int
	why     error
}

func newResults(n int) *results { return &results{done: make(chan error, 1), left: n} }

func (r *results) record(i int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
	case isAny(err, recordErrors...):
		r.refused, r.why = append(r.refused, i), err
	default:
		offer(r.done, err)
	}
	if r.left--; r.left == 0 {
		offer(r.done, nil)
	}
}

// of lists the records that were refused, in their order.
func (r *results) of(records []*kgo.Record) (refused []*kgo.Record, why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.Sort(r.refused)
	for _, i := range r.refused {
		refused = append(refused, records[i])
	}
	return refused, r.why
}

// dates says which time records carry: the event's, unless the broker refuses that. The
// zero dates is so.
type dates struct {
	tolerance time.Duration // events that are farther from now are dated now; 0: none are
	none      bool          // now is refused, too: no time at all, which every broker accepts
	until     time.Time     // then the events' own times are tried again
}

const (
	ownTimesAgain = time.Minute     // the period of dates.until
	nearNow       = 2 * time.Minute // a time so near is as good as now
)

// noTime is what Kafka calls NO_TIMESTAMP.
var noTime = time.UnixMilli(-1)

// apply dates the records. It returns them.
func (d *dates) apply(records []*kgo.Record, now time.Time) []*kgo.Record {
	if now.After(d.until) {
		*d = dates{}
	}
	if d.tolerance == 0 && !d.none {
		return records
	}
	for _, r := range records {
		switch {
		case d.none:
			r.Timestamp = noTime
		case eventTime(r).Sub(now).Abs() > d.tolerance:
			r.Timestamp = now
		}
	}
	return records
}

// narrow is called when the times of records were refused. Which of them is not known, so
// that the tolerance becomes half of what it may be. It reports whether that changed a
// date.
func (d *dates) narrow(records []*kgo.Record, now time.Time) bool {
	if d.none {
		return false
	}
	farthest := time.Duration(0)
	for _, r := range records {
		if at := eventTime(r); r.Timestamp.UnixMilli() == at.UnixMilli() { // the client keeps milliseconds
			farthest = max(farthest, at.Sub(now).Abs())
		}
	}
	d.tolerance, d.none, d.until = farthest/2, farthest < nearNow, now.Add(ownTimesAgain)
	d.apply(records, now)
	return true
}

// eventTime is the time of the event in a record.
func eventTime(r *kgo.Record) time.Time { return outbox.Line(r.Value).At().Time() }
