package status

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// guardLoopback guards the handler of a server that listens on this machine only. Other
// machines can't connect to it, but a page of theirs in a browser here can: its own name
// then leads to 127.0.0.1 (DNS rebinding), and the browser takes our answers for the
// page's. Only the name in the Host header tells. ln decides what kind of server it is.
func guardLoopback(ln net.Listener, next http.Handler) http.Handler {
	if a, ok := ln.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLocalName(r.Host) {
			const why = "this address is for this machine only, so it is asked for as localhost or as an IP address; " +
				"a proxy in front of it sends Host: localhost"
			w.Header().Set("X-Content-Type-Options", "nosniff")
			WriteError(w, http.StatusMisdirectedRequest, why, "localhost", "127.0.0.1")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLocalName reports whether no foreign name server can have led to us under this host,
// with or without a port: an IP address is not looked up, a name without a dot belongs to
// this machine or its network, and localhost is reserved. HTTP/1.0 names no host.
func isLocalName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost")
}
