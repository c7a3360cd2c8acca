// Package advice is the table of everything that can go wrong with the Engine, Central or
// Kafka: what happened, what it means and what to do first. The log, --test, the page and
// the docs read it, so that they never disagree.
//
// It decides: a cause goes in, sentences come out. Causes are the same for all three.
// What SaidKO and Protocol mean depends on who replied: Central refuses a registration and
// Kafka a record; a web server on Central's port replies, but not as EV_Central.
//
// "Says KO" and "no answer" never stand in one advice: the first sends a person to
// the charger, the second to a program or a network.
package advice

import (
	"cmp"
	"strings"
	"time"

	"evcp"
	"evcp/internal/language"
)

// Remote is a program that the Monitor is connected to.
type Remote uint8

// The remotes.
const (
	Engine Remote = iota
	Central
	Kafka
)

var remotes = [...]string{Engine: "the Engine", Central: "Central", Kafka: "Kafka"}

// Advice is one row. Its texts are sentences without a line break; who prints them
// wraps them. Before With they may contain {timeout}, {reply}, {cp}, {topic}, {broker} and
// {answering}.
type Advice struct {
	Phrase  string // what happened, for a log line: "connection refused"
	Meaning string // one or two sentences; "" when all is well
	Do      string // the first step, with the flag it takes; "" when all is well

	inFleet string // Do, where a file of many names the Engine; "" if it is the same
	said    language.Language
	remote  Remote
	cause   evcp.Cause
}

// row is an Advice in the table, in English.
type row struct{ Phrase, Meaning, Do string }

// inFleet is what to do first where the Engine stands in the file of a fleet, by what it is
// where flags name it.
var inFleet = map[string]string{
	"Correct --engine-port, or make the Engine answer OK or KO.":                                             "Correct its address, or make the Engine answer OK or KO.",
	"Start the Engine (ours: ev-cp-e) or correct --engine-port.":                                             "Start the Engine (ours: ev-cp-e) or correct its address.",
	"Look whether the Engine still runs; if it is only slow, raise --timeout.":                               "Look whether the Engine still runs; if it is only slow, raise its timeout.",
	"Look at the Engine's own log; if it saw nothing, correct --engine-port, or it wants TLS: --engine-tls.": "Look at the Engine's own log; if it saw nothing, correct its address, or it wants TLS: engine_tls.",
	"Check its power and network, or correct --engine-ip.":                                                   "Check its power and network, or correct its address.",
	"Correct --engine-ip, or give an IP address there.":                                                      "Correct its address, or give an IP address there.",
}

// Details are the values in the sentences of an Advice. A sentence leaves out a zero value
// where it can, and has a general word for it elsewhere.
type Details struct {
	Timeout time.Duration // how long an answer was awaited
	Reply   string        // what the remote replied, safe to print
	CP      evcp.CPID
	Topic   string
	Fleet   bool // the Engine stands in the file of a fleet, not in flags
	// Of Kafka, as HOST:PORT and safe to print: the broker that can't be reached, and another
	// one that answers meanwhile.
	Broker, Answering string
}

// For is the advice for a cause at a remote, in l. A cause without a row has that of Other.
func For(l language.Language, r Remote, c evcp.Cause) Advice {
	rows, before := english[min(r, Kafka)], ""
	found, ok := rows[c]
	if !ok {
		found, ok = monitorCauses[c]
		if ok && r == Engine {
			before = notJudged
		}
	}
	if !ok {
		c = evcp.Other
		found = rows[c]
	}
	a := Advice{
		Phrase: l.Text(before) + l.Text(found.Phrase), Meaning: l.Text(found.Meaning), Do: l.Text(found.Do), inFleet: l.Text(inFleet[found.Do]),
		said: l, remote: min(r, Kafka), cause: c,
	}
	return a.replaced("{remote}", l.Text(remotes[min(r, Kafka)]))
}

