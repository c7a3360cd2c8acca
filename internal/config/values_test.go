package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"evcp"
	"evcp/internal/config"
)

// kind is one way to parse, and a look at what was parsed.
type kind struct {
	set  func(string) error
	show func() any
}

func kinds() map[string]kind {
	var (
		port uint16
		id   evcp.CPID
		d, e time.Duration
		n    int
		size int64
		list []string
		on   bool
	)
	host, address, word, text, topic := new(string), new(string), new(string), new(string), new(string)
	return map[string]kind{
		"port":     {config.Port(&port), func() any { return port }},
		"host":     {config.Host(host), func() any { return *host }},
		"address":  {config.ListenOrOff(address), func() any { return *address }},
		"list":     {config.HostPortList(&list, 9092), func() any { return list }},
		"id":       {config.CPID(&id), func() any { return id }},
		"duration": {config.Duration(&d, time.Millisecond), func() any { return d }},
		"never":    {config.Duration(&e, 0), func() any { return e }},
		"count":    {config.Count(&n), func() any { return n }},
		"size":     {config.ByteSize(&size, 1<<20), func() any { return size }},
		"choice":   {config.Choice(word, "a", "b"), func() any { return *word }},
		"topic":    {config.Topic(topic), func() any { return *topic }},
		"text":     {config.Text(text), func() any { return *text }},
		"switch":   {config.Switch(&on), func() any { return on }},
	}
}

func TestGoodValues(t *testing.T) {
	all := kinds()
	for _, c := range []struct{ kind, text, want string }{
		{"port", "1", "1"}, {"port", "65535", "65535"}, {"port", "080", "80"},
		{"host", "localhost", "localhost"}, {"host", "kafka_1.site-2", "kafka_1.site-2"}, {"host", "::1", "::1"},
		{"host", "[fe80::1%eth0]", "fe80::1%eth0"}, {"host", "192.168.1.235", "192.168.1.235"},
		{"host", "10.0.0.1.nip.io", "10.0.0.1.nip.io"}, {"host", "1e100.net", "1e100.net"}, {"host", "0xcp", "0xcp"}, {"host", "cp-1", "cp-1"},
		{"address", "", ""}, {"address", ":5000", ":5000"}, {"address", "a:1", "a:1"}, {"address", "127.0.0.1:0", "127.0.0.1:0"}, {"address", ":0", ":0"}, {"address", "[::1]:80", "[::1]:80"},
		{"list", "", "[]"}, {"list", "none", "[]"}, {"list", "none:1", "[none:1]"}, {"list", "a", "[a:9092]"}, {"list", "a:1, b", "[a:1 b:9092]"}, {"list", "::1,[::1]:7", "[[::1]:9092 [::1]:7]"},
		{"id", "CP_001", "CP_001"}, {"id", strings.Repeat("x", 64), strings.Repeat("x", 64)},
		{"duration", "1m30s", "1m30s"}, {"never", "0", "0s"}, {"count", "12", "12"},
		{"size", "1MiB", "1048576"}, {"size", "2 MB", "2000000"}, {"size", "1048576B", "1048576"}, {"size", "7TiB", "7696581394432"},
		{"choice", "b", "b"}, {"text", "señal 1", "señal 1"}, {"topic", "monitor-events.1_", "monitor-events.1_"}, {"topic", strings.Repeat("x", 249), strings.Repeat("x", 249)}, {"id", "...", "..."}, {"switch", "YES", "true"}, {"switch", "0", "false"},
	} {
		k := all[c.kind]
		if err := k.set(c.text); err != nil {
			t.Errorf("%s %q: %v", c.kind, c.text, err)
		} else if got := fmt.Sprint(k.show()); got != c.want {
			t.Errorf("%s %q: %s, want %s", c.kind, c.text, got, c.want)
		}
	}
}

func TestBadValues(t *testing.T) {
	all := kinds()
	for kind, texts := range map[string][]string{
		"port":     {"", "0", "65536", "-1", "+1", "5e3", " 5000", "0x10", "50o1"},
		"host":     {"", "a:5000", "http://a", "a b", "a/b", "ñ", "[::1", "[a]", "1.2.3.4:5", "::1%\x1b", "fe80::1", "[fe80::1]", "febf::1", "192.168.001.010", "192.168.1", "192.168.1.256", "10", "0x7f.1", "0x7f000001", "1.2.3.4.", "1.2.3.4.5", "1.2.3.", "3232235786", "99999999999999999999", strings.Repeat("a", 254)},
		"address":  {"a", "a:", ":", "a:65536", "::1", "http://a:80", "[::1]"},
		"list":     {",", "a:0", "a:1,", "10.0.0.01", "a,192.168.1:9092", ":9092", "a:b", "a b:1", "PLAINTEXT://a:1"},
		"id":       {"", "CP 1", "CP/1", strings.Repeat("x", 65), "ñ", ".", ".."},
		"topic":    {"", "a b", "ñ", "a/b", ".", "..", strings.Repeat("x", 250)},
		"duration": {"", "5", "-1s", "0", "1us", "1 s", "5sec", "9999999999999h", "1000h1ms"},
		"never":    {"-1s", "x"},
		"count":    {"", "0", "-1", "1.5", "1000001", "99999999999999999999"},
		"size":     {"", "1", "64", "1KiB", "-1MiB", "1.5GiB", "9999999999TiB", "MiB", "64mib"},
		"choice":   {"", "A", "c"},
		"text":     {"", "a\nb", "\xff", "\u202e", strings.Repeat("x", 256)},
		"switch":   {"", "2", "ja"},
	} {
		for _, text := range texts {
			k := all[kind]
			before := fmt.Sprint(k.show())
			if err := k.set(text); err == nil {
				t.Errorf("%s took %q as %v", kind, text, k.show())
			}
			if got := fmt.Sprint(k.show()); got != before {
				t.Errorf("%s %q was refused and yet set %s", kind, text, got)
			}
		}
	}
}
