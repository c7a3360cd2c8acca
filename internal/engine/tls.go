package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"evcp/internal/wire"
)

// handshakeLimit is how long a peer may take for the TLS handshake.
const handshakeLimit = 10 * time.Second

// closeNotifyLimit is how long a connection that is closed may take for its last record.
const closeNotifyLimit = 100 * time.Millisecond

// secure makes the handshake, if this Engine speaks TLS. A reason why it failed is logged
// when it is another than the last one: a Monitor tries again each second.
func (e *Engine) secure(ctx context.Context, c net.Conn) (net.Conn, error) {
	if e.options.TLS == nil {
		return c, nil
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeLimit)
	defer cancel()
	secured := tls.Server(c, e.options.TLS)
	err := secured.HandshakeContext(ctx)
	if plain, ok := errors.AsType[tls.RecordHeaderError](err); ok && plain.Conn != nil {
		_, _ = c.Write([]byte(wire.TLSAlert)) // fails only on a broken connection
	}
	why := ""
	if err != nil && ctx.Err() == nil {
		why = err.Error()
	}
	e.mu.Lock()
	news := why != "" && why != e.tlsError
	e.tlsError = why
	e.mu.Unlock()
	if news {
		e.log.Warn("no TLS with a Monitor: "+why, "error", why, "peer", c.RemoteAddr().String())
	}
	return secured, err
}

// closeTLS tells the peer of a TLS connection that nothing more comes. The connection below
// is closed by its owner.
func closeTLS(c byteStream) {
	if secured, ok := c.(*tls.Conn); ok {
		_ = secured.SetWriteDeadline(time.Now().Add(closeNotifyLimit)) // fails only on a broken connection, as the next
		_ = secured.CloseWrite()
	}
}
