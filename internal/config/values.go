package config

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"evcp"
)

// The functions of this file make a Setting's Set for one kind of value. The
// error of each is a reason: what a good value is, not what was wrong with this one.

// parsed makes a Set of a parser that has one reason to refuse a text.
func parsed[T any](to *T, reason string, parse func(string) (T, bool)) func(string) error {
	return func(s string) error {
		v, ok := parse(s)
		if !ok {
			return errors.New(reason)
		}
		*to = v
		return nil
	}
}

// Port takes a TCP port to connect to, 1 to 65535.
func Port(to *uint16) func(string) error { return parsed(to, reasonPort, parsePort) }

// ListenPort takes a TCP port to listen on, 0 to 65535; 0 is any that is free.
func ListenPort(to *uint16) func(string) error { return parsed(to, reasonListenPort, parseListenPort) }

func parsePort(s string) (uint16, bool) {
	n, ok := parseListenPort(s)
	return n, ok && n > 0
}

func parseListenPort(s string) (uint16, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil
}

// CPID takes a charge point's id. Each has a folder of this name, so it can't be
// the folder itself or the one above.
func CPID(to *evcp.CPID) func(string) error {
	return func(s string) error {
		id, err := evcp.ParseCPID(s)
		switch {
		case err != nil:
			return errors.New(reasonCPID)
		case isDots(s):
			return errors.New(reasonDots)
		}
		*to = id
		return nil
	}
}

func isDots(s string) bool { return s == "." || s == ".." }

// maxTopic is Kafka's own bound.
const maxTopic = 249

// Topic takes the name of a Kafka topic.
func Topic(to *string) func(string) error {
	return parsed(to, reasonTopic, func(s string) (string, bool) {
		return s, s != "" && len(s) <= maxTopic && !isDots(s) && !strings.ContainsFunc(s, notInHost)
	})
}

// maxDuration is far beyond any use, and sums of a few stay far below overflow.
const maxDuration = 1000 * time.Hour

// Duration takes a duration with its unit, at least least; least 0 allows "0",
// which all settings read as never.
func Duration(to *time.Duration, least time.Duration) func(string) error {
	return func(s string) error {
		d, err := time.ParseDuration(s)
		switch {
		case err != nil:
			return errors.New(reasonDuration)
		case d > maxDuration:
			return fmt.Errorf(reasonMost, maxDuration/time.Hour)
		case d < least:
			return fmt.Errorf(reasonLeast, least)
		}
		*to = d
		return nil
	}
}

// maxCount is far beyond any use and far below overflow.
const maxCount = 1_000_000

// Count takes a whole number from 1.
func Count[N int | uint32](to *N) func(string) error {
	return parsed(to, reasonCount, func(s string) (N, bool) {
		n, err := strconv.Atoi(s)
		return N(n), err == nil && n >= 1 && n <= maxCount
	})
}

// Choice takes one of the words, as written.
func Choice[T ~string](to *T, words ...T) func(string) error {
	return parsed(to, fmt.Sprintf(reasonChoice, listed(words, wordOr)), func(s string) (T, bool) {
		return T(s), slices.Contains(words, T(s))
	})
}

// listed words a list as a sentence does: "a, b or c".
func listed[T ~string](words []T, last string) string {
	text := string(words[0])
	if len(words) == 1 {
		return text
	}
	for _, w := range words[1 : len(words)-1] {
		text += ", " + string(w)
	}
	return text + last + string(words[len(words)-1])
}

// maxText keeps a name shorter than what a file system or Kafka takes.
const maxText = 255

// Text takes one line of printable characters, not empty.
func Text(to *string) func(string) error {
	return parsed(to, reasonText, func(s string) (string, bool) {
		return s, s != "" && len(s) <= maxText && utf8.ValidString(s) && !strings.ContainsFunc(s, notPrintable)
	})
}

func notPrintable(r rune) bool { return !unicode.IsPrint(r) }

// Switch takes true or false, also as yes/no, on/off, 1/0.
func Switch(to *bool) func(string) error {
	return parsed(to, reasonSwitch, func(s string) (on, ok bool) {
		s = strings.ToLower(s)
		on = slices.Contains([]string{"true", "yes", "on", "1"}, s)
		return on, on || slices.Contains([]string{"false", "no", "off", "0"}, s)
	})
}

// ListenOrOff takes an address to listen on: HOST:PORT, [IPv6]:PORT or :PORT (every
// address of this machine); "" means off. Port 0 is any that is free: the program says
// which it got.
func ListenOrOff(to *string) func(string) error {
	return func(s string) error {
		address, why := parseHostPort(s, "", parseListenPort)
		if s != "" && why != "" {
			return errors.New(why)
		}
		*to = address
		return nil
	}
}