// ForKafka is the advice for an error of Kafka, with its details: for a broker that can't be
// reached while another answers, that its address is wrong; else what the error that the reply
// names means, if there is a row for it.
func ForKafka(l language.Language, c evcp.Cause, d Details) Advice {
	a := For(l, Kafka, c)
	where, known := advertised[c]
	if d.Broker != "" && d.Answering != "" && d.Broker != d.Answering {
		a.Phrase = l.Text(sendsClients) + a.Phrase
		if known {
			a.Meaning = l.Text(tellsClients) + l.Text(where.meaning)
			a.Do = l.Text(correctListeners) + l.Text(where.do)
			return a.With(d)
		}
	}
	rows := KafkaLinks[c]
	if c == evcp.SaidKO {
		rows = KafkaRefusals
	}
	for _, r := range rows {
		if strings.Contains(d.Reply, r.Error) {
			a.Meaning, a.Do = l.Text(r.Meaning), l.Text(r.Do)
			break
		}
	}
	return a.With(d)
}

// What stands before the texts of advertised.
const (
	sendsClients     = "it sends clients to {broker}: "
	tellsClients     = "Kafka answers at {answering}, but tells clients to go to {broker} (advertised.listeners), "
	correctListeners = "Correct advertised.listeners at the broker; "
)

// advertised is what it means when the address that a broker advertises can't be reached,
// and what to do if that address is right.
var advertised = map[evcp.Cause]struct{ meaning, do string }{
	evcp.Protocol:    {"where something else answers.", "a proxy must lead to the same broker."},
	evcp.Refused:     {"where nothing listens.", "if {broker} is right, start that broker."},
	evcp.Timeout:     {"where nothing answers.", "if {broker} is right, look whether that broker runs, and at the firewall."},
	evcp.Reset:       {"where connections are broken off.", "if {broker} is right, look at that broker's own log."},
	evcp.Closed:      {"where connections are closed.", "if {broker} is right, look at that broker's own log."},
	evcp.Unreachable: {"to which no route leads.", "if {broker} is right, check the network to it."},
	evcp.DNS:         {"a name that has no address.", "or make that name known to this machine (DNS, /etc/hosts)."},
}

// KafkaRefusal is what to do about one error of a broker.
type KafkaRefusal struct{ Error, Meaning, Do string }

// KafkaRefusals are the errors of a broker that have a row of their own.
var KafkaRefusals = []KafkaRefusal{
	{"the topic is missing", "The topic is missing, and the broker does not let this Monitor create it.",
		"Create the topic {topic}, or correct --kafka-topic."},
	{"SASL_AUTHENTICATION_FAILED", "The broker does not accept this user name with this password. Events would wait on disk.",
		"Correct --kafka-username, or the password in the file of --kafka-password-file."},
	{"refuses the token", "The broker does not accept this Monitor's token: it expects another audience or token server.",
		"Correct --kafka-oauth-scope or --kafka-oauth-token-url; the broker's own log says more."},
	{"UNSUPPORTED_SASL_MECHANISM", "The broker does not have this kind of login. Events would wait on disk.",
		"Choose a --kafka-sasl that the broker has, or enable this one there (sasl.enabled.mechanisms)."},
	{"ILLEGAL_SASL_STATE", "The broker wants no login on this port. Events would wait on disk.",
		"Leave out --kafka-sasl, or correct the port in --kafka-brokers."},
	{"token server refuses", "The token server does not accept this Monitor. Without a token events would wait on disk.",
		"Correct --kafka-oauth-client-id, --kafka-oauth-scope, or the secret in the file of --kafka-oauth-client-secret-file."},
	{"token server", "The token server gives no token. Without one events would wait on disk.",
		"Look whether it runs, or correct --kafka-oauth-token-url or --kafka-oauth-ca."},
	{"AUTHORIZATION_FAILED", "The broker's access rules (ACLs) do not let this Monitor write. Events would wait on disk.",
		"Allow Describe and Write on the topic {topic}: kafka-acls.sh."},
	{"MESSAGE_TOO_LARGE", "The topic takes no record as large as the events.",
		"Raise max.message.bytes of the topic {topic}; Kafka's default is 1 MB."},
	{"RECORD_LIST_TOO_LARGE", "The topic takes no record as large as the events.",
		"Raise segment.bytes of the topic {topic}; Kafka's default is 1 GB."},
	{"INVALID_TIMESTAMP", "The clocks of broker and Monitor differ, or events waited for longer than the topic allows.",
		"Set both clocks, or raise message.timestamp.before.max.ms and .after.max.ms of the topic {topic}."},
	{"INVALID_RECORD", "The broker checks records, and refuses these events.",
		"Look at the broker's own log, at this moment: which check it was."},
	{"CORRUPT_MESSAGE", "Records arrive damaged at the broker.",
		"Look at the broker's own log, and at what stands between: a proxy changes bytes."},
	{"LEADER_NOT_AVAILABLE", "A partition of the topic has no leader: its brokers are down.",
		"Start them; kafka-topics.sh shows which, for the topic {topic}."},
	{"NOT_ENOUGH_REPLICAS", "Too few replicas of the topic are in sync: brokers are down or slow.",
		"Start them (kafka-topics.sh shows which), or lower min.insync.replicas of the topic {topic}."},
	{"no record is acknowledged", "The broker answers, but acknowledges no record of the topic {topic}.",
		"Look at the broker's own log; compare min.insync.replicas with the topic's replicas."},
	{"quota", "A quota of the broker allows this Monitor less than it sends. The backlog may grow.",
		"Raise producer_byte_rate for the client ev-cp-m: kafka-configs.sh."},
	{"UNSUPPORTED_COMPRESSION_TYPE", "The broker does not take this compression; events go uncompressed.",
		"Choose another --kafka-compression."},
}

