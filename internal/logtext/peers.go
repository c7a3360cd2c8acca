package logtext

import (
	"time"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/display"
)

// CentralAway says that Central can't be reached or does not answer. reply is what is wrong
// with its TLS, if that is the cause.
func (f *Formatter) CentralAway(cp evcp.CPID, cause evcp.Cause, reply string) LogLine {
	s := f.of(cp)
	sentence := english.centralGone
	if !s.accepted {
		sentence = english.centralNever
	}
	s.centralAway = true
	return f.awayLine(cp, sentence, cause, f.central(cp, cause, reply))
}

func (f *Formatter) central(cp evcp.CPID, cause evcp.Cause, reply string) advice.Advice {
	return advice.For(f.Language, advice.Central, cause).With(advice.Details{Timeout: f.CentralTimeout, CP: cp, Reply: reply})
}

// CentralBack says that Central answers again after an outage, and how many
// reports were pending.
func (f *Formatter) CentralBack(cp evcp.CPID, outage time.Duration, pending int) LogLine {
	return LogLine{CP: cp, Shape: display.Reported, Text: f.Language.Sprintf(english.centralBack, display.Duration(outage), english.reports.In(f.Language).Of(int64(pending)))}
}

// NotCentral says that something else than EV_Central answers at its address.
func (f *Formatter) NotCentral(cp evcp.CPID, reply string) LogLine {
	return LogLine{CP: cp, Shape: display.Gone, Level: Warn, Text: f.Language.Sprintf(english.notCentral, reply)}
}

// ReportRejected says that Central's answer to a report was no receipt.
func (f *Formatter) ReportRejected(cp evcp.CPID, reply string) LogLine {
	return LogLine{CP: cp, Shape: display.Gone, Level: Warn, Text: f.Language.Sprintf(english.reportRejected, reply)}
}

// KafkaConnected is the first contact.
func (f *Formatter) KafkaConnected(pending int64) LogLine {
	return LogLine{Text: f.Language.Sprintf(english.kafkaConnected, english.events.In(f.Language).Of(pending))}
}

// KafkaOutage is why Kafka is away.
type KafkaOutage struct {
	Cause evcp.Cause
	Reply string // the error's text; "" when there is none
	Ever  bool   // Kafka was there earlier
	// As HOST:PORT: the broker that can't be reached, and another one that answers meanwhile;
	// "" when it is not known.
	Broker, Answering string
}

// KafkaAway says that Kafka can't be reached.
func (f *Formatter) KafkaAway(o KafkaOutage) LogLine {
	sentence := english.kafkaNever
	if o.Ever {
		sentence = english.kafkaGone
	}
	a := advice.ForKafka(f.Language, o.Cause, advice.Details{Reply: o.Reply, Timeout: f.KafkaTimeout, Topic: f.Topic, Broker: o.Broker, Answering: o.Answering})
	return f.awayLine("", sentence, o.Cause, a)
}

// KafkaTrouble says what hinders a Kafka that takes events. reply is the error's text.
func (f *Formatter) KafkaTrouble(reply string) LogLine {
	a := advice.ForKafka(f.Language, evcp.SaidKO, advice.Details{Reply: reply, Topic: f.Topic})
	return LogLine{Shape: display.Unknown, Level: Warn, Text: f.Language.Sprintf(english.kafkaTrouble, reply)}.advised(a)
}

func (f *Formatter) awayLine(cp evcp.CPID, sentence string, cause evcp.Cause, a advice.Advice) LogLine {
	l := LogLine{CP: cp, Shape: display.Gone, Level: Warn, Text: f.Language.Sprintf(sentence, a.Phrase)}
	return l.with(causeFields(cause)...).advised(a)
}

// KafkaBack says that of the events that were pending none is any more: how many were
// delivered, and how many given up, each of which has a line of its own.
func (f *Formatter) KafkaBack(outage time.Duration, delivered, givenUp int64) LogLine {
	rest := f.Language.Text(english.noneLost)
	if givenUp > 0 {
		rest = f.Language.Sprintf(english.givenUp, givenUp)
	}
	return LogLine{Text: f.Language.Sprintf(english.kafkaBack, display.Duration(outage), english.events.In(f.Language).Of(delivered), rest)}
}

// Stopped is the last line: for how many of all charge points Central answered the disconnect,
// how many events Kafka has not got, and whether the state is on disk.
func (f *Formatter) Stopped(cp evcp.CPID, disconnected, all int, pending int64, kept bool) LogLine {
	central, state := f.Language.Text(english.disconnected), english.stateKept
	switch {
	case disconnected == 0:
		central = f.Language.Text(english.notDisconnected)
	case disconnected < all:
		central = f.Language.Sprintf(english.someDisconnected, disconnected, all)
	}
	if !kept {
		state = english.stateLost
	}
	return LogLine{CP: cp, Text: f.Language.Sprintf(english.stopped, central, english.events.In(f.Language).Of(pending), f.Language.Text(state))}
}

// Dropped says how many events and notices have no line because the log's output
// stood still, and where to read the events.
func (f *Formatter) Dropped(events, notices uint64) LogLine {
	l := LogLine{Level: Warn, Text: f.Language.Sprintf(english.linesDropped, english.events.In(f.Language).Of(int64(events)), english.notices.In(f.Language).Of(int64(notices)))}
	return l.with(Field{"events", events}, Field{"notices", notices})
}
