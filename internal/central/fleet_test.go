package central

import (
	"bufio"
	"fmt"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"evcp"
	"evcp/internal/central/conngroup"
	"evcp/internal/central/cpstate"
	"evcp/internal/wire"
)

// fleetClient is a Monitor of many charge points on some connections, in lines.
type fleetClient struct {
	t     *testing.T
	cps   int
	conns []net.Conn
}

func dialFleet(t *testing.T, addr string, cps, conns int) *fleetClient {
	t.Helper()
	f := &fleetClient{t: t, cps: cps}
	for range conns {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		f.conns = append(f.conns, c)
	}
	return f
}

// all sends a message for each charge point, on all connections at once, and wants the reply.
func (f *fleetClient) all(message, want string) {
	f.t.Helper()
	var sending sync.WaitGroup
	for n, c := range f.conns {
		sending.Go(func() {
			replies := bufio.NewReader(c)
			for i := n; i < f.cps; i += len(f.conns) {
				fmt.Fprintf(c, "EV_CP_M CP_%05d %s\n", i, message)
				if got, err := replies.ReadString('\n'); err != nil || got != want+"\n" {
					f.t.Errorf("%s of charge point %d: %q, %v; want %q", message, i, got, err, want)
					return
				}
			}
		})
	}
	sending.Wait()
}

func (f *fleetClient) close() {
	for _, c := range f.conns {
		c.Close()
	}
}

// TestTenThousandChargePoints register over sixteen connections, are lost when their
// Monitor is killed, and come back: what each said is on disk, and none is left out.
func TestTenThousandChargePoints(t *testing.T) {
	const cps = 10_000
	dir := t.TempDir()
	c, addr, stop := start(t, Options{StateDir: dir})
	f := dialFleet(t, addr, cps, 16)
	f.all("registration request", "Authentication successful")
	f.all("heartbeat OK", "OK")
	killed := time.Now()
	f.close()
	waitFor(t, "that all are lost", func() bool { return c.Counts().Disconnected == cps })
	if took := time.Since(killed); took < conngroup.Grace {
		t.Errorf("lost after %v", took)
	}
	// While the disk is slow so many words are held as the second round makes, and no more.
	waitFor(t, "that the words of the first round are written", func() bool {
		c.board.mu.Lock()
		defer c.board.mu.Unlock()
		return len(c.board.words.ended) == 0
	})
	f = dialFleet(t, addr, cps, 16)
	f.all("registration request", "Authentication successful")
	f.all("heartbeat OK", "OK")
	if n := c.Counts().Activated; n != cps {
		t.Errorf("%d are back", n)
	}
	stop()
	s := openStateFile(t, dir) // so the last words are among the others
	for said, want := range map[string]int64{"registration request": 2 * cps, "heartbeat OK": 2 * cps} {
		var n int64
		if err := s.db.QueryIntsFor("SELECT sum(count) FROM words WHERE said LIKE '%' || ?", []any{said}, &n); err != nil || n != want {
			t.Errorf("%d times %s on disk, want %d, %v", n, said, want, err)
		}
	}
}

// maxBytesPerCP is what a charge point may cost in memory, its heartbeats on one connection
// included, and what was said last; 896 when this was written.
const maxBytesPerCP = 950

// TestBytesPerChargePoint: a charge point is a value on the board, and nothing else.
func TestBytesPerChargePoint(t *testing.T) {
	const cps = 10_000
	b := testBoard()
	v := newConnRecord("10.0.0.1:1", time.Now())
	ids := make([]evcp.CPID, cps)
	for n := range ids {
		ids[n] = evcp.CPID(fmt.Sprintf("CP_%05d", n))
	}
	before := heapInUse()
	for range maxRecentHeartbeats + 1 {
		for _, id := range ids {
			b.receiveNow(v, id, wire.Registration, 0)
			b.receiveNow(v, id, wire.Heartbeat, evcp.OK)
			now := time.Now()
			b.hear([]Words{{From: now, To: now, Count: 1, Said: wire.Message{CP: id, Verb: wire.Heartbeat, Status: evcp.OK}, Answered: "OK", Peer: v.Peer}})
		}
	}
	b.changes = changeLog{} // bounded by itself
	if each := (heapInUse() - before) / cps; each > maxBytesPerCP {
		t.Errorf("%d bytes for each charge point, want at most %d", each, maxBytesPerCP)
	} else {
		t.Logf("%d bytes for each charge point", each)
	}
	runtime.KeepAlive(b)
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkHeartbeat is the board's part of one heartbeat, without its socket.
func BenchmarkHeartbeat(bench *testing.B) {
	b := testBoard()
	v := newConnRecord("10.0.0.1:1", time.Now())
	ids := make([]evcp.CPID, 10_000)
	for n := range ids {
		ids[n] = evcp.CPID(fmt.Sprintf("CP_%05d", n))
		b.receiveNow(v, ids[n], wire.Registration, 0)
	}
	bench.ReportAllocs()
	for n := 0; bench.Loop(); n++ {
		if to := b.receive(v, wire.Message{CP: ids[n%len(ids)], Verb: wire.Heartbeat, Status: evcp.OK}, admitted, time.Now()); to.reply != cpstate.Received {
			bench.Fatal(to)
		}
	}
}
