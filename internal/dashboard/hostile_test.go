package dashboard

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"evcp/internal/central"
)

// serve runs Serve until the test ends.
func (s *testServer) serve() (addr string) {
	s.t.Helper()
	return serveOn(s.t, New(Options{Central: s.central, Version: "test", Access: AccessRules{PublicBoard: true}}))
}

// serveOn serves a handler as Central does, on a port of loopback.
func serveOn(t *testing.T, h http.Handler) (addr string) {
	t.Helper()
	ln := listen(t, anyPort)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, ln, h, time.Second) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// dial connects with a deadline, so that no test waits for ever.
func (s *testServer) dial(addr string) net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// HEAD answers the header and no stream.
func TestHeadOfTheStream(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	resp, err := http.Head(s.url + "api/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%s %v (%v)", resp.Status, resp.Header, err)
	}
}

// A body that is announced and never sent holds a connection for bodyTimeout, not for
// ever.
func TestBodyThatNeverComes(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	addr := s.serve()
	for _, ask := range []string{"GET /healthz", "POST /api/v1/cps", "GET /", "GET /api/v1/cps"} {
		t.Run(ask, func(t *testing.T) {
			t.Parallel()
			conn := s.dial(addr)
			if _, err := fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", ask); err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(conn)
			if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 ") {
				t.Errorf("%.80q (%v)", answer, err)
			}
		})
	}
}

// Browsers leave descriptors for the Monitors.
func TestTooManyConnections(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	addr := s.serve()
	for range maxConns {
		s.dial(addr)
	}
	if n, err := s.dial(addr).Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes of one too many", n)
	}
}
