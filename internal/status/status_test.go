package status_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"evcp/internal/metrics"
	"evcp/internal/status"
	"evcp/internal/testbed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// healthy are the endpoints of a process that does its work.
func healthy() status.Endpoints {
	return status.Endpoints{
		Healthy: func() (string, error) { return "", nil },
		Ready:   func() error { return nil },
		Metrics: func(m *metrics.Writer) { m.Gauge("x", "One.").Value(1) },
		Status:  func() any { return map[string]string{"said": "<script>\x1b"} },
	}
}

// serve serves f on ln until the test ends or stop is called.
func serve(t *testing.T, ln net.Listener, f status.Endpoints) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := status.Serve(ctx, ln, f.Handler()); err != nil {
			t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() {
		cancel()
		serving.Wait()
	})
	t.Cleanup(stop)
	return stop
}

func onTCP(t *testing.T, f status.Endpoints) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, ln, f)
	return ln.Addr().String()
}

func get(t *testing.T, address, path string) (int, http.Header, string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

func TestEndpointsOverTCP(t *testing.T) {
	f := healthy()
	note, trouble := "", error(nil)
	f.Healthy = func() (string, error) { return note, trouble }
	f.Ready = func() error { return errors.New("not yet") }
	address := onTCP(t, f)
	for _, c := range []struct {
		path, note string
		trouble    error
		code       int
		kind, says string
	}{
		{"/healthz", "", nil, 200, "text/plain; charset=utf-8", "ok\n"},
		{"/healthz", "the disk refused", nil, 200, "text/plain; charset=utf-8", "ok; the disk refused\n"},
		{"/healthz", "", errors.New("stands still"), 503, "text/plain; charset=utf-8", "stands still\n"},
		{"/readyz", "", nil, 503, "text/plain; charset=utf-8", "not yet\n"},
		{"/metrics", "", nil, 200, "text/plain; version=0.0.4; charset=utf-8", "# HELP x One.\n# TYPE x gauge\nx 1\n"},
		{"/api/v1/status", "", nil, 200, "application/json", "{\n  \"said\": \"\\u003cscript\\u003e\\u001b\"\n}\n"},
		{"/", "", nil, 200, "text/plain; charset=utf-8", "/metrics\n/healthz\n/readyz\n/api/v1/status\n"},
		{"/nothing", "", nil, 404, "text/plain; charset=utf-8", "404 page not found\n"},
		{"/api/v2/status", "", nil, 404, "application/problem+json", `{"title":"Not Found","status":404,"detail":"there is no /api/v2/status","allowed":["/api/v1/status"]}` + "\n"},
		{"/api/v1/status?state=faulted", "", nil, 400, "application/problem+json", `{"title":"Bad Request","status":400,"detail":"unknown parameter state; there are none here"}` + "\n"},
	} {
		note, trouble = c.note, c.trouble
		code, header, body := get(t, address, c.path)
		if c.path == "/metrics" {
			var process bool
			if body, _, process = strings.Cut(body, "# HELP process_"); !process {
				t.Error("nothing of the process in the metrics")
			}
		}
		if code != c.code || body != c.says || header.Get("Content-Type") != c.kind {
			t.Errorf("%s: %d %q %q", c.path, code, header.Get("Content-Type"), body)
		}
		if header.Get("Cache-Control") != "no-store" || header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", c.path, header)
		}
	}
}

// TestHAProxysDefaultCheck sends what "option httpchk" with a path sends, and no method.
func TestHAProxysDefaultCheck(t *testing.T) {
	ill := healthy()
	ill.Healthy = func() (string, error) { return "", errors.New("it stands still") }
	for want, address := range map[string]string{"HTTP/1.0 200 OK": onTCP(t, healthy()), "HTTP/1.0 503 Service Unavailable": onTCP(t, ill)} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if _, err := io.WriteString(c, "OPTIONS "+status.HealthPath+" HTTP/1.0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		reply, err := io.ReadAll(c)
		if line, _, _ := strings.Cut(string(reply), "\r\n"); line != want {
			t.Errorf("%q (%v), want %q", line, err, want)
		}
	}
}

