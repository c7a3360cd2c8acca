package uplink

import (
	"bytes"
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

func (c textCodec) Exchanger() Exchanger { return newTextExchanger(c.framing) }

// maxPipelined is how many messages are written at once to a Central that answers in lines.
const maxPipelined = 64

// textExchanger remembers the last reply that means the same for every charge point: most
// replies are the same "OK", and it is read and judged once.
type textExchanger struct {
	framing     wire.Framing
	lines       bool // the last reply was a line
	frame       []byte
	reply       wire.CentralReply
	known       wire.CentralReply // the reply to an operation; NoOperation: none
	knownTo     Operation
	knownResult SendResult
}

func newTextExchanger(f wire.Framing) *textExchanger {
	return &textExchanger{framing: f, reply: wire.CentralReply{Framing: f}, known: wire.CentralReply{Framing: f}}
}

func (x *textExchanger) appendFramed(dst []byte, m Outbound) []byte {
	return wire.Message{CP: m.CP, Verb: textVerbs[m.Operation], Status: m.Status}.AppendFramed(dst, x.framing)
}

func (x *textExchanger) Exchange(l *link.Link, m Outbound, deadline time.Time, onFirstByte func()) (SendResult, time.Time) {
	x.frame = x.appendFramed(x.frame[:0], m)
	if err := l.Write(x.frame, deadline); err != nil {
		return notReceived(err), time.Now()
	}
	return x.receive(l, m, deadline, onFirstByte)
}

// MaxPipelined is more than one only where messages are lines, and this Central answers in lines: in
// other framings a reply has no end, or must be acknowledged before the next message.
func (x *textExchanger) MaxPipelined() int {
	if x.framing == wire.Line && x.lines {
		return maxPipelined
	}
	return 1
}

func (x *textExchanger) Pipeline(l *link.Link, all []Outbound, deadline time.Time, into []SendResult) (answered []SendResult, failed SendResult) {
	began, before := time.Now(), len(into)
	x.frame = x.frame[:0]
	for _, m := range all {
		x.frame = x.appendFramed(x.frame, m)
	}
	if err := l.Write(x.frame, deadline); err != nil {
		return into, notReceived(err)
	}
	for x.reply.Reset(); len(into)-before < len(all); {
		b, err := l.Read(deadline)
		latency := time.Since(began)
		for len(b) > 0 && len(into)-before < len(all) {
			end := bytes.IndexByte(b, '\n') + 1
			if end == 0 {
				end = len(b)
			}
			if x.reply.Feed(b[:end], false) {
				r := x.read(all[len(into)-before])
				r.Latency, r.Connected = latency, true
				into = append(into, r)
				x.reply.Reset()
			}
			b = b[end:]
		}
		if len(bytes.TrimSpace(b)) > 0 { // more replies than messages
			l.Close()
		}
		if err != nil && len(into)-before < len(all) {
			return into, notReceived(err)
		}
	}
	return into, SendResult{}
}

// notReceived is the result of an error of the connection.
func notReceived(err error) SendResult {
	return SendResult{Cause: link.CauseOf(err), Why: wire.Text([]byte(link.TLSError(err)))}
}

// receive reads until the reply is complete, and acknowledges it.
func (x *textExchanger) receive(l *link.Link, m Outbound, deadline time.Time, onFirstByte func()) (r SendResult, ended time.Time) {
	x.reply.Reset()
	for until := deadline; ; {
		b, err := l.Read(until)
		if err == nil || !x.reply.Started() {
			ended = time.Now()
		}
		complete := x.reply.Feed(b, err != nil)
		if !x.reply.Started() {
			if err != nil {
				return notReceived(err), ended
			}
			continue
		}
		onFirstByte()
		if complete && x.reply.TLSAlert() {
			return SendResult{Cause: evcp.TLS, Why: wire.AnswersByTLS}, ended
		}
		if complete {
			if ack := x.reply.Acknowledgement(); ack != nil {
				_ = l.Write(ack, deadline) // the next message finds out that the connection broke
			}
			return x.read(m), ended
		}
		if pause := x.reply.Wait(); pause > 0 {
			until = time.Now().Add(pause)
			if until.After(deadline) {
				until = deadline
			}
		}
	}
}

// read is what the reply says and means.
func (x *textExchanger) read(m Outbound) SendResult {
	x.lines = x.reply.Line()
	if m.Operation == x.knownTo && x.reply.Equal(&x.known) {
		return x.knownResult
	}
	r := SendResult{Text: x.reply.Text(), Verdict: judge(m, &x.reply), Received: true}
	if !wire.MayNameCP(r.Text) {
		x.known, x.reply = x.reply, x.known
		x.knownTo, x.knownResult = m.Operation, r
	}
	return r
}

var verdicts = [...]Verdict{
	wire.Unclear:       Unclear,
	wire.Accepted:      Accepted,
	wire.Rejected:      Rejected,
	wire.NotRegistered: NotRegistered,
}

// judge is Unclear on a reply in another framing, or a damaged one.
func judge(m Outbound, reply *wire.CentralReply) Verdict {
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
	text := newTextExchanger(framing)
	c := centralConn{link: link.Link{Address: central, Dialer: d}, exchanger: text, onFirstByte: func() {}}
	c.onDialled = func() { context.AfterFunc(ctx, c.link.Interrupt()) }
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
		if late, _ := text.receive(&c.link, m, time.Now().Add(nudge), func() {}); late.Received {
			return SendResult{Text: late.Text, Received: true, Connected: true}
		}
	}
	return r
}
