package watch

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"evcp"
	"evcp/internal/console"
	"evcp/internal/logtext"
	"evcp/internal/outbox"
	"evcp/internal/uplink"
)

// TestALogThatStoodStillSaysWhatItLeftOut lets nobody read the log, as a terminal
// after Ctrl-S, until both queues are full, and then reads on.
func TestALogThatStoodStillSaysWhatItLeftOut(t *testing.T) {
	box, err := outbox.Open(t.TempDir(), outbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := console.Open(console.Options{Out: out, Format: console.Logfmt})
	v := newLogWriter(c, logtext.Formatter{Zone: time.UTC}, box.Tail(1))
	for i := 0; v.dropped.Load() < 3; i++ { // nobody listens yet: the queue fills
		v.onCentral(uplink.Diagnostic{CP: "CP_001", Kind: uplink.NotCentral, Reply: fmt.Sprint(i)})
	}
	var state evcp.State
	policy := evcp.Policy{Fall: 3, Rise: 1, Instance: "test"}
	for v.tail.Dropped() == 0 {
		next, events := policy.Next(state, evcp.Observation{CP: "CP_001", Kind: evcp.Checked, At: evcp.StampOf(time.Now()), Outcome: evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO}}, nil)
		state = next
		box.Append(outbox.Batch{Generation: box.Generation(), CP: "CP_001", Events: events, State: next})
		if err := box.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	lost := v.tail.Dropped()
	var speaking sync.WaitGroup
	speaking.Go(func() { v.run(nil, nil); out.Close() })
	var said strings.Builder
	for lines := bufio.NewScanner(in); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "left out") {
			close(v.ended)
		}
	}
	speaking.Wait()
	if want := fmt.Sprintf("left out %d event", lost); !strings.Contains(said.String(), want) || strings.Count(said.String(), "left out") != 1 ||
		!strings.Contains(said.String(), "and 3 notices; see ev-cp-m events") {
		t.Errorf("%d lost; said\n%s", lost, said.String())
	}
	if err := box.Close(context.Background()); err != nil {
		t.Error(err)
	}
}