// ListenAddress is ListenOrOff for an address that can't be off.
func ListenAddress(to *string) func(string) error {
	return func(s string) error {
		if s == "" {
			return errors.New(reasonListen)
		}
		return ListenOrOff(to)(s)
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
			address, why := parseHostPort(strings.TrimSpace(entry), strconv.Itoa(int(defaultPort)), parsePort)
			if strings.HasPrefix(address, ":") {
				why = reasonHostPort
			}
			if why != "" {
				return errors.New(why)
			}
			all = append(all, address)
		}
		*to = all
		return nil
	}
}

// Host takes a name or an IP address. Brackets around IPv6 are taken off.
func Host(to *string) func(string) error {
	return func(s string) error {
		host, why := parseHost(s)
		if why != "" {
			return errors.New(why)
		}
		*to = host
		return nil
	}
}

// maxHost is DNS's own limit.
const maxHost = 253

// parseHost returns why s is no host, "" if it is one.
func parseHost(s string) (host, why string) {
	inner, bracket := strings.CutPrefix(s, "[")
	if bracket || strings.ContainsRune(s, ':') {
		if bracket {
			inner, bracket = strings.CutSuffix(inner, "]")
			s = inner
			if !bracket {
				return "", reasonHost
			}
		}
		if !isIPv6(s) {
			return "", reasonHost
		}
		return s, whyNoZone(s)
	}
	if s == "" || len(s) > maxHost || strings.ContainsFunc(s, notInHost) {
		return "", reasonHost
	}
	return s, whyNotIPv4(s)
}

// whyNoZone refuses a link-local IPv6 address without its interface: each interface has a
// network of these, so the kernel has nowhere to send to.
func whyNoZone(s string) string {
	if ip, err := netip.ParseAddr(s); err == nil && ip.IsLinkLocalUnicast() && ip.Zone() == "" {
		return fmt.Sprintf(reasonZone, ip)
	}
	return ""
}

// whyNotIPv4 refuses a name that was meant as an IPv4 address, "" for any other. Its last
// part is a number, as no top-level domain is, and so resolvers disagree about it:
// some look it up as a name, some read 010 as 8 and 10.1 as 10.0.0.1, as inet_aton does.
func whyNotIPv4(s string) string {
	parts := strings.Split(strings.TrimSuffix(s, "."), ".")
	if !isNumber(parts[len(parts)-1]) {
		return ""
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return ""
	}
	for i, part := range parts {
		part = strings.TrimLeft(part, "0")
		if part == "" {
			part = "0"
		}
		parts[i] = part
	}
	if meant, err := netip.ParseAddr(strings.Join(parts, ".")); err == nil && !strings.HasSuffix(s, ".") {
		return fmt.Sprintf(reasonMeantIPv4, meant)
	}
	return reasonIPv4
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
func parseHostPort(s, defaultPort string, parsePort func(string) (uint16, bool)) (address, why string) {
	host, port := s, defaultPort
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") && !isIPv6(s) {
		host, port = s[:i], s[i+1:]
	}
	if _, ok := parsePort(port); !ok || s == "" {
		if _, zeroToo := parsePort("0"); zeroToo {
			return "", reasonListenHostPort
		}
		return "", reasonHostPort
	}
	if host == "" {
		return ":" + port, ""
	}
	host, why = parseHost(host)
	switch {
	case why == reasonHost:
		return "", reasonHostPort
	case why != "":
		return "", why
	}
	if strings.ContainsRune(host, ':') {
		host = "[" + host + "]"
	}
	return host + ":" + port, ""
}

// isIPv6 holds the zone to a host's letters, because netip takes anything there.
func isIPv6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6() && !strings.ContainsFunc(a.Zone(), notInHost)
}

// sizeUnits are tried in this order, so the longer names come first.
var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// ByteSize takes a size with its unit ("64MiB"), in bytes, at least least.
func ByteSize(to *int64, least int64) func(string) error {
	return func(s string) error {
		n, ok := parseSize(s)
		switch {
		case !ok:
			return errors.New(reasonSize)
		case n < least:
			return fmt.Errorf(reasonLeast, sizeText(least))
		}
		*to = n
		return nil
	}
}

// parseSize reads a whole number and a unit. Without a unit only 0 is clear.
func parseSize(s string) (int64, bool) {
	if s == "0" {
		return 0, true
	}
	for _, u := range sizeUnits {
		if number, ok := strings.CutSuffix(s, u.name); ok {
			n, err := strconv.ParseUint(strings.TrimRight(number, " "), 10, 63)
			return int64(n) * u.bytes, err == nil && int64(n) <= math.MaxInt64/u.bytes
		}
	}
	return 0, false
}

// sizeText writes n in the largest binary unit that divides it.
func sizeText(n int64) string {
	for i := 3; i >= 0; i-- {
		if u := sizeUnits[i]; n >= u.bytes && n%u.bytes == 0 {
			return fmt.Sprintf("%d%s", n/u.bytes, u.name)
		}
	}
	return fmt.Sprintf("%dB", n)
}
