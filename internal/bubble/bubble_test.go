package bubble

import (
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestTimersOfManyGoroutines: with the race detector and two processors this ended the process
// in most runs.
func TestTimersOfManyGoroutines(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	for range 100 {
		Run(t, func(*testing.T) {
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					for range 50 {
						now, later := time.NewTimer(0), time.NewTimer(time.Millisecond)
						<-now.C
						time.Sleep(time.Millisecond)
						<-later.C
					}
				})
			}
			wg.Wait()
		})
	}
	if after := runtime.GOMAXPROCS(0); after != before {
		t.Errorf("%d processors before, %d after", before, after)
	}
}
