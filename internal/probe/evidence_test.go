package probe

import (
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"evcp"
)

// TestWhatAnErrorTestifies says who is to blame for what the network answered.
func TestWhatAnErrorTestifies(t *testing.T) {
	for err, want := range map[error]evcp.Signal{
		syscall.ECONNREFUSED:   evcp.SignalRefused,
		syscall.ECONNRESET:     evcp.SignalBroken,
		io.EOF:                 evcp.SignalBroken,
		os.ErrDeadlineExceeded: evcp.SignalNone,
		syscall.EMFILE:         evcp.SignalLocalError,
		syscall.EHOSTUNREACH:   evcp.SignalUnreachable,
		&net.DNSError{}:        evcp.SignalUnreachable,
	} {
		x := exchange{line: &line{}, began: time.Now().Add(-time.Second), sent: 1, asked: 2}
		e := x.failed(err)
		if e.Signal != want || e.Reply.Cause == evcp.NoCause || e.WriteBegan != 1 || e.WriteEnded != 2 || e.Noticed < time.Second {
			t.Errorf("%v: %+v, want testimony %d", err, e, want)
		}
	}
	x := exchange{line: &line{}, began: time.Now()}
	if e := x.silence(false); e.Signal != evcp.SignalLocalError || e.Reply.Cause != evcp.Stalled {
		t.Errorf("who was never awake heard %+v", e)
	}
	if e := x.silence(true); e.Signal != evcp.SignalNone || e.Reply.Cause != evcp.Timeout {
		t.Errorf("who was awake heard %+v", e)
	}
}
