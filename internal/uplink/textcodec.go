package uplink

import (
	"context"
	"time"

	"evcp"
	"evcp/internal/link"
	"evcp/internal/wire"
)

// TextCodec is the text protocol of docs/PROTOCOL.md. No other file of this package
// knows it.
func TextCodec(framing wire.Framing) Codec { return textCodec{framing} }

type textCodec struct{ framing wire.Framing }

var textVerbs = [...]wire.Verb{
	Register:       wire.Registration,
	ReportFailure:  wire.EngineFailure,
	ReportRecovery: wire.EngineRecovered,
	Heartbeat:      wire.Heartbeat,
	Disconnect:     wire.Disconnect,
}

// Describe leaves the status out where it is not known yet.
func (c textCodec) Describe(m Outbound) string {
	verb := textVerbs[m.Operation].String()
	if m.Operation == Heartbeat && m.Status != evcp.Unknown {
		return verb + " " + m.Status.String()
	}
	return verb
}

func (c textCodec) Exchange(l *link.Link, m Outbound, deadline time.Time, onFirstByte func()) (SendResult, time.Time) {
	text := wire.Message{CP: m.CP, Verb: textVerbs[m.Operation], Status: m.Status}.Append(nil)
	if err := l.Write(wire.AppendFramed(nil, text, c.framing), deadline); err != nil {
		return notReceived(err), time.Now()
	}
	return c.receive(l, m, deadline, onFirstByte)
}

// notReceived is the result of an error of the connection.
func notReceived(err error) SendResult {
	return SendResult{Cause: link.CauseOf(err), Why: wire.Text([]byte(link.TLSError(err)))}
}

// receive reads until the reply is complete, and acknowledges it.
func (c textCodec) receive(l *link.Link, m Outbound, deadline time.Time, onFirstByte func()) (r SendResult, ended time.Time) {
	reply := wire.CentralReply{Framing: c.framing}
	for until := deadline; ; {
		b, err := l.Read(until)
		if err == nil || !reply.Started() {
			ended = time.Now()
		}
		complete := reply.Feed(b, err != nil)
		if !reply.Started() {
			if err != nil {
				return notReceived(err), ended
			}
			continue
		}
		onFirstByte()
		if complete && reply.TLSAlert() {
			return SendResult{Cause: evcp.TLS, Why: wire.AnswersByTLS}, ended
		}
		if complete {
			if ack := reply.Acknowledgement(); ack != nil {
				_ = l.Write(ack, deadline) // the next message finds out that the connection broke
			}
			return SendResult{Text: reply.Text(), Verdict: c.judge(m, &reply), Received: true}, ended
		}
		if pause := reply.Wait(); pause > 0 {
			until = time.Now().Add(pause)
			if until.After(deadline) {
				until = deadline
			}
		}
	}
}

var verdicts = [...]Verdict{
	wire.Unclear:       Unclear,
	wire.Accepted:      Accepted,
	wire.Rejected:      Rejected,
	wire.NotRegistered: NotRegistered,
}

// judge is Unclear on a reply in another framing, or a damaged one.
func (c textCodec) judge(m Outbound, reply *wire.CentralReply) Verdict {
	if !reply.Valid() {
		return Unclear
	}
	switch m.Operation {
	case Register:
		return verdicts[wire.JudgeRegistration(reply.Text(), m.CP)]
	case Heartbeat:
		return verdicts[wire.JudgeHeartbeat(reply.Text(), m.CP)]
	default:
		return verdicts[wire.JudgeReceipt(reply.Text(), m.CP)]
	}
}

// TryRegistration asks Central once to accept cp, for --test. Nothing is kept. If it
// accepts, disconnect follows on the same connection, so that no charge point is shown as
// activated that nobody watches; its reply is awaited, and does not matter. A peer
// that does not answer is sent two empty lines at the end: a web server waits for
// them, and its reply shows that it is not EV_Central.
func TryRegistration(ctx context.Context, d link.Dialer, central string, framing wire.Framing, cp evcp.CPID) SendResult {
	codec, noted := textCodec{framing}, func() {}
	c := centralConn{link: link.Link{Address: central, Dialer: d}, codec: codec, onFirstByte: noted}
	defer c.link.Close()
	m := Outbound{Operation: Register, CP: cp}
	began := time.Now()
	r, ended := c.sendOnce(ctx, m, false, began.Add(AnswerLimit))
	r.Latency = ended.Sub(began)
	const nudge = 500 * time.Millisecond
	if r.Verdict == Accepted && c.link.Ready() { // a goodbye on another connection would be one of a Monitor that runs
		c.sendOnce(ctx, Outbound{Operation: Disconnect, CP: cp}, true, time.Now().Add(nudge))
	}
	if r.Connected && r.Cause == evcp.Timeout && c.link.Write([]byte("\r\n\r\n"), time.Now().Add(nudge)) == nil {
		if late, _ := codec.receive(&c.link, m, time.Now().Add(nudge), noted); late.Received {
			return SendResult{Text: late.Text, Received: true, Connected: true}
		}
	}
	return r
}
