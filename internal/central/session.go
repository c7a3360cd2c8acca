package central

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"evcp/internal/central/cpstate"
	"evcp/internal/wire"
)

const (
	// stranger is how long a connection may stay without one message from a
	// registered charge point.
	stranger = 30 * time.Second
	// slowReader is how long an answer may wait for its peer.
	slowReader = 5 * time.Second
	// linger is how long a peer that sent too much may go on, so that the answer
	// reaches it: closing with unread bytes would reset the connection.
	linger    = time.Second
	lingerMax = 4 << 20
	// segment is how much is read at once. A message is far shorter, so what is
	// held back of one and the next segment always fit into wire.MaxMessage.
	segment = wire.MaxMessage / 2
)

// session answers one connection.
type session struct {
	c       *Central
	conn    net.Conn
	voice   *voice
	opened  time.Time
	trusted bool // a registered charge point has spoken
	held    wire.RequestDecoder
	answer  []byte
}

// serve reads and answers until the peer leaves, overdoes it, or Central stops.
func (s *session) serve() {
	var in [segment]byte
	for {
		s.conn.SetReadDeadline(s.patience())
		n, err := s.conn.Read(in[:])
		if !s.held.Feed(in[:n]) {
			s.refuse()
			return
		}
		if !s.takeAll() || (err != nil && !s.quiet(err)) {
			return
		}
	}
}

// takeAll answers the complete messages and reports whether the peer still reads.
func (s *session) takeAll() bool {
	for {
		r, ok := s.held.Next()
		if !ok {
			return true
		}
		if !s.reply(r) {
			return false
		}
	}
}

// quiet handles a Read that brought an error: when time is over or the peer has
// closed, what is held is all of it. It reports whether to go on.
func (s *session) quiet(err error) bool {
	timeout := errors.Is(err, os.ErrDeadlineExceeded)
	if !timeout && !errors.Is(err, io.EOF) {
		return false
	}
	if r, ok := s.held.Flush(); ok && !s.reply(r) {
		return false
	}
	return timeout && (s.trusted || time.Since(s.opened) < stranger)
}

// patience is when the next Read gives up; the zero time is never.
func (s *session) patience() time.Time {
	var until time.Time
	if !s.trusted {
		until = s.opened.Add(stranger)
	}
	wait := s.held.Wait()
	if wait == 0 {
		return until
	}
	if soon := time.Now().Add(wait); until.IsZero() || soon.Before(until) {
		return soon
	}
	return until
}

// reply answers one request and reports whether the answer went out.
func (s *session) reply(r wire.Request) bool {
	words := cpstate.UnknownMessage
	if r.Err == nil {
		words = s.c.hear(s, r.Message)
	} else {
		s.c.log.Debug("answered an unknown message", "peer", s.voice.peer, "error", r.Err)
	}
	return s.write(words, r)
}

func (s *session) write(words string, r wire.Request) bool {
	s.answer = wire.AppendReply(s.answer[:0], words, r)
	s.conn.SetWriteDeadline(time.Now().Add(slowReader))
	_, err := s.conn.Write(s.answer)
	return err == nil
}

// refuse ends a connection whose message has no end.
func (s *session) refuse() {
	s.c.stranger("closed a connection: its message has no end", slog.String("peer", s.voice.peer), slog.Int("limit_bytes", wire.MaxMessage))
	if !s.write(cpstate.UnknownMessage, wire.Request{Err: wire.ErrTooLong}) {
		return
	}
	if half, ok := s.conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		s.conn.SetReadDeadline(time.Now().Add(linger))
		_, _ = io.CopyN(io.Discard, s.conn, lingerMax) // whatever it says, the connection closes
	}
}