// KafkaLinks are, by cause, what ended a connection to a broker while it began, with a row of
// its own each. The first whose Error the reply has counts. TLSRows have the cause TLS.
var KafkaLinks = map[evcp.Cause][]KafkaRefusal{
	evcp.Reset: {{"in the TLS handshake", withoutTLS, leaveOutTLS}},
	evcp.Closed: {
		{"in the TLS handshake", withoutTLS, leaveOutTLS},
		{"at the first message", "The broker hung up at once: one that wants TLS does so, or a proxy without a broker.",
			"Give --kafka-tls if the broker wants it, or correct --kafka-brokers."},
		{"at the first request", "The broker hung up at the first request: one that wants a login does so.",
			"Give a login: --kafka-sasl; or correct the port in --kafka-brokers."},
		{"during the login", "The broker hung up during the login: some do so instead of a refusal.",
			"Correct --kafka-sasl, --kafka-username or --kafka-password-file; the broker's own log says more."},
	},
	evcp.OwnCertificate: {{"certificate", "What the broker refuses is the certificate of this Monitor, or that it has none.",
		"Give one of an authority that the broker trusts: --kafka-cert and --kafka-key."}},
}

const (
	withoutTLS  = "The broker has no TLS on this port. Events would wait on disk."
	leaveOutTLS = "Correct the port in --kafka-brokers, or leave out --kafka-tls."
)

// With fills in the details.
func (a Advice) With(d Details) Advice {
	if d.Fleet && a.inFleet != "" {
		a.Do = a.inFleet
	}
	a = a.tls(d.Reply)
	if d.Reply == "" {
		a = a.replaced(": {reply}", "", `: "{reply}"`, "", `"{reply}"`, a.said.Text(noReason))
	}
	if d.Timeout == 0 {
		a = a.replaced(a.said.Text(inTimeout), "")
	}
	return a.replaced("{timeout}", d.Timeout.String(), "{cp}", cmp.Or(string(d.CP), a.said.Text(thisID)),
		"{topic}", cmp.Or(d.Topic, a.said.Text(forEvents)), "{reply}", d.Reply,
		"{broker}", d.Broker, "{answering}", d.Answering)
}

// Words in the place of a detail that is not known, and what is left out with one.
const (
	noReason  = "It gave no reason."
	thisID    = "this id"
	forEvents = "for events"
	inTimeout = " in {timeout}"
)

