//go:build !linux

package link

import (
	"context"
	"net/netip"
	"syscall"
)

// control does nothing on systems without TCP_USER_TIMEOUT, where an errno of connect(2) may
// also come at once because of an earlier ICMP or ARP message: BSD remembers these in its
// routes. There every such errno counts as evcp.Unreachable.
func control(netip.AddrPort) func(context.Context, string, string, syscall.RawConn) error {
	return nil
}

// routeError knows nothing here.
func routeError(netip.AddrPort) error { return nil }
