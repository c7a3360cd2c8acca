package uplink

import (
	"time"

	"evcp"
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

func (c textCodec) Append(dst []byte, m Outbound) []byte {
	text := wire.Message{CP: m.CP, Verb: textVerbs[m.Operation], Status: m.Status}.Append(nil)
	return wire.AppendFramed(dst, text, c.framing)
}

// Describe leaves the status out where it is not known yet.
func (c textCodec) Describe(m Outbound) string {
	verb := textVerbs[m.Operation].String()
	if m.Operation == Heartbeat && m.Status != evcp.Unknown {
		return verb + " " + m.Status.String()
	}
	return verb
}

func (c textCodec) Quiet() time.Duration {
	if c.framing == wire.STX {
		return 0
	}
	return wire.Quiet
}

func (c textCodec) NewReplyReader() ReplyReader {
	return &textReply{CentralReply: wire.CentralReply{Framing: c.framing}}
}

type textReply struct {
	wire.CentralReply
	to Outbound
}

func (r *textReply) Begin(m Outbound) {
	r.Reset()
	r.to = m
}

var verdicts = [...]Verdict{
	wire.Unclear:       Unclear,
	wire.Accepted:      Accepted,
	wire.Rejected:      Rejected,
	wire.NotRegistered: NotRegistered,
}

func (r *textReply) Reply() (text string, v Verdict, acknowledgement []byte) {
	text = r.Text()
	if r.Valid() {
		v = verdicts[r.judge(text)]
	}
	return text, v, r.Acknowledgement()
}

func (r *textReply) judge(text string) wire.CentralVerdict {
	switch r.to.Operation {
	case Register:
		return wire.JudgeRegistration(text, r.to.CP)
	case Heartbeat:
		return wire.JudgeHeartbeat(text, r.to.CP)
	default:
		return wire.JudgeReceipt(text, r.to.CP)
	}
}
