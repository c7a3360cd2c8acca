package notify

import (
	"context"
	"strconv"
	"sync"
	"time"

	"evcp/internal/alert"
)

// TestResult is what came of a test message to one receiver.
type TestResult struct {
	Receiver string        `json:"receiver"` // scheme and host
	Took     time.Duration `json:"took_ns"`
	Error    string        `json:"error,omitempty"` // "": it was taken
}

// TestLimit is how long a SendTest takes at most.
const TestLimit = sendTimeout + time.Second

// SendTest sends one test message to each receiver, all at once, and waits for them. Nothing of it is kept or repeated.
func SendTest(ctx context.Context, receivers []alert.Receiver, locale func(site string) alert.Locale, dial dialFunc) []TestResult {
	s, now := newSender(dial), time.Now()
	results := make([]TestResult, len(receivers))
	var sending sync.WaitGroup
	for i, r := range receivers {
		m := alert.IncidentMessage{ID: "test-" + strconv.FormatInt(now.UnixMicro(), 10) + "-" + strconv.Itoa(i+1), Kind: alert.Test, At: now}
		sending.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, sendTimeout)
			defer cancel()
			var err error
			if r.Kind == alert.Alertmanager {
				err = s.alerts(ctx, r, alert.Alerts([]alert.IncidentMessage{m}, locale, now))
			} else {
				err = s.message(ctx, r, m, locale(""))
			}
			results[i] = TestResult{Receiver: r.Name, Took: time.Since(now), Error: textOf(err)}
		})
	}
	sending.Wait()
	return results
}

// SendTest sends a test message to each receiver of the Notifier.
func (n *Notifier) SendTest(ctx context.Context) []TestResult {
	return SendTest(ctx, n.o.Receivers(), n.o.Locale, n.o.Dial)
}
