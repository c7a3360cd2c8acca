// Package advice is the one table that says of everything that can go wrong with
// a peer what it means and what to do first. The log, --test, the page and the
// docs read it, so that they never disagree.
//
// It decides: values in, words out. A cause keeps its name for every peer. What
// SaidKO and Protocol mean depends on who says it: Central says no to a
// registration and Kafka to a record; a web server on Central's port answers, but
// not as EV_Central.
//
// "Says KO" and "no answer" never stand in one advice: the first sends a person to
// the charger, the second to a program or a network.
package advice

import (
	"strings"
	"time"

	"evcp"
)

// Remote is whom the Monitor talks to.
type Remote uint8

// The peers.
const (
	Engine Remote = iota
	Central
	Kafka
)

var peers = [...]string{Engine: "the Engine", Central: "Central", Kafka: "Kafka"}

// Advice is one row. Its texts are English sentences without a line break; who
// prints them wraps them. Until With has been called they may hold {wait},
// {words}, {cp} and {topic}.
type Advice struct {
	Phrase  string // what happened, for a log line: "connection refused"
	Meaning string // one or two sentences; "" when all is well
	Do      string // the first step, with the flag it takes; "" when all is well
}

// Details are what the sentences of an Advice need. Whatever is zero is left out
// where a sentence can do without it.
type Details struct {
	Timeout time.Duration // how long an answer was awaited
	Reply   string        // what the peer said, safe to print
	CP      evcp.CPID
	Topic   string
}

// For is the advice for a cause at a peer. A cause without a row of its own is
// Other.
func For(p Remote, c evcp.Cause) Advice {
	rows := english[min(p, Kafka)]
	a, ok := rows[c]
	if !ok {
		a, ok = own[c]
	}
	if !ok {
		a = rows[evcp.Other]
	}
	return a.replaced("{peer}", peers[min(p, Kafka)])
}

// With fills in the facts.
func (a Advice) With(f Details) Advice {
	if f.Reply == "" {
		a = a.replaced(`: "{words}"`, "", `"{words}"`, noWords)
	}
	if f.Timeout == 0 {
		a = a.replaced(" in {wait}", "")
	}
	return a.replaced("{wait}", f.Timeout.String(), "{cp}", orThis(string(f.CP), "this id"),
		"{topic}", orThis(f.Topic, "for events"), "{words}", f.Reply)
}

const noWords = "It gave no reason."

func orThis(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (a Advice) replaced(oldnew ...string) Advice {
	r := strings.NewReplacer(oldnew...)
	return Advice{Phrase: r.Replace(a.Phrase), Meaning: r.Replace(a.Meaning), Do: r.Replace(a.Do)}
}