func (a Advice) replaced(oldnew ...string) Advice {
	r := strings.NewReplacer(oldnew...)
	a.Phrase, a.Meaning, a.Do = r.Replace(a.Phrase), r.Replace(a.Meaning), r.Replace(a.Do)
	return a
}

// Texts that several rows share.
const (
	refused     = "connection refused"
	nobodyThere = "The machine is there, but nothing listens on this port."
	noAnswer    = "no answer in {timeout}"
	reset       = "connection reset"
	closed      = "closed without an answer"
	unreachable = "no route to the machine"
	noName      = "the name has no address"
	failed      = `failed: "{reply}"`
	noTLS       = "TLS failed: {reply}"
	notJudged   = "not judged: "
	debug       = "Start once with --log-level debug: it shows the error itself."
)

// english is the table.
var english = [...]map[evcp.Cause]row{
	Engine: {
		evcp.NoCause: {Phrase: "answered OK"},
		evcp.SaidKO: {"says KO",
			"The Engine runs, and says itself that the charger is not well.",
			"Go to the charger: a fault, an emergency stop or maintenance."},
		evcp.Protocol: {`answered, but neither OK nor KO: "{reply}"`,
			"Another program listens there, or this Engine speaks another protocol.",
			"Correct --engine-port, or make the Engine answer OK or KO."},
		evcp.Refused: {refused, nobodyThere, "Start the Engine (ours: ev-cp-e) or correct --engine-port."},
		evcp.Timeout: {noAnswer,
			"The Engine hangs or is too slow, or a firewall swallows the question.",
			"Look whether the Engine still runs; if it is only slow, raise --timeout."},
		evcp.Reset: {reset,
			"The Engine broke the connection off: it crashed, or was restarted.",
			"Look at the Engine's own log, at this moment."},
		evcp.Closed: {closed,
			"Whoever listens there took the question and hung up.",
			"Look at the Engine's own log; if it saw nothing, correct --engine-port, or it wants TLS: --engine-tls."},
		evcp.Unreachable: {unreachable,
			"The Engine's machine is off, or the network does not lead to it.",
			"Check its power and network, or correct --engine-ip."},
		evcp.DNS: {noName,
			"No name server knows the Engine's machine by this name.",
			"Correct --engine-ip, or give an IP address there."},
		evcp.TLS: {noTLS,
			"The charger may be well: the Engine's certificate or its TLS is not.",
			"Renew or correct the certificate at the Engine's side, or correct --engine-ca or --engine-server-name."},
		evcp.Other: {failed, "The network gave an error that fits no other case.", debug},
	},
	Central: {
		evcp.NoCause: {Phrase: "accepted {cp}"},
		evcp.SaidKO: {"refused {cp}", `"{reply}"`,
			"Add {cp} to Central's --registry file or correct --cp-id."},
		evcp.Protocol: {`answered, but not as EV_Central: "{reply}"`,
			"Another program listens on this port. On a Mac, 5000 is taken by the system.",
			"Correct --central-ip or --central-port."},
		evcp.Refused: {refused, nobodyThere, "Start Central (ours: ev-central) or correct --central-port."},
		evcp.Timeout: {noAnswer,
			"A firewall, or Central hangs.",
			"Look whether Central runs; then check the firewall and --central-ip."},
		evcp.Reset: {reset,
			"Central broke the connection off: it crashed, or was restarted.",
			"Look at Central's own log, at this moment."},
		evcp.Closed: {closed,
			"Whoever listens there took the message and hung up.",
			"Look at Central's own log; if it saw nothing, correct --central-port, or it wants TLS: --central-tls."},
		evcp.Unreachable: {unreachable,
			"Central's machine is off, or the network does not lead to it.",
			"Check the network, or correct --central-ip."},
		evcp.DNS: {noName,
			"No name server knows Central's machine by this name.",
			"Correct --central-ip, or give an IP address there."},
		evcp.TLS: {noTLS,
			"Central's certificate is not valid for this Monitor, or another port is for TLS.",
			"Renew or correct Central's certificate, or correct --central-port or --central-ca."},
		evcp.Other: {failed, "The network gave an error that fits no other case.", debug},
	},
	Kafka: {
		evcp.NoCause: {Phrase: "topic {topic} exists"},
		evcp.SaidKO: {`refused: "{reply}"`,
			"The broker is there, but does not let this Monitor use its topic. Events would wait on disk.",
			"Create the topic {topic} or allow writing to it, or correct --kafka-topic."},
		evcp.Protocol: {`answered, but not as Kafka: "{reply}"`,
			"Another program listens on this port, or the broker wants TLS. Events would wait on disk.",
			"Correct --kafka-brokers."},
		evcp.Refused: {refused,
			"Events would wait on disk and be sent when a broker comes.",
			`If you have none, say so: --kafka-brokers ""`},
		evcp.Timeout: {noAnswer,
			"A firewall, or the broker hangs. Events would wait on disk.",
			"Look whether the broker runs; then check the firewall and --kafka-brokers."},
		evcp.Reset: {reset,
			"The broker broke the connection off: it crashed, or was restarted. Events would wait on disk.",
			"Look at the broker's own log, at this moment."},
		evcp.Closed: {closed,
			"The broker hung up; one that wants TLS or a login does so. Events would wait on disk.",
			"Look at the broker's own log, or correct --kafka-brokers."},
		evcp.Unreachable: {unreachable,
			"The broker's machine is off, or the network does not lead to the address it names as its own.",
			"Correct --kafka-brokers, or advertised.listeners at the broker."},
		evcp.DNS: {noName,
			"No name server knows the broker, or the name that the broker gives itself.",
			"Correct --kafka-brokers, or advertised.listeners at the broker."},
		evcp.TLS: {noTLS,
			"The broker's certificate is not valid for this Monitor, or another port is for TLS. Events would wait on disk.",
			"Renew or correct the broker's certificate, or correct --kafka-brokers, --kafka-ca or --kafka-server-name."},
		evcp.Other: {failed, "The broker gave an error that fits no other case. Events would wait on disk.", debug},
	},
}

