package dashboard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"evcp/internal/central"
	"evcp/internal/tcp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(closingChromium{m}) }

// closingChromium runs the tests, and closes the browser they shared.
type closingChromium struct{ *testing.M }

// Run gives the exit code.
func (m closingChromium) Run() (code int) {
	code = m.M.Run()
	if err := sharedChromium.close(); err != nil {
		fmt.Fprintln(os.Stderr, "close Chromium:", err)
		code = max(code, 1)
	}
	return code
}

// testServer is a Central and a Dashboard, both on loopback ports.
type testServer struct {
	t        *testing.T
	central  *central.Central
	monitors string // address
	url      string // ends with /
	stop     func()
}

// startTestServer starts a site. The ports may be given, to start it again where it was.
func startTestServer(t *testing.T, o central.Options, monitors, pages string) *testServer {
	t.Helper()
	return startTestSite(t, o, nil, monitors, pages)
}

// startTestServerWith starts a site that keeps history.
func startTestServerWith(t *testing.T, past *HistorySource) *testServer {
	t.Helper()
	return startTestSite(t, central.Options{}, past, anyPort, anyPort)
}

func startTestSite(t *testing.T, o central.Options, past *HistorySource, monitors, pages string) *testServer {
	t.Helper()
	c, err := central.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := &testServer{t: t, central: c}
	mln, pln := listen(t, monitors), listen(t, pages)
	s.monitors, s.url = mln.Addr().String(), "http://"+pln.Addr().String()+"/"
	ctx, cancel := context.WithCancel(t.Context())
	server := &httptest.Server{Listener: pln, Config: &http.Server{
		Handler: New(Options{Central: c, Version: "test", Access: AccessRules{PublicBoard: true}, History: past}), BaseContext: func(net.Listener) context.Context { return ctx },
	}}
	server.Start()
	ended := make(chan error, 1)
	go func() { ended <- c.Serve(ctx, mln) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		server.CloseClientConnections()
		server.Close()
		if err := errors.Join(<-ended, c.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(s.stop)
	return s
}

func listen(t *testing.T, addr string) net.Listener {
	t.Helper()
	ln, err := tcp.Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

const anyPort = "127.0.0.1:0"

// patience bounds what must come, however slow the machine. It is longer than what Central gives a
// Monitor whose connection ended while Central itself stood still: the usual time between heartbeats.
const patience = 2 * time.Minute

// monitor sends messages over a new connection and awaits each reply.
func (s *testServer) monitor(messages ...string) net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.monitors)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	s.send(conn, messages...)
	return conn
}

func (s *testServer) send(conn net.Conn, messages ...string) {
	s.t.Helper()
	conn.SetDeadline(time.Now().Add(patience))
	for _, m := range messages {
		if _, err := io.WriteString(conn, m+"\n"); err != nil {
			s.t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 200)); err != nil {
			s.t.Fatalf("%s: %v", m, err)
		}
	}
}
