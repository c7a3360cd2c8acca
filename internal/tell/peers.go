package tell

import (
	"log/slog"
	"time"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/console"
	"evcp/internal/uplink"
)

// Central tells what changed between a charge point and Central, beyond events.
func (t *Teller) Central(n uplink.Diagnostic) Line {
	s := t.of(n.CP)
	l := Line{CP: n.CP, Shape: console.Gone, Level: slog.LevelWarn}
	switch n.Kind {
	case uplink.OutageBegan:
		sentence := english.centralGone
		if s.state.Central != evcp.Accepted {
			sentence = english.centralNever
		}
		s.away = true
		a := advice.For(advice.Central, n.Cause).With(advice.Details{Timeout: uplink.AnswerLimit, CP: n.CP})
		l.Text = say(sentence, a.Phrase)
		return l.with(slog.String("cause", n.Cause.String())).advised(a)
	case uplink.OutageEnded:
		l.Shape, l.Level = console.Told, slog.LevelInfo
		l.Text = say(english.centralBack, console.Span(n.Outage), english.reports.Of(int64(n.Pending)))
		return l
	case uplink.NotCentral:
		l.Text = say(english.stranger, n.Reply)
		return l
	default:
		l.Text = say(english.unreceived, n.Reply)
		return l
	}
}

// KafkaThere tells the first contact.
func (t *Teller) KafkaThere(waiting int64) Line {
	return Line{Text: say(english.kafkaThere, english.events.Of(waiting))}
}

// KafkaGone tells that Kafka can't be reached, and whether it was there before;
// words are what it said, if it did.
func (t *Teller) KafkaGone(cause evcp.Cause, words string, known bool) Line {
	sentence := english.kafkaNever
	if known {
		sentence = english.kafkaGone
	}
	a := advice.For(advice.Kafka, cause).With(advice.Details{Reply: words, Timeout: t.KafkaWait, Topic: t.Topic})
	l := Line{Shape: console.Gone, Level: slog.LevelWarn, Text: say(sentence, a.Phrase)}
	return l.with(slog.String("cause", cause.String())).advised(a)
}

// KafkaBack tells that everything that waited has arrived.
func (t *Teller) KafkaBack(after time.Duration, sent int64) Line {
	return Line{Text: say(english.kafkaBack, console.Span(after), english.events.Of(sent))}
}

// Stopped tells how the end went: whether Central heard of it, how many events
// Kafka has not got, and whether the state is on disk.
func (t *Teller) Stopped(cp evcp.CPID, central bool, waiting int64, kept bool) Line {
	goodbye := english.centralTold
	if !central {
		goodbye = english.centralNotTold
	}
	state := english.stateKept
	if !kept {
		state = english.stateLost
	}
	return Line{CP: cp, Text: say(english.stopped, goodbye, english.events.Of(waiting), state)}
}
