package faultproxy

import (
	"bytes"
	"sync"
	"time"
)

// Chunk is what one read brought: with the small messages of this protocol, one
// message.
type Chunk struct {
	Conn      int  // connections count from 1
	Up        bool // from the client to the target
	Received  time.Time
	Forwarded time.Time // when it was handed on; zero: never
	Data      []byte    // the first bytes of it
}

// ClientConn is one connection of a client.
type ClientConn struct {
	Opened time.Time
	Closed time.Time // when the client closed or broke it off; zero: it did not, or it was broken off here
}

// maxData is how much of a chunk is kept.
const maxData = 256

// recorder is what passed, in the order in which it came.
type recorder struct {
	limit int

	mu     sync.Mutex // guards all below
	chunks []Chunk
	conns  []ClientConn
	missed int
}

// connOpened notes a connection and numbers it.
func (r *recorder) connOpened() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns = append(r.conns, ClientConn{Opened: time.Now()})
	return len(r.conns)
}

func (r *recorder) left(conn int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns[conn-1].Closed = time.Now()
}

// came notes a chunk and says where, -1 when the record is full.
func (r *recorder) came(conn int, up bool, data []byte) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.chunks) >= r.limit {
		r.missed++
		return -1
	}
	data = bytes.Clone(data[:min(len(data), maxData)])
	r.chunks = append(r.chunks, Chunk{Conn: conn, Up: up, Received: time.Now(), Data: data})
	return len(r.chunks) - 1
}

func (r *recorder) passed(at int) {
	if at < 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.chunks[at].Forwarded = time.Now()
}

// Traffic is what was sent so far, in the order in which it came, the connections
// by number less one, and how many chunks came after the record was full.
func (p *Proxy) Traffic() (chunks []Chunk, conns []ClientConn, missed int) {
	r := &p.traffic
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Chunk(nil), r.chunks...), append([]ClientConn(nil), r.conns...), r.missed
}
