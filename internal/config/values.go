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
	"evcp/internal/language"
)

// The functions of this file make a Setting's Set for one kind of value. The
// error of each is a reason: what a good value is, not what was wrong with this one.

// parsed makes a Set of a parser that has one reason to refuse a text.
func parsed[T any](to *T, reason error, parse func(string) (T, bool)) func(string) error {
	return func(s string) error {
		v, ok := parse(s)
		if !ok {
			return reason
		}
		*to = v
		return nil
	}
}

// Port takes a TCP port to connect to, 1 to 65535.
func Port(to *uint16) func(string) error { return parsed(to, language.New(reasonPort), parsePort) }

// ListenPort takes a TCP port to listen on, 0 to 65535; 0 is any that is free.
func ListenPort(to *uint16) func(string) error {
	return parsed(to, language.New(reasonListenPort), parseListenPort)
}

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
			return language.New(reasonCPID)
		case isDots(s):
			return language.New(reasonDots)
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
	return parsed(to, language.New(reasonTopic), func(s string) (string, bool) {
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
			return language.New(reasonDuration)
		case d > maxDuration:
			return language.Errorf(reasonMost, maxDuration/time.Hour)
		case d < least:
			return language.Errorf(reasonLeast, least)
		}
		*to = d
		return nil
	}
}

// maxCount is far beyond any use and far below overflow.
const maxCount = 1_000_000

// Count takes a whole number from 1.
func Count[N int | uint32](to *N) func(string) error {
	return parsed(to, language.New(reasonCount), func(s string) (N, bool) {
		n, err := strconv.Atoi(s)
		return N(n), err == nil && n >= 1 && n <= maxCount
	})
}

// Choice takes one of the words, as written.
func Choice[T ~string](to *T, words ...T) func(string) error {
	return parsed(to, language.Errorf(reasonChoice, alternatives(words, wordOr)), func(s string) (T, bool) {
		return T(s), slices.Contains(words, T(s))
	})
}

// wordList is a list within a sentence: "a, b or c".
type wordList struct {
	words []string
	last  string // stands before the last word
}

func alternatives[T ~string](words []T, last string) wordList {
	list := wordList{last: last}
	for _, w := range words {
		list.words = append(list.words, string(w))
	}
	return list
}

func (w wordList) String() string { return w.In(language.English) }

// In implements language.Translatable.
func (w wordList) In(l language.Language) string {
	n := len(w.words) - 1
	if n == 0 {
		return w.words[0]
	}
	return strings.Join(w.words[:n], ", ") + l.Text(w.last) + w.words[n]
}

// maxText keeps a name shorter than what a file system or Kafka takes.
const maxText = 255

// Text takes one line of printable characters, not empty.
func Text(to *string) func(string) error {
	return parsed(to, language.New(reasonText), func(s string) (string, bool) {
		return s, s != "" && len(s) <= maxText && utf8.ValidString(s) && !strings.ContainsFunc(s, notPrintable)
	})
}

func notPrintable(r rune) bool { return !unicode.IsPrint(r) }

// Switch takes true or false, also as yes/no, on/off, 1/0.
func Switch(to *bool) func(string) error {
	return parsed(to, language.New(reasonSwitch), func(s string) (on, ok bool) {
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
			address, why := parseHostPort(strings.TrimSpace(entry), strconv.Itoa(int(defaultPort)), parsePort)
			if strings.HasPrefix(address, ":") {
				why = errHostPort
			}
			if why != nil {
				return why
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
			return language.New(reasonSize)
		case n < least:
			return language.Errorf(reasonLeast, sizeText(least))
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
