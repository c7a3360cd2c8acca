package link_test

import (
	"fmt"
	"net/netip"
	"testing"

	"evcp/internal/link"
)

// TestRouteChecker: what was asked before has no part in an answer.
func TestRouteChecker(t *testing.T) {
	var kept link.RouteChecker
	defer kept.Close()
	for range 2 {
		for _, text := range []string{"127.0.0.1:9", "192.0.2.1:9", "127.0.0.2:9", "[2001:db8::1]:9", "[::1]:9", "255.255.255.255:9"} {
			to := netip.MustParseAddrPort(text)
			var once link.RouteChecker
			want := fmt.Sprint(once.Error(to))
			once.Close()
			if got := fmt.Sprint(kept.Error(to)); got != want {
				t.Errorf("%s: %s, want %s", to, got, want)
			}
		}
	}
}
