package central

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"evcp"
	"evcp/internal/authority"
	"evcp/internal/credentials"
	"evcp/internal/wait"
)

// handshakeLimit is how long a handshake may take.
const handshakeLimit = 5 * time.Second

// tlsOnly answers text on a port for TLS. A Monitor understands it as a refusal, of a
// registration as of a report.
const tlsOnly = "KO this port takes TLS only\n"

// SecureListener is a listener whose connections begin with a TLS handshake. Its Accept does
// not make it: Serve does, for each connection on a goroutine of its own.
type SecureListener struct {
	net.Listener
	Server *credentials.Server
}

// clientIdentity is who has a connection, by its certificate.
type clientIdentity struct {
	certificate *credentials.ClientCertificate
	serial      string
	uris        []string
}

// mayBe reports whether the certificate is for a charge point: it names the charge point,
// or the fleet that the registry gives it now.
func (i *clientIdentity) mayBe(id evcp.CPID, registry *Registry) bool {
	fleet := ""
	if registry != nil {
		fleet = registry.Fleet(id)
	}
	for _, uri := range i.uris {
		if uri == authority.ChargePointURI(id) || fleet != "" && uri == authority.FleetURI(fleet) {
			return true
		}
	}
	return false
}

// name is whom the certificate is for.
func (i *clientIdentity) name() string {
	if len(i.uris) == 0 {
		return "(no URI)"
	}
	return strings.Join(i.uris, ", ")
}

// attrs name the certificate in the log.
func (i *clientIdentity) attrs() []slog.Attr {
	return []slog.Attr{slog.String("certificate", i.name()), slog.String("serial", i.serial)}
}

// handshake makes the connection a TLS connection, and reports whether that worked. What
// failed is logged once for each host and reason.
func (m *monitorConn) handshake(server *credentials.Server) bool {
	_ = m.socket.SetDeadline(time.Now().Add(handshakeLimit)) // a closed socket fails next
	conn := tls.Server(m.socket, server.Config())
	if err := conn.Handshake(); err != nil {
		m.handshakeFailed(err)
		return false
	}
	_ = m.socket.SetDeadline(time.Time{})
	m.conn = conn
	certificate := server.ClientCertificate(conn.ConnectionState())
	if certificate == nil {
		return true
	}
	m.identity = &clientIdentity{certificate, authority.Serial(certificate.Leaf()), authority.URIs(certificate.Leaf())}
	m.record.Certificate = m.identity.name()
	m.c.mu.Lock()
	m.c.conns[m.socket] = m.identity
	m.c.mu.Unlock()
	return true
}

func (m *monitorConn) handshakeFailed(err error) {
	m.c.board.setFigures(func(f *Figures) { f.HandshakesFailed++ })
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) { // Central stops, or a port scan
		m.c.log.Debug("a connection ended before its TLS handshake", "peer", m.record.Peer)
		return
	}
	why := strings.TrimPrefix(err.Error(), "tls: ")
	header, isHeader := errors.AsType[tls.RecordHeaderError](err)
	text := isHeader && header.Conn != nil
	switch {
	case text:
		why = "text without TLS on the port for TLS"
	case errors.Is(err, os.ErrDeadlineExceeded):
		why = "no end within " + handshakeLimit.String()
	}
	if m.c.failures.isNew(host(m.record.Peer), why, time.Now()) {
		m.c.warnLimited(m.c.o.Language.Sprintf("no TLS with %s: %s", host(m.record.Peer), m.c.o.Language.Text(why)),
			slog.String("why", why), slog.String("peer", m.record.Peer))
	}
	if text {
		m.sendLast([]byte(tlsOnly))
	}
}

// certificateCheckInterval is how often open connections are compared with the list of
// revoked certificates, the trusted authorities and the clock.
const certificateCheckInterval = time.Second / 2

// superviseCertificates closes the connections whose certificate is not accepted any more,
// until ctx ends. New authorities cost 0.1 ms for each connection: nothing else waits for it.
func (c *Central) superviseCertificates(ctx context.Context) {
	for wait.For(ctx, certificateCheckInterval) {
		for socket, identity := range c.certified() {
			if err := identity.certificate.Valid(time.Now()); err != nil {
				c.cut(socket, identity, err)
			}
		}
	}
}

// certified are the connections with a certificate.
func (c *Central) certified() map[net.Conn]*clientIdentity {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[net.Conn]*clientIdentity{}
	for socket, identity := range c.conns {
		if identity != nil {
			all[socket] = identity
		}
	}
	return all
}

// cut closes a connection for what is wrong with its certificate.
func (c *Central) cut(socket net.Conn, identity *clientIdentity, why error) {
	c.mu.Lock()
	first := c.conns[socket] != nil
	if first {
		c.conns[socket] = nil
	}
	c.mu.Unlock()
	socket.Close()
	if first {
		c.board.setFigures(func(f *Figures) { f.ConnectionsCut++ })
		c.log.LogAttrs(context.Background(), slog.LevelWarn, c.o.Language.Sprintf("cut the connection of %s: %s", identity.name(), why),
			append(identity.attrs(), slog.String("peer", socket.RemoteAddr().String()))...)
	}
}

const (
	// failureMemory is how long the same failure of the same peer is not told again.
	failureMemory = 10 * time.Minute
	// failuresKept bounds how many are remembered.
	failuresKept = 1024
)

// failureLog remembers which failures of which peers were told: a Monitor with a wrong
// certificate comes back every few seconds. The zero value is ready.
type failureLog struct {
	mu   sync.Mutex
	told map[string]time.Time
}

func (l *failureLog) isNew(peer, why string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := peer + "\n" + why
	if at, ok := l.told[key]; ok && now.Sub(at) < failureMemory {
		return false
	}
	if l.told == nil || len(l.told) >= failuresKept {
		l.told = map[string]time.Time{}
	}
	l.told[key] = now
	return true
}
