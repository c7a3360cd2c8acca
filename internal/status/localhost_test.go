package status_test

import (
	"net"
	"net/http"
	"strconv"
	"testing"
)

// TestOtherSitesNamesAreRefused asks a server on loopback as a browser does whose page has
// let its own name lead to 127.0.0.1, and as people, proxies and health checks do.
func TestOtherSitesNamesAreRefused(t *testing.T) {
	for _, tc := range []struct {
		listen string
		host   string
		want   int
	}{
		{"127.0.0.1:0", "evil.example", 421},
		{"127.0.0.1:0", "evil.example:8080", 421},
		{"127.0.0.1:0", "EVIL.EXAMPLE.", 421},
		{"127.0.0.1:0", "localhost.evil.example", 421},
		{"127.0.0.1:0", "127.0.0.1.evil.example", 421},
		{"127.0.0.1:0", "evil.example:localhost", 421},
		{"[::1]:0", "evil.example", 421},
		{"127.0.0.1:0", "localhost:8080", 200},
		{"127.0.0.1:0", "LOCALHOST", 200},
		{"127.0.0.1:0", "localhost.", 200},
		{"127.0.0.1:0", "central.localhost:8080", 200},
		{"127.0.0.1:0", "central", 200}, // no public name has no dot
		{"127.0.0.1:0", "127.0.0.1:8080", 200},
		{"127.0.0.1:0", "[::1]:8080", 200},
		{"127.0.0.1:0", "[::1]", 200},
		{"127.0.0.1:0", "192.168.1.9", 200}, // a forwarded port
		{"0.0.0.0:0", "central.example", 200},
	} {
		ln, err := net.Listen("tcp", tc.listen)
		if err != nil {
			t.Logf("skipped: %v", err)
			continue
		}
		stop := serve(t, ln, healthy())
		port := ln.Addr().(*net.TCPAddr).AddrPort().Port()
		to := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port)))
		if ln.Addr().(*net.TCPAddr).IP.To4() == nil && tc.listen != "0.0.0.0:0" {
			to = net.JoinHostPort("::1", strconv.Itoa(int(port)))
		}
		for _, path := range []string{"/healthz", "/metrics", "/api/v1/status"} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+to+path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = tc.host
			got, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			got.Body.Close()
			if got.StatusCode != tc.want {
				t.Errorf("on %s as %s: %s is answered with %d, want %d", tc.listen, tc.host, path, got.StatusCode, tc.want)
			}
		}
		stop()
	}
}
