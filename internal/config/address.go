package config

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// Host takes a name or an IP address. Brackets around IPv6 are taken off.
func Host(to *string) func(string) error {
	return func(s string) error {
		host, ok := parseHost(s)
		if !ok {
			return errors.New(reasonHost)
		}
		*to = host
		return nil
	}
}

// HostPort takes HOST:PORT, [IPv6]:PORT or :PORT (every address of this machine);
// "" means off.
func HostPort(to *string) func(string) error {
	return func(s string) error {
		address, ok := parseHostPort(s, "")
		if !ok && s != "" {
			return errors.New(reasonHostPort)
		}
		*to = address
		return nil
	}
}

// HostPortList takes HOST:PORT,HOST:PORT. An empty list is "", or the word none: the
// environment can't say nothing, since an empty variable counts as unset. An entry
// without port gets defaultPort.
func HostPortList(to *[]string, defaultPort uint16) func(string) error {
	return func(s string) error {
		if s == "" || s == "none" {
			*to = nil
			return nil
		}
		var all []string
		for entry := range strings.SplitSeq(s, ",") {
			address, ok := parseHostPort(strings.TrimSpace(entry), strconv.Itoa(int(defaultPort)))
			if !ok || address[0] == ':' {
				return errors.New(reasonHostPort)
			}
			all = append(all, address)
		}
		*to = all
		return nil
	}
}

// maxHost is DNS's own limit.
const maxHost = 253

func parseHost(s string) (string, bool) {
	if inner, ok := strings.CutPrefix(s, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		return inner, ok && isIPv6(inner)
	}
	if strings.ContainsRune(s, ':') {
		return s, isIPv6(s)
	}
	return s, s != "" && len(s) <= maxHost && !strings.ContainsFunc(s, notInHost)
}

// notInHost allows _ beside what DNS does: container names have it.
func notInHost(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '-' || r == '_')
}

// parseHostPort writes an address as net.Dial takes it. An empty host stays
// empty; an empty defaultPort means that the port must be there.
func parseHostPort(s, defaultPort string) (string, bool) {
	host, port := s, defaultPort
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") && !isIPv6(s) {
		host, port = s[:i], s[i+1:]
	}
	var n uint16
	if Port(&n)(port) != nil {
		return "", false
	}
	if host == "" {
		return ":" + port, s != ""
	}
	host, ok := parseHost(host)
	if strings.ContainsRune(host, ':') {
		host = "[" + host + "]"
	}
	return host + ":" + port, ok
}

// isIPv6 holds the zone to a host's letters, because netip takes anything there.
func isIPv6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6() && !strings.ContainsFunc(a.Zone(), notInHost)
}