// TestOptionsOfTheIndex: "option httpchk" without a path asks so.
func TestOptionsOfTheIndex(t *testing.T) {
	w := httptest.NewRecorder()
	healthy().Handler().ServeHTTP(w, httptest.NewRequest(http.MethodOptions, "/", http.NoBody))
	if w.Code != http.StatusOK {
		t.Errorf("OPTIONS /: %d", w.Code)
	}
}

// TestSilentClientsBlockNobody has all connections taken by clients that send nothing,
// and some who say too much; whoever comes then is closed and not kept waiting,
// and when they leave there is room again.
func TestSilentClientsBlockNobody(t *testing.T) {
	address := onTCP(t, healthy())
	var idle []net.Conn
	for range 70 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		idle = append(idle, c)
	}
	endsAtOnce(t, idle[69])
	for _, c := range idle {
		c.Close()
	}
	deadline := time.Now().Add(30 * time.Second)
	for {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(deadline)
		fmt.Fprint(c, "GET /readyz HTTP/1.0\r\n\r\n")
		got, _ := io.ReadAll(c)
		c.Close()
		if bytes.Contains(got, []byte("200 OK")) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("there is no room again: %q", got)
		}
	}
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	go func() {
		fmt.Fprint(c, "GET /readyz HTTP/1.1\r\nHost: x\r\n")
		for range 1000 {
			if _, err := fmt.Fprintf(c, "X: %s\r\n", strings.Repeat("x", 1000)); err != nil {
				return
			}
		}
	}()
	if got, _ := io.ReadAll(c); !bytes.Contains(got, []byte("431 ")) && len(got) > 0 {
		t.Errorf("a megabyte of headers: %.100q", got)
	}
}

// endsAtOnce wants the server to close a connection that says nothing, sooner than after the five
// seconds that it gives others.
func endsAtOnce(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(testbed.Patience))
	if took := testbed.MeasureStalls(t).Time(func() { _, _ = c.Read(make([]byte, 1)) }); took > 4*time.Second {
		t.Errorf("one connection too many is kept waiting for %s", took)
	}
}

