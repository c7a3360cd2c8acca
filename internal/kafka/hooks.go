package kafka

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// connHooks hears of the client's connections. It is called on the client's
// goroutines and never blocks.
type connHooks struct{ bad func(error) }

func (l connHooks) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if matters(err) {
		l.bad(err)
	}
}

func (l connHooks) OnBrokerE2E(_ kgo.BrokerMetadata, _ int16, e2e kgo.BrokerE2E) {
	if err := e2e.Err(); matters(err) {
		l.bad(err)
	}
}

// matters leaves out what this side did: a connection that it closed had its
// reason before, and that was heard.
func matters(err error) bool {
	return err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, kgo.ErrClientClosed) &&
		!errors.Is(err, net.ErrClosed) && !errors.Is(err, io.ErrClosedPipe)
}

// firstError keeps what a probe met first: what the client says at the end is
// about its own retries.
type firstError struct {
	mu    sync.Mutex
	err   error
	where string
}

func (f *firstError) OnBrokerConnect(meta kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		f.where = address(meta)
	} else if f.err == nil && matters(err) {
		f.err = err
	}
}

func (f *firstError) broker() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.where
}

// or prefers what was met first.
func (f *firstError) or(err error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	return err
}
