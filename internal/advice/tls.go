package advice

import (
	"cmp"
	"strings"

	"evcp"
)

// TLSRow is what one failure of TLS means and what to do about it, in English, with {remote},
// and {name} and {port} for the names of its settings. Begins is how the text begins that
// says what is wrong; internal/link and internal/wire make those texts. Without a Meaning it
// is that of the cause TLS.
type TLSRow struct{ Begins, Meaning, Do string }

// TLSRows are the failures of TLS that have a row of their own.
var TLSRows = []TLSRow{
	{"certificate expired on ", "", "Renew the certificate of {remote}; nothing else need be wrong."},
	{"certificate is not valid before ", "", "Compare the clocks of both machines; if they are right, issue the certificate of {remote} anew."},
	{"certificate is not for ", "", "If that is the right machine, give one of its names: --{name}-server-name; else correct the address."},
	{"certificate is of an authority ", "", "Trust that authority with --{name}-ca, or correct the certificate of {remote}."},
	{"answers without TLS", "This Monitor speaks TLS, and what answers on this port does not.",
		"Correct {port}, leave --{name}-tls out, or switch TLS on there."},
	{"answers by TLS", "What answers on this port speaks TLS, and this Monitor does not.",
		"Switch it on here, too: --{name}-tls; or correct {port}."},
}

// settings are what the settings of a remote are called: the first part, and the port's.
var settings = [...]struct{ name, port string }{
	Engine: {"engine", "--engine-port"}, Central: {"central", "--central-port"}, Kafka: {"kafka", "--kafka-brokers"},
}

// tls is a with the row for a failure of TLS, if it has one.
func (a Advice) tls(reply string) Advice {
	if a.cause != evcp.TLS {
		return a
	}
	for _, r := range TLSRows {
		if strings.HasPrefix(reply, r.Begins) {
			s := settings[a.remote]
			a.Meaning, a.Do = cmp.Or(a.said.Text(r.Meaning), a.Meaning), a.said.Text(r.Do)
			return a.replaced("{remote}", a.said.Text(remotes[a.remote]), "{name}", s.name, "{port}", s.port)
		}
	}
	return a
}
