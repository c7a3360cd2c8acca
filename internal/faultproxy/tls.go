package faultproxy

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// secure makes the handshakes, if there is TLS, and returns the two streams: the target's
// first, so that a client waits for a target that does not answer.
func (c *proxiedConn) secure() (near, far stream, err error) {
	if c.p.tls == nil {
		return c.client, c.target, nil
	}
	config, err := c.p.tls.Client()
	if err != nil {
		return nil, nil, fmt.Errorf("TLS of a link to %s: %w", c.p.target, err)
	}
	target := tls.Client(c.target, config)
	if err := target.HandshakeContext(c.p.open); err != nil {
		return nil, nil, err
	}
	impaired := &handshakeConn{TCPConn: c.client, conn: c}
	client := tls.Server(impaired, c.p.tls.Server)
	if err := client.HandshakeContext(c.p.open); err != nil {
		return nil, nil, err
	}
	impaired.over.Store(true)
	return client, target, nil
}

// handshakeConn is the socket of a client. Until the handshake is over, the impairment acts
// on its bytes; then on what is inside of TLS: see direction.
type handshakeConn struct {
	*net.TCPConn
	conn *proxiedConn
	over atomic.Bool
}

// Read reads what has arrived, and returns it when it may pass.
func (h *handshakeConn) Read(b []byte) (int, error) {
	n, err := h.TCPConn.Read(b)
	if n > 0 && !h.mayPass(true) {
		return 0, os.ErrClosed
	}
	return n, err
}

// Write sends when the bytes may pass.
func (h *handshakeConn) Write(b []byte) (int, error) {
	if !h.mayPass(false) {
		return 0, os.ErrClosed
	}
	return h.TCPConn.Write(b)
}

func (h *handshakeConn) mayPass(up bool) bool {
	return h.over.Load() || h.conn.mayPass(up, time.Now())
}
