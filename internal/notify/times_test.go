package notify_test

import (
	"sync"
	"testing"
	"time"

	"evcp"
	"evcp/internal/bubble"
	"evcp/internal/notify"
)

// A recovery has the times of the events, which the page and the history show, also where Central was
// started anew between the recovery and the message.
func TestTimesOfTheEvents(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		var mu sync.Mutex
		var first, began, recovered time.Time
		status := "OK"
		s := newSite(t, func(o *notify.Options) {
			o.StateDir = t.TempDir()
			o.FirstFailed = func(evcp.CPID) time.Time { mu.Lock(); defer mu.Unlock(); return first }
			o.LastIncident = func(evcp.CPID) (time.Time, time.Time) { mu.Lock(); defer mu.Unlock(); return began, recovered }
		})
		set := func(text string, change func()) { mu.Lock(); defer mu.Unlock(); status = text; change() }
		watch := func() *monitor {
			return s.watch(cp(1), func() string { mu.Lock(); defer mu.Unlock(); return status })
		}
		m := watch()
		time.Sleep(time.Minute)
		failed := time.Now().Add(700 * time.Millisecond).Truncate(time.Millisecond)
		set("KO", func() { first = failed })
		time.Sleep(10 * time.Minute)
		well := time.Now().Add(300 * time.Millisecond).Truncate(time.Millisecond)
		set("OK", func() { began, recovered, first = failed, well, time.Time{} })
		time.Sleep(15 * time.Second)
		m.stop()
		s.stop()
		set("OK", func() { began, recovered = time.Time{}, time.Time{} }) // the new process has read no event of it
		s.start()
		m = watch()
		time.Sleep(2 * time.Minute)
		m.stop()
		s.hook.want(t, "opened CP_001 faulted: says KO", "recovered CP_001 well again, after 10m0s")
		const ms = "2006-01-02T15:04:05.000Z"
		b := s.hook.bodies[len(s.hook.bodies)-1]
		if b.Since != failed.UTC().Format(ms) || b.Recovered != well.UTC().Format(ms) || b.Members[0].Since != b.Since || b.Members[0].Ended != b.Recovered {
			t.Errorf("told from %s to %s, %+v; want from %s to %s", b.Since, b.Recovered, b.Members, failed.UTC(), well.UTC())
		}
	})
}
