package outbox

import "sync"

// notifier calls the owner back, from its own goroutine and one call at a time. It
// waits for the first Append: before that the owner may not be complete.
type notifier struct {
	options Options
	ready   chan struct{}
	once    sync.Once
	wake    chan struct{}
	stop    chan struct{}
	done    chan struct{}

	mu    sync.Mutex
	calls []func()
}

func newNotifier(o Options) *notifier {
	return &notifier{
		options: o, ready: make(chan struct{}), wake: make(chan struct{}, 1),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
}

func (t *notifier) run() {
	defer close(t.done)
	select {
	case <-t.ready:
	case <-t.stop:
		return
	}
	for {
		for _, call := range t.take() {
			call()
		}
		select {
		case <-t.wake:
		case <-t.stop:
			return
		}
	}
}

func (t *notifier) take() []func() {
	t.mu.Lock()
	defer t.mu.Unlock()
	calls := t.calls
	t.calls = nil
	return calls
}

func (t *notifier) add(call func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls = append(t.calls, call)
	poke(t.wake)
}

func (t *notifier) start() { t.once.Do(func() { close(t.ready) }) }
func (t *notifier) close() { close(t.stop) }

func (t *notifier) refused(generation uint64, err error) {
	if f := t.options.Refused; f != nil {
		t.add(func() { f(generation, err) })
	}
}

func (t *notifier) healed(aside string) {
	if f := t.options.Recovered; f != nil {
		t.add(func() { f(aside) })
	}
}

func (t *notifier) dropped(l dropSet) {
	if f := t.options.Observe; f != nil && len(l) > 0 {
		t.add(func() {
			for _, d := range l.sorted() {
				f(d.observation())
			}
		})
	}
}
