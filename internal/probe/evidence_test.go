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
	for err, want := range map[error]evcp.Testimony{
		syscall.ECONNREFUSED:   evcp.Act,
		syscall.ECONNRESET:     evcp.Break,
		io.EOF:                 evcp.Break,
		os.ErrDeadlineExceeded: evcp.Silence,
		syscall.EMFILE:         evcp.Deaf,
		syscall.EHOSTUNREACH:   evcp.NoRoute,
		&net.DNSError{}:        evcp.NoRoute,
	} {
		x := exchange{line: &line{}, began: time.Now().Add(-time.Second), sent: 1, asked: 2}
		e := x.failed(err)
		if e.Testimony != want || e.Answer.Cause == evcp.NoCause || e.Sent != 1 || e.Asked != 2 || e.Noticed < time.Second {
			t.Errorf("%v: %+v, want testimony %d", err, e, want)
		}
	}
	x := exchange{line: &line{}, began: time.Now()}
	if e := x.silence(false); e.Testimony != evcp.Deaf || e.Answer.Cause != evcp.Stalled {
		t.Errorf("who was never awake heard %+v", e)
	}
	if e := x.silence(true); e.Testimony != evcp.Silence || e.Answer.Cause != evcp.Timeout {
		t.Errorf("who was awake heard %+v", e)
	}
}
