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
	// registerWithin is how long a connection may stay without one message from a
	// registered charge point.
	registerWithin = 30 * time.Second
	// writeTimeout is how long an answer may wait for its peer.
	writeTimeout = 5 * time.Second
	// drainTimeout is how long a peer that sent too much may go on, so that the answer
	// reaches it: closing with unread bytes would reset the connection.
	drainTimeout = time.Second
	drainMax     = 4 << 20
	// readSize is how much is read at once. A message is far shorter, so what is
	// held back of one and the next segment always fit into wire.MaxMessage.
	readSize = wire.MaxMessage / 2
)

// monitorConn answers one connection.
type monitorConn struct {
	c          *Central
	conn       net.Conn
	source     *source
	opened     time.Time
	registered bool // a registered charge point has spoken
	requests   wire.RequestDecoder
	out        []byte
}

// serve reads and answers until the peer leaves, overdoes it, or Central stops.
func (s *monitorConn) serve() {
	var in [readSize]byte
	for {
		s.conn.SetReadDeadline(s.readDeadline())
		n, err := s.conn.Read(in[:])
		if !s.requests.Feed(in[:n]) {
			s.rejectTooLong()
			return
		}
		if !s.answerAll() || (err != nil && !s.readFailed(err)) {
			return
		}
	}
}

// answerAll answers the complete messages and reports whether the peer still reads.
func (s *monitorConn) answerAll() bool {
	for {
		r, ok := s.requests.Next()
		if !ok {
			return true
		}
		if !s.answer(r) {
			return false
		}
	}
}

// readFailed handles a Read that brought an error: when time is over or the peer has
// closed, what is held is all of it. It reports whether to go on.
func (s *monitorConn) readFailed(err error) bool {
	timeout := errors.Is(err, os.ErrDeadlineExceeded)
	if !timeout && !errors.Is(err, io.EOF) {
		return false
	}
	if r, ok := s.requests.Flush(); ok && !s.answer(r) {
		return false
	}
	return timeout && (s.registered || time.Since(s.opened) < registerWithin)
}

// readDeadline is when the next Read gives up; the zero time is never.
func (s *monitorConn) readDeadline() time.Time {
	var until time.Time
	if !s.registered {
		until = s.opened.Add(registerWithin)
	}
	wait := s.requests.Wait()
	if wait == 0 {
		return until
	}
	if soon := time.Now().Add(wait); until.IsZero() || soon.Before(until) {
		return soon
	}
	return until
}

// answer answers one request and reports whether the answer went out.
func (s *monitorConn) answer(r wire.Request) bool {
	words := cpstate.UnknownMessage
	if r.Err == nil {
		words = s.c.receive(s, r.Message)
	} else {
		s.c.log.Debug("answered an unknown message", "peer", s.source.peer, "error", r.Err)
	}
	return s.write(words, r)
}

func (s *monitorConn) write(words string, r wire.Request) bool {
	s.out = wire.AppendReply(s.out[:0], words, r)
	s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := s.conn.Write(s.out)
	return err == nil
}

// rejectTooLong ends a connection whose message has no end.
func (s *monitorConn) rejectTooLong() {
	s.c.warnLimited("closed a connection: its message has no end", slog.String("peer", s.source.peer), slog.Int("limit_bytes", wire.MaxMessage))
	if !s.write(cpstate.UnknownMessage, wire.Request{Err: wire.ErrTooLong}) {
		return
	}
	if half, ok := s.conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		s.conn.SetReadDeadline(time.Now().Add(drainTimeout))
		_, _ = io.CopyN(io.Discard, s.conn, drainMax) // whatever it says, the connection closes
	}
}
