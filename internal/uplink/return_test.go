package uplink_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"evcp"
	"evcp/internal/outbox"
	"evcp/internal/simnet"
	"evcp/internal/uplink"
)

// TestACentralThatReturnsIsNotTrampled lets Central be away for a minute from 500
// charge points: all are back within the longest back-off, and no tenth of a second
// brings more than a tenth of them.
func TestACentralThatReturnsIsNotTrampled(t *testing.T) {
	const many, away, most = 500, time.Minute, 5 * time.Second
	synctest.Test(t, func(t *testing.T) {
		box, err := outbox.Open(t.TempDir(), outbox.Options{Instance: "test"})
		if err != nil {
			t.Fatal(err)
		}
		n := &simnet.Net{}
		u := uplink.New(uplink.Options{
			CPs: fleet(many), Central: "central", Interval: time.Second, Dialer: n, Facts: box.Facts(), State: box.State,
			Observe: func(evcp.Observation) bool { return true }, OnDiagnostic: func(uplink.Diagnostic) {},
		})
		ctx, cancel := context.WithTimeout(t.Context(), away+most+time.Second)
		defer cancel()
		var talking sync.WaitGroup
		talking.Go(func() { _ = u.Run(ctx) }) // not Lone: a refusal ends nothing
		time.Sleep(away)
		came, stop := returns(t, n)
		talking.Wait()
		u.Disconnect(t.Context())
		stop()
		if err := box.Close(context.Background()); err != nil {
			t.Error(err)
		}
		perTenth, back := came()
		for tenth, arrivals := range perTenth {
			if arrivals > many/10 {
				t.Errorf("%d of %d came in one tenth of a second, %s after the return", arrivals, many, time.Duration(tenth)*100*time.Millisecond)
			}
		}
		if back != many {
			t.Errorf("%d of %d are back after %s", back, many, most)
		}
	})
}

func fleet(many int) (cps []evcp.CPID) {
	for i := range many {
		cps = append(cps, evcp.CPID(fmt.Sprintf("CP_%03d", i)))
	}
	return cps
}

// returns lets Central be there, which notes when each connection came.
func returns(t *testing.T, n *simnet.Net) (came func() (perTenth map[int]int, all int), stop func()) {
	t.Helper()
	began, perTenth, all := time.Now(), map[int]int{}, 0
	stop = central(t, n, func() {
		perTenth[int(time.Since(began)/(100*time.Millisecond))]++
		all++
	}, func(string) string { return welcome })
	return func() (map[int]int, int) { return perTenth, all }, stop
}
