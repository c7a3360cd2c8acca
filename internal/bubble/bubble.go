// Package bubble runs tests in bubbles of testing/synctest, also with the race detector.
package bubble

import (
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"testing/synctest"
)

// Run is synctest.Test. With the race detector only one processor runs during the test: all
// timers of a bubble use one context of the detector, so two goroutines that receive from
// timers on two processors end the process with "ThreadSanitizer: CHECK failed"
// (https://go.dev/issue/78156).
func Run(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	if withRaceDetector() {
		oneProcessor.begin()
		defer oneProcessor.end()
	}
	synctest.Test(t, test) //nolint:forbidigo // the one place that may
}

// withRaceDetector reports whether this program was built with -race.
func withRaceDetector() bool {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return true // to be safe
	}
	for _, s := range build.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}

// oneProcessor limits the process to one processor while at least one test wants it: tests may
// run in parallel.
var oneProcessor processorLimit

type processorLimit struct {
	mu     sync.Mutex // guards what follows
	tests  int
	before int // GOMAXPROCS without the limit
}

func (p *processorLimit) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tests == 0 {
		p.before = runtime.GOMAXPROCS(1)
	}
	p.tests++
}

func (p *processorLimit) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tests--
	if p.tests == 0 {
		runtime.GOMAXPROCS(p.before)
	}
}
