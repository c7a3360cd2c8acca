package config

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"

	"evcp/internal/language"
)

// ListenOrOff takes an address to listen on: HOST:PORT, [IPv6]:PORT or :PORT (every
// address of this machine); "" means off. Port 0 is any that is free: the program says
// which it got.
func ListenOrOff(to *string) func(string) error {
	return func(s string) error {
		address, why := parseHostPort(s, "", parseListenPort)
		if s != "" && why != nil {
			return why
		}
		*to = address
		return nil
	}
}

// ListenAddress is ListenOrOff for an address that can't be off.
func ListenAddress(to *string) func(string) error {
	return func(s string) error {
		if s == "" {
			return language.New(reasonListen)
		}
		return ListenOrOff(to)(s)
	}
}

// ListenOrNone is ListenAddress, and off for the word none.
func ListenOrNone(to *string) func(string) error {
	return func(s string) error {
		if s == "none" {
			*to = ""
			return nil
		}
		return ListenAddress(to)(s)
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
			address, why := parsePeer(strings.TrimSpace(entry), strconv.Itoa(int(defaultPort)))
			if why != nil {
				return why
			}
			all = append(all, address)
		}
		*to = all
		return nil
	}
}

// HostPort takes HOST:PORT, an address to connect to.
func HostPort(to *string) func(string) error {
	return func(s string) error {
		address, why := parsePeer(s, "")
		if why == nil {
			*to = address
		}
		return why
	}
}

// parsePeer is parseHostPort for an address to connect to, which needs a host.
func parsePeer(s, defaultPort string) (address string, why error) {
	address, why = parseHostPort(s, defaultPort, parsePort)
	if strings.HasPrefix(address, ":") {
		why = errHostPort
	}
	return address, why
}

// Host takes a name or an IP address. Brackets around IPv6 are taken off.
func Host(to *string) func(string) error {
	return func(s string) error {
		host, why := parseHost(s)
		if why != nil {
			return why
		}
		*to = host
		return nil
	}
}

// maxHost is DNS's own limit.
const maxHost = 253

// Reasons that a caller tells apart.
var (
	errHost     = language.New(reasonHost)
	errHostPort = language.New(reasonHostPort)
)

// parseHost returns why s is no host, nil if it is one.
func parseHost(s string) (host string, why error) {
	inner, bracket := strings.CutPrefix(s, "[")
	if bracket || strings.ContainsRune(s, ':') {
		if bracket {
			inner, bracket = strings.CutSuffix(inner, "]")
			s = inner
			if !bracket {
				return "", errHost
			}
		}
		if !isIPv6(s) {
			return "", errHost
		}
		return s, whyNoZone(s)
	}
	if s == "" || len(s) > maxHost || strings.ContainsFunc(s, notInHost) {
		return "", errHost
	}
	return s, whyNotIPv4(s)
}

// whyNoZone refuses a link-local IPv6 address without its interface: each interface has a
// network of these, so the kernel has nowhere to send to.
func whyNoZone(s string) error {
	if ip, err := netip.ParseAddr(s); err == nil && ip.IsLinkLocalUnicast() && ip.Zone() == "" {
		return language.Errorf(reasonZone, ip)
	}
	return nil
}

// whyNotIPv4 refuses a name that was meant as an IPv4 address, nil for any other. Its last
// part is a number, as no top-level domain is, and so resolvers disagree about it:
// some look it up as a name, some read 010 as 8 and 10.1 as 10.0.0.1, as inet_aton does.
func whyNotIPv4(s string) error {
	parts := strings.Split(strings.TrimSuffix(s, "."), ".")
	if !isNumber(parts[len(parts)-1]) {
		return nil
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return nil
	}
	for i, part := range parts {
		part = strings.TrimLeft(part, "0")
		if part == "" {
			part = "0"
		}
		parts[i] = part
	}
	if meant, err := netip.ParseAddr(strings.Join(parts, ".")); err == nil && !strings.HasSuffix(s, ".") {
		return language.Errorf(reasonMeantIPv4, meant)
	}
	return language.New(reasonIPv4)
}

// isNumber reports whether inet_aton would read s as a number: decimal, or hexadecimal
// behind 0x.
func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 64)
	if err != nil && len(s) > 2 && strings.EqualFold(s[:2], "0x") {
		_, err = strconv.ParseUint(s[2:], 16, 64)
	}
	return err == nil || errors.Is(err, strconv.ErrRange)
}

// notInHost allows _ beside what DNS does: container names have it.
func notInHost(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.' || r == '-' || r == '_')
}

// parseHostPort writes an address as net.Dial takes it, or returns why it can't. An empty
// host stays empty; an empty defaultPort means that the port must be there.
func parseHostPort(s, defaultPort string, parsePort func(string) (uint16, bool)) (address string, why error) {
	host, port := s, defaultPort
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") && !isIPv6(s) {
		host, port = s[:i], s[i+1:]
	}
	if _, ok := parsePort(port); !ok || s == "" {
		if _, zeroToo := parsePort("0"); zeroToo {
			return "", language.New(reasonListenHostPort)
		}
		return "", errHostPort
	}
	if host == "" {
		return ":" + port, nil
	}
	host, why = parseHost(host)
	switch {
	case errors.Is(why, errHost):
		return "", errHostPort
	case why != nil:
		return "", why
	}
	if strings.ContainsRune(host, ':') {
		host = "[" + host + "]"
	}
	return host + ":" + port, nil
}

// isIPv6 holds the zone to a host's letters, because netip takes anything there.
func isIPv6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6() && !strings.ContainsFunc(a.Zone(), notInHost)
}
