package logtext

import (
	"log/slog"
	"time"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/display"
	"evcp/internal/uplink"
)

// Central tells what changed between a charge point and Central, beyond events.
func (t *Formatter) Central(n uplink.Diagnostic) LogLine {
	s := t.of(n.CP)
	l := LogLine{CP: n.CP, Shape: display.Gone, Level: slog.LevelWarn}
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
		l.Shape, l.Level = display.Reported, slog.LevelInfo
		l.Text = say(english.centralBack, display.Duration(n.Outage), english.reports.Of(int64(n.Pending)))
		return l
	case uplink.NotCentral:
		l.Text = say(english.stranger, n.Reply)
		return l
	default:
		l.Text = say(english.unreceived, n.Reply)
		return l
	}
}

// KafkaConnected tells the first contact.
func (t *Formatter) KafkaConnected(waiting int64) LogLine {
	return LogLine{Text: say(english.kafkaThere, english.events.Of(waiting))}
}

// KafkaAway tells that Kafka can't be reached, and whether it was there before;
// words are what it said, if it did.
func (t *Formatter) KafkaAway(cause evcp.Cause, words string, known bool) LogLine {
	sentence := english.kafkaNever
	if known {
		sentence = english.kafkaGone
	}
	a := advice.For(advice.Kafka, cause).With(advice.Details{Reply: words, Timeout: t.KafkaWait, Topic: t.Topic})
	l := LogLine{Shape: display.Gone, Level: slog.LevelWarn, Text: say(sentence, a.Phrase)}
	return l.with(slog.String("cause", cause.String())).advised(a)
}

// KafkaBack tells that everything that waited has arrived.
func (t *Formatter) KafkaBack(after time.Duration, sent int64) LogLine {
	return LogLine{Text: say(english.kafkaBack, display.Duration(after), english.events.Of(sent))}
}

// Stopped tells how the end went: whether Central heard of it, how many events
// Kafka has not got, and whether the state is on disk.
func (t *Formatter) Stopped(cp evcp.CPID, central bool, waiting int64, kept bool) LogLine {
	goodbye := english.centralTold
	if !central {
		goodbye = english.centralNotTold
	}
	state := english.stateKept
	if !kept {
		state = english.stateLost
	}
	return LogLine{CP: cp, Text: say(english.stopped, goodbye, english.events.Of(waiting), state)}
}
