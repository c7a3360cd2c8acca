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

// TestSignalOfAnError maps errors of the network to signals.
func TestSignalOfAnError(t *testing.T) {
	for err, want := range map[error]evcp.Signal{
		syscall.ECONNREFUSED:   evcp.SignalRefused,
		syscall.ECONNRESET:     evcp.SignalBroken,
		io.EOF:                 evcp.SignalBroken,
		os.ErrDeadlineExceeded: evcp.SignalNone,
		syscall.EMFILE:         evcp.SignalLocalError,
		syscall.EHOSTUNREACH:   evcp.SignalUnreachable,
		syscall.ENETDOWN:       evcp.SignalLocalError,
		&net.DNSError{}:        evcp.SignalLocalError,

		&net.DNSError{IsNotFound: true}: evcp.SignalUnreachable,
	} {
		x := exchange{conn: &targetConn{}, began: time.Now().Add(-time.Second), writeBegan: 1, writeEnded: 2}
		e := x.failed(err)
		if e.Signal != want || e.Reply.Cause == evcp.NoCause || e.WriteBegan != 1 || e.WriteEnded != 2 || e.Noticed < time.Second {
			t.Errorf("%v: %+v, want signal %d", err, e, want)
		}
	}
	x := exchange{conn: &targetConn{}, began: time.Now()}
	if e := x.timedOut(false); e.Signal != evcp.SignalLocalError || e.Reply.Cause != evcp.Stalled {
		t.Errorf("never awake: %+v", e)
	}
	if e := x.timedOut(true); e.Signal != evcp.SignalNone || e.Reply.Cause != evcp.Timeout {
		t.Errorf("awake: %+v", e)
	}
}

// TestStall tells a Monitor that stood still from a reply that was a moment late.
func TestStall(t *testing.T) {
	const ms = time.Millisecond
	r := evcp.EvidenceRules{Timeout: 900 * ms, Grace: 25 * ms}
	stalled := evcp.Outcome{Cause: evcp.Stalled}
	tests := []struct {
		name string
		o    evcp.Outcome
		e    evcp.Evidence
		want time.Duration
	}{
		{"OK", evcp.Outcome{Status: evcp.OK}, evcp.Evidence{WriteEnded: ms, Noticed: 2 * ms}, 0},
		{"OK 0.2 ms too late, Monitor awake", stalled, evcp.Evidence{WriteEnded: ms, Noticed: 926*ms + 200*time.Microsecond}, 0},
		{"stopped for 10 s", stalled, evcp.Evidence{WriteEnded: ms, Noticed: 10001 * ms}, 10 * time.Second},
		{"stopped before the write", stalled, evcp.Evidence{WriteEnded: 5000 * ms, Noticed: 5001 * ms}, 5 * time.Second},
		{"never awake while dialling", stalled, evcp.Evidence{Noticed: 1500 * ms}, 1500 * ms},
		{"KO counts whenever it is noticed", evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO}, evcp.Evidence{WriteEnded: ms, Noticed: 10 * time.Second}, 0},
		{"the machine slept", evcp.Outcome{Cause: evcp.Slept}, evcp.Evidence{WriteEnded: ms, Noticed: 2 * ms, Slept: time.Hour}, time.Hour},
	}
	for _, tt := range tests {
		if got := stall(tt.o, tt.e, r); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
