package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"evcp/internal/testbed"
)

// TestBehaviourByHTTP sets the behaviour of a running Engine, which ends its script.
func TestBehaviourByHTTP(t *testing.T) {
	p := start(t, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--script", "ok 300ms, mute") // any free ports, which it says
	_, httpAddress, _ := strings.Cut(p.Stderr.Line(`msg="takes orders"`), "address=")
	if got := send(t, http.MethodPut, httpAddress, "ko"); !strings.HasPrefix(got, `{"behaviour":"ko"`) {
		t.Errorf("PUT: %s", got)
	}
	if got := check(t, listenAddress(p)); got != "KO" {
		t.Errorf("replied %q", got)
	}
	if got := send(t, http.MethodPut, httpAddress, "dance"); !strings.Contains(got, `"detail":"no such behaviour; choose ok`) {
		t.Errorf("PUT: %s", got)
	}
	if got := send(t, http.MethodGet, httpAddress, ""); !strings.HasPrefix(got, `{"behaviour":"ko"`) {
		t.Errorf("GET: %s", got)
	}
	p.Signal(syscall.SIGTERM)
	p.Stderr.Line("stopped after")
	if code := p.Wait(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if strings.Contains(p.Stderr.String(), "behaviour=mute") {
		t.Errorf("the script went on:\n%s", p.Stderr.String())
	}
}

func send(t *testing.T, method, address, body string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+"/api/v1/behaviour", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func TestHTTPPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, stderr, code := output(t, "--listen", testbed.FreeAddr(t), "--http", l.Addr().String())
	if code != 1 || !strings.Contains(stderr, "choose another port with --http") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