// monitorCauses have their reason in the Monitor itself: no remote has failed.
var monitorCauses = map[evcp.Cause]row{
	evcp.Stalled: {"this Monitor was late",
		"This Monitor stood still, so it can't say whether {remote} answered in time.",
		"Give this machine more processor time, or raise --interval."},
	evcp.Slept: {"this machine slept",
		"The Monitor's machine was suspended, so it can't say what {remote} did.",
		"Switch its power saving off: a Monitor that sleeps sees nothing."},
	evcp.Local: {"refused by this machine",
		"The Monitor's own machine refused a connection to {remote}: its firewall, or its limits for this service.",
		"Look at the rules of this machine's firewall, and at what the service may do."},
	evcp.NoNetwork: {"no network",
		"The Monitor's own machine has no route to {remote}: an interface is down, or has no address. No packet left.",
		"Check this machine's cable or radio, its addresses (ip addr) and its routes (ip route)."},
	evcp.NameServer: {"no name server",
		"No name server answers this machine, and no earlier address of {remote} is known.",
		"Check /etc/resolv.conf and the name server, or give an IP address instead of the name."},
	evcp.NoSocket: {"no socket to be had",
		"The Monitor's own machine has no free file descriptor, port or memory for a connection to {remote}.",
		"Raise the limit of open files (ulimit -n), and see what uses them up."},
	evcp.OwnCertificate: {"refused our certificate",
		"What {remote} refuses is the certificate of this Monitor, or that it has none.",
		"Look at the certificate of this Monitor: its expiry, its authority, and its files (ev-cp-m status)."},
	evcp.WrongClock: {"the clock is wrong",
		"This machine's clock is before the day of this program's build: it can't judge the certificate of {remote}.",
		"Set the clock of this machine, or let it ask a time server."},
}
