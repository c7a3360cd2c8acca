//go:build unix

package link_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"evcp"
	"evcp/internal/link"
	"evcp/internal/testbed"
)

func TestCauseOf(t *testing.T) {
	for err, want := range map[error]evcp.Cause{
		nil:                              evcp.NoCause,
		&net.DNSError{IsNotFound: true}:  evcp.DNS,
		&net.DNSError{IsTimeout: true}:   evcp.NameServer,
		&net.DNSError{IsTemporary: true}: evcp.NameServer,
		syscall.ENETDOWN:                 evcp.NoNetwork,
		syscall.ECONNREFUSED:             evcp.Refused,
		syscall.ECONNRESET:               evcp.Reset,
		syscall.EPIPE:                    evcp.Reset,
		syscall.ECONNABORTED:             evcp.Reset,
		syscall.EHOSTUNREACH:             evcp.Unreachable,
		syscall.ENETUNREACH:              evcp.Unreachable,
		syscall.EMFILE:                   evcp.NoSocket,
		syscall.EADDRNOTAVAIL:            evcp.NoSocket,
		syscall.EPERM:                    evcp.Local,
		os.ErrDeadlineExceeded:           evcp.Timeout,
		context.DeadlineExceeded:         evcp.Timeout,
		syscall.ETIMEDOUT:                evcp.Timeout,
		io.EOF:                           evcp.Closed,
		net.ErrClosed:                    evcp.Closed,
		errors.New("some other error"):   evcp.Other,
	} {
		wrapped := err
		if err != nil {
			wrapped = &net.OpError{Op: "read", Net: "tcp", Err: fmt.Errorf("wrapped: %w", err)}
		}
		if got := link.CauseOf(wrapped); got != want {
			t.Errorf("%v is %s, want %s", err, got, want)
		}
	}
}

// peer is the other end of a Link, on a real socket.
type peer struct {
	*testing.T
	l    net.Listener
	link link.Link
	near net.Conn // the Link's end
	net.Conn
}

// DialContext remembers the Link's end.
func (p *peer) DialContext(ctx context.Context, network, address string) (c net.Conn, err error) {
	c, err = link.NewDialer().DialContext(ctx, network, address)
	p.near = c
	return c, err
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{T: t, l: l, link: link.Link{Address: l.Addr().String()}}
	p.link.Dialer = p
	t.Cleanup(func() { p.link.Close(); l.Close() })
	return p
}

func (p *peer) dial() {
	p.Helper()
	if err := p.link.Dial(p.Context()); err != nil {
		p.Fatal(err)
	}
	c, err := p.l.Accept()
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { c.Close() })
	p.Conn = c
}

func soon() time.Time { return time.Now().Add(testbed.Patience) }

// send sends text, or closes the connection if it is "", and waits until that has arrived.
func (p *peer) send(text string) {
	p.Helper()
	if text == "" {
		p.Conn.Close()
	} else if _, err := io.WriteString(p.Conn, text); err != nil {
		p.Fatal(err)
	}
	p.await(len(text))
}

// await waits until the Link's end has n bytes to read; 0 is an end.
func (p *peer) await(n int) {
	p.Helper()
	raw, err := p.near.(syscall.Conn).SyscallConn()
	if err != nil {
		p.Fatal(err)
	}
	_ = p.near.SetReadDeadline(soon())
	if err := raw.Read(func(fd uintptr) bool {
		got, _, err := unix.Recvfrom(int(fd), make([]byte, 1000), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		return err == nil && got >= n
	}); err != nil {
		p.Errorf("%d bytes have not arrived: %v", n, err)
	}
}

// TestReady: a connection is ready when nothing or blanks have arrived, and not at an end
// or after other bytes.
func TestReady(t *testing.T) {
	for name, tt := range map[string]struct {
		happens func(p *peer)
		ready   bool
	}{
		"silence":                    {func(*peer) {}, true},
		"blanks":                     {func(p *peer) { p.send(" \r\n\x00\t") }, true},
		"half of an earlier reply":   {func(p *peer) { p.send("\r\nO") }, false},
		"an end":                     {func(p *peer) { p.send("") }, false},
		"a deadline that has passed": {func(p *peer) { _, _ = p.link.Read(time.Unix(1, 0)) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t)
			if p.link.Ready() {
				t.Error("ready before the first dial")
			}
			p.dial()
			tt.happens(p)
			if p.link.Ready() != tt.ready {
				t.Fatalf("ready is %t", !tt.ready)
			}
			if !tt.ready {
				if err := p.link.Write([]byte("question"), soon()); !errors.Is(err, net.ErrClosed) {
					t.Errorf("a write on a closed connection: %v", err)
				}
				return
			}
			p.send("OK")
			if b, err := p.link.Read(soon()); err != nil || string(b) != "OK" {
				t.Errorf("read %q, %v", b, err)
			}
		})
	}
}

// TestAnExchange writes, reads, times out and is interrupted.
func TestAnExchange(t *testing.T) {
	p := newPeer(t)
	if _, err := p.link.Read(soon()); link.CauseOf(err) != evcp.Closed {
		t.Errorf("read without a connection: %v", err)
	}
	p.link.Interrupt()() // nothing to interrupt
	p.dial()
	if err := p.link.Write([]byte("question"), soon()); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	if n, err := p.Conn.Read(b); string(b[:n]) != "question" {
		t.Errorf("received %q, %v", b[:n], err)
	}
	if _, err := p.link.Read(time.Now().Add(10 * time.Millisecond)); link.CauseOf(err) != evcp.Timeout {
		t.Errorf("no reply: %v", err)
	}
	stop := p.link.Interrupt()
	time.AfterFunc(10*time.Millisecond, stop)
	if _, err := p.link.Read(soon()); link.CauseOf(err) != evcp.Timeout {
		t.Errorf("interrupted: %v", err)
	}
	if err := p.link.Write([]byte("question"), time.Unix(1, 0)); link.CauseOf(err) != evcp.Timeout {
		t.Errorf("write after the deadline: %v", err)
	}
}

// TestOneConnection: Dial and Adopt close the old connection, also when the dial fails.
func TestOneConnection(t *testing.T) {
	gone := func(c net.Conn) bool {
		_ = c.SetReadDeadline(soon())
		_, err := c.Read(make([]byte, 1))
		return errors.Is(err, io.EOF)
	}
	p := newPeer(t)
	p.dial()
	first := p.Conn
	p.dial()
	if !gone(first) {
		t.Error("a dial leaves the old connection open")
	}
	near, far := net.Pipe()
	second := p.Conn
	p.link.Adopt(near)
	if !gone(second) {
		t.Error("so does Adopt")
	}
	p.l.Close()
	if err := p.link.Dial(context.Background()); link.CauseOf(err) != evcp.Refused || !gone(far) || p.link.Ready() {
		t.Errorf("a dial that fails: %v", err)
	}
	p.link.Close()
}
