package probe_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"evcp"
	"evcp/internal/probe"
)

// BenchmarkFleet checks N Engines once a second for ten seconds, as a shard of a Monitor
// does, and reports the CPU time of this process for each check. The Engines are a process of
// their own. BENCH_ENGINE=HOST:PORT uses others.
//
//	go test ./internal/probe -run '^$' -bench Fleet -benchtime 1x
func BenchmarkFleet(b *testing.B) {
	for _, driver := range []string{"raw", "portable"} {
		for _, n := range []int{1, 1000, 5000} {
			b.Run(fmt.Sprintf("%s/%d", driver, n), func(b *testing.B) { benchmarkFleet(b, drivers[driver], n) })
		}
	}
}

const (
	benchTicks = 100 // of 10 ms
	benchSpan  = 10 * time.Second
)

func benchmarkFleet(b *testing.B, d probe.Driver, n int) {
	address := benchEngine(b)
	before := residentBytes()
	p, err := probe.New(d, probe.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	due := make([][]int, benchTicks)
	for i := range n {
		p.Adopt(i, probe.Target{
			CP: evcp.CPID(fmt.Sprintf("CP_%05d", i)), Address: address, Rules: evcp.EvidenceRules{Timeout: tau, Grace: grace},
		}, 0)
		due[i%benchTicks] = append(due[i%benchTicks], i)
	}
	fleet := &benchLoop{probe: p, due: due, next: time.Now().Add(10 * time.Millisecond)}
	fleet.run(time.Second) // connects
	fleet.checks, fleet.bad, fleet.late, fleet.wakes = 0, 0, nil, 0
	used := cpuTime()
	fleet.run(benchSpan)
	used = cpuTime() - used
	b.ReportMetric(used.Seconds()*1e6/float64(fleet.checks), "cpu-µs/check")
	b.ReportMetric(float64(fleet.wakes)/benchSpan.Seconds(), "wakes/s")
	b.ReportMetric(float64(residentBytes()-before)/float64(n), "B/target")
	slices.Sort(fleet.late)
	b.ReportMetric(float64(fleet.late[len(fleet.late)*99/100].Microseconds())/1000, "p99-late-ms")
	if fleet.bad > 0 {
		b.Errorf("%d of %d checks are not OK", fleet.bad, fleet.checks)
	}
}

// benchLoop is the owner of a probe: it wakes at ticks that have something due, and when
// the probe says so.
type benchLoop struct {
	probe       probe.Prober
	due         [][]int
	next        time.Time // the next tick
	tick        int
	found       []probe.Finding
	checks, bad int
	wakes       int
	late        []time.Duration
}

func (l *benchLoop) run(span time.Duration) {
	timer := time.NewTimer(0)
	for end := time.Now().Add(span); time.Now().Before(end); l.wakes++ {
		for len(l.due[l.tick]) == 0 {
			l.advance()
		}
		wake := l.next
		if n := l.probe.Next(); !n.IsZero() && n.Before(wake) {
			wake = n
		}
		timer.Reset(time.Until(wake))
		select {
		case <-timer.C:
		case <-l.probe.Ready():
		}
		l.found = l.probe.Take(l.found[:0])
		now := time.Now()
		for _, f := range l.found {
			l.checks++
			if o, _ := l.probe.Judge(f, 0); o.Status != evcp.OK {
				l.bad++
			}
		}
		if !l.next.After(now) {
			l.late = append(l.late, now.Sub(l.next))
			l.probe.Ask(0, l.due[l.tick]...)
			l.advance()
		}
	}
}

func (l *benchLoop) advance() {
	l.tick, l.next = (l.tick+1)%benchTicks, l.next.Add(10*time.Millisecond)
}

func cpuTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// residentBytes is the heap and the stacks in use.
func residentBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// benchEngine starts a process of this test that answers OK.
func benchEngine(b *testing.B) (address string) {
	b.Helper()
	if address = os.Getenv("BENCH_ENGINE"); address != "" {
		return address
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestBenchEngine$")
	cmd.Env = append(os.Environ(), "EVCP_BENCH_SERVE=1")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if _, err := fmt.Fscanln(out, &address); err != nil {
		b.Fatal(err)
	}
	return address
}

// TestBenchEngine is the process of the Engines.
func TestBenchEngine(t *testing.T) {
	if os.Getenv("EVCP_BENCH_SERVE") == "" {
		t.Skip("only for BenchmarkFleet")
	}
	fmt.Println(strings.TrimSpace(listenAndServe(t, onTCP(replies("OK")))))
	select {}
}
