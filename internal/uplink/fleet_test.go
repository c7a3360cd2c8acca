package uplink_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"evcp"
	"evcp/internal/bubble"
	"evcp/internal/outbox"
	"evcp/internal/simnet"
	"evcp/internal/uplink"
	"evcp/internal/wire"
)

// TestReconnectionsAreSpread has an outage of Central of a minute for 500 charge points:
// all are back within the longest backoff, and no tenth of a second brings more than a
// fifth of them. When each comes is random: a tenth of a second brings 36 of them on average, and
// more than 50 in every tenth run or so.
func TestReconnectionsAreSpread(t *testing.T) {
	const many, away, most = 500, time.Minute, 5 * time.Second
	bubble.Run(t, func(t *testing.T) {
		box, err := outbox.Open(t.TempDir(), outbox.Options{Instance: "test"})
		if err != nil {
			t.Fatal(err)
		}
		n := &simnet.Net{}
		u := uplink.New(uplink.Options{
			Central: "central", Codec: uplink.TextCodec(wire.Raw), Dialer: n, Box: box,
			Observe: func(evcp.Observation) bool { return true }, OnDiagnostic: func(uplink.Diagnostic) {},
		})
		for _, cp := range manyCPs(many) {
			u.Adopt(cp, time.Second)
		}
		ctx, cancel := context.WithTimeout(t.Context(), away+most+time.Second)
		defer cancel()
		var running sync.WaitGroup
		running.Go(func() { _ = u.Run(ctx) })
		time.Sleep(away)
		arrivals, stop := countRegistrations(t, n)
		running.Wait()
		u.Disconnect(t.Context())
		stop()
		if err := box.Close(context.Background()); err != nil {
			t.Error(err)
		}
		perTenth, back := arrivals()
		for tenth, n := range perTenth {
			if n > many/5 {
				t.Errorf("%d of %d came in one tenth of a second, %s after the outage", n, many, time.Duration(tenth)*100*time.Millisecond)
			}
		}
		if back != many {
			t.Errorf("%d of %d are back after %s", back, many, most)
		}
	})
}

func manyCPs(many int) (cps []evcp.CPID) {
	for i := range many {
		cps = append(cps, evcp.CPID(fmt.Sprintf("CP_%03d", i)))
	}
	return cps
}

// countRegistrations starts Central and counts what asks it for registration.
func countRegistrations(t *testing.T, n *simnet.Net) (arrivals func() (perTenth map[int]int, all int), stop func()) {
	t.Helper()
	var mu sync.Mutex
	began, perTenth, all := time.Now(), map[int]int{}, 0
	stop = serveCentral(t, n, func() {}, func(message string) string {
		mu.Lock()
		defer mu.Unlock()
		if strings.HasSuffix(message, "registration request") {
			perTenth[int(time.Since(began)/(100*time.Millisecond))]++
			all++
		}
		return accepted
	})
	return func() (map[int]int, int) { return perTenth, all }, stop
}
