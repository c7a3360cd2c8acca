package testbed

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// NameServer is a name server on a UDP port, with one answer for every name.
// Names should end in a dot: the machine's search domains are then left alone.
type NameServer struct {
	Resolver *net.Resolver // asks this server alone
	conn     net.PacketConn
	serving  sync.WaitGroup
	mu       sync.Mutex // guards all below
	answer   NameAnswer
	asked    int
}

// NameAnswer is what a NameServer does with a question.
type NameAnswer struct {
	Silent bool
	Delay  time.Duration
	Code   byte         // of the A records, and of others without one of their own: 0, ServFail or NXDomain
	AAAA   byte         // code of AAAA
	A      []netip.Addr // without any, and without a code, the name has no address
}

// Codes of a NameAnswer.
const (
	ServFail = 2
	NXDomain = 3
)

// Addresses is the answer with these A records.
func Addresses(ips ...string) NameAnswer {
	var a NameAnswer
	for _, ip := range ips {
		a.A = append(a.A, netip.MustParseAddr(ip))
	}
	return a
}

// NewNameServer starts a NameServer on loopback that is stopped at the end of the test.
func NewNameServer(tb testing.TB, first NameAnswer) *NameServer {
	tb.Helper()
	s, err := ServeNames("127.0.0.1:0", first)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// ServeNames is NewNameServer outside of tests, on any address. Close it.
func ServeNames(address string, first NameAnswer) (*NameServer, error) {
	conn, err := net.ListenPacket("udp", address)
	if err != nil {
		return nil, fmt.Errorf("listen as a name server: %w", err)
	}
	s := &NameServer{conn: conn, answer: first}
	s.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	s.serving.Go(s.serve)
	return s, nil
}

// Close waits for the answers that are delayed.
func (s *NameServer) Close() {
	_ = s.conn.Close() // an error leaves it closed as well
	s.serving.Wait()
}

// Set changes the answer.
func (s *NameServer) Set(a NameAnswer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = a
}

// Asked is how many questions have come.
func (s *NameServer) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *NameServer) serve() {
	b := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(b)
		if err != nil {
			return
		}
		s.mu.Lock()
		a := s.answer
		s.asked++
		s.mu.Unlock()
		reply := a.reply(b[:n])
		if a.Silent || reply == nil {
			continue
		}
		s.serving.Go(func() {
			time.Sleep(a.Delay)
			_, _ = s.conn.WriteTo(reply, from) // an end of the test while it slept
		})
	}
}

// reply is the message of RFC 1035 that answers a question; nil to what is none.
func (a NameAnswer) reply(question []byte) []byte {
	const header = 12
	end := header
	for end < len(question) && question[end] != 0 { // the labels of the name
		end += 1 + int(question[end])
	}
	end += 5 // its end, type and class
	if end > len(question) {
		return nil
	}
	typed := binary.BigEndian.Uint16(question[end-4:])
	r := append([]byte{question[0], question[1], 0x85, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question[header:end]...)
	const ofA = 1
	if typed != ofA {
		r[3] |= max(a.Code, a.AAAA)
		return r
	}
	r[3] |= a.Code
	r[7] = byte(len(a.A))
	for _, ip := range a.A {
		r = append(r, 0xc0, header, 0, ofA, 0, 1, 0, 0, 0, 0, 0, 4) // the name above, A, IN, TTL 0, 4 bytes
		r = append(r, ip.AsSlice()...)
	}
	return r
}