func TestSocketPermissions(t *testing.T) {
	dir := t.TempDir()
	ln, err := status.Listen(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	stop := serve(t, ln, healthy())
	info, err := os.Stat(filepath.Join(dir, status.SocketName))
	if err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	a, err := status.Get(t.Context(), dir, status.ReadyPath)
	if err != nil || a.Code != 200 || string(a.Body) != "ready\n" {
		t.Errorf("%d %q %v", a.Code, a.Body, err)
	}
	if _, err := status.Listen(t.Context(), dir); !errors.Is(err, status.ErrInUse) {
		t.Errorf("a second one: %v", err)
	}
	stop()
	if _, err := os.Stat(filepath.Join(dir, status.SocketName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it stays: %v", err)
	}
	if _, err := status.Get(t.Context(), dir, status.ReadyPath); !errors.Is(err, status.ErrNotRunning) {
		t.Errorf("asked when nobody is there: %v", err)
	}
}

// TestStaleSocketIsReplaced replaces what a killed process has left, and nothing else.
func TestStaleSocketIsReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, status.SocketName)
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	if _, err := status.Get(t.Context(), dir, status.ReadyPath); !errors.Is(err, status.ErrNotRunning) {
		t.Errorf("a socket that was left: %v", err)
	}
	ln, err := status.Listen(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := status.Listen(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file in the way: %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "precious" {
		t.Errorf("the file: %q, %v", b, err)
	}
	if _, err := status.Listen(t.Context(), filepath.Join(dir, "nowhere")); err == nil {
		t.Error("listens where no folder is")
	}
}

// TestLostSocketIsReplaced opens a new socket where the old one was removed, or its folder
// moved away; at the end it leaves alone what another process has put there.
func TestLostSocketIsReplaced(t *testing.T) {
	root := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	disk := filepath.Join(root, "disk") // a link, so that it can be replaced at once
	mount := func(what string) {
		t.Helper()
		must(os.Symlink(what, disk+"-next"))
		must(os.Rename(disk+"-next", disk))
	}
	must(os.Mkdir(filepath.Join(root, "works"), 0o700))
	must(os.WriteFile(filepath.Join(root, "broken"), nil, 0o600))
	mount("works")
	dir := filepath.Join(disk, "state")
	must(os.Mkdir(dir, 0o700))
	ctx, stop := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	var failed atomic.Int32
	serving.Go(func() {
		status.OpenSocket(ctx, dir).Serve(ctx, healthy().Handler(), func(error) { failed.Add(1) })
	})
	answers := func() bool {
		a, err := status.Get(t.Context(), dir, status.HealthPath)
		return err == nil && a.Code == 200
	}
	testbed.Until(t, "the socket", answers)
	must(os.Remove(filepath.Join(dir, status.SocketName)))
	testbed.Until(t, "a new socket", answers)
	must(os.Rename(dir, dir+"-moved"))
	testbed.Until(t, "a socket in a new folder", answers)
	if n := failed.Load(); n != 0 {
		t.Errorf("failed %d times", n)
	}
	mount("broken")
	testbed.Until(t, "an error", func() bool { return failed.Load() == 1 })
	mount("works")
	testbed.Until(t, "a socket on the disk that works again", answers)
	path := filepath.Join(dir, status.SocketName)
	must(os.Rename(path, path+"-old"))
	must(os.WriteFile(path, nil, 0o600))
	stop()
	serving.Wait()
	if _, err := os.Stat(path); err != nil || failed.Load() > 2 {
		t.Errorf("%v; failed %d times", err, failed.Load())
	}
}

// TestALongPath goes beyond what a socket's address holds.
func TestALongPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	ln, err := status.Listen(t.Context(), dir)
	if err != nil {
		t.Skipf("this system has no way to a long path, and says: %v", err)
	}
	stop := serve(t, ln, healthy())
	if a, err := status.Get(t.Context(), dir, status.HealthPath); err != nil || a.Code != 200 {
		t.Errorf("%d, %v", a.Code, err)
	}
	if info, err := os.Stat(filepath.Join(dir, status.SocketName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	stop()
	if _, err := os.Stat(filepath.Join(dir, status.SocketName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it stays: %v", err)
	}
}

// TestProcessThatDoesNotAnswer is stopped, or hangs: whoever asks gets an error in time.
func TestProcessThatDoesNotAnswer(t *testing.T) {
	dir := t.TempDir()
	ln, err := status.Listen(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := status.Get(ctx, dir, status.HealthPath); err == nil || errors.Is(err, status.ErrNotRunning) {
		t.Errorf("a mute process: %v", err)
	}
}

func TestExposition(t *testing.T) {
	h := metrics.NewHistogram(time.Millisecond, 2500*time.Millisecond)
	for _, d := range []time.Duration{time.Microsecond, time.Second, time.Minute} {
		h.Observe(d)
	}
	var m metrics.Writer
	m.Counter("a_total", "Back\\slash and\nbreak.").Value(3, "cause", "say \"hi\"\\\n", "b", "bad \xff").Value(math.MaxUint32, "cause", "x")
	m.Gauge("at_seconds", "A moment.").Time(time.UnixMicro(1795507365_864184)).Time(time.Time{}, "never", "1")
	m.Histogram("took_seconds", "Durations.", h.Read())
	want := `# HELP a_total Back\\slash and\nbreak.
# TYPE a_total counter
a_total{cause="say \"hi\"\\\n",b="bad �"} 3
a_total{cause="x"} 4294967295
# HELP at_seconds A moment.
# TYPE at_seconds gauge
at_seconds 1795507365.864184
# HELP took_seconds Durations.
# TYPE took_seconds histogram
took_seconds_bucket{le="0.001"} 1
took_seconds_bucket{le="2.5"} 2
took_seconds_bucket{le="+Inf"} 3
took_seconds_sum 61.000001
took_seconds_count 3
`
	if got := string(m.Text()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// FuzzRequest lets no bytes of a stranger break the server or come back as they
// were.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "GET /api/v1/status HTTP/1.0\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nx", "GET /%0d%0aSet-Cookie:a HTTP/1.1\r\nHost: x\r\n\r\n",
		"EV_CP_M CP_001 registration request", "GET /<script> HTTP/1.1\r\nHost: <script>\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- status.Serve(ctx, ln, healthy().Handler()) }()
	f.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, request []byte) {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		_, _ = c.Write(request)
		_ = c.(*net.TCPConn).CloseWrite()
		got, _ := io.ReadAll(c)
		if bytes.Contains(got, []byte("<script>")) || bytes.ContainsAny(got, "\x1b\x00") {
			t.Errorf("%q came back: %q", request, got)
		}
	})
}
