package faultproxy

import (
	"bytes"
	"sync"
	"time"
)

// Chunk is what one read brought: with the small messages of this protocol, one
// message.
type Chunk struct {
	Conn   int  // connections count from 1
	Up     bool // from the client to the target
	Came   time.Time
	Passed time.Time // when it was handed on; zero: never
	Data   []byte    // the first bytes of it
}

// Conn is one connection of a client.
type Conn struct {
	Opened time.Time
	Left   time.Time // when the client closed or broke it off; zero: it did not, or it was broken off here
}

// kept is how much of a chunk is kept.
const kept = 256

// record is what passed, in the order in which it came.
type record struct {
	limit int

	mu     sync.Mutex // guards all below
	chunks []Chunk
	conns  []Conn
	missed int
}

// opened notes a connection and numbers it.
func (r *record) opened() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns = append(r.conns, Conn{Opened: time.Now()})
	return len(r.conns)
}

func (r *record) left(conn int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns[conn-1].Left = time.Now()
}

// came notes a chunk and says where, -1 when the record is full.
func (r *record) came(conn int, up bool, data []byte) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.chunks) >= r.limit {
		r.missed++
		return -1
	}
	data = bytes.Clone(data[:min(len(data), kept)])
	r.chunks = append(r.chunks, Chunk{Conn: conn, Up: up, Came: time.Now(), Data: data})
	return len(r.chunks) - 1
}

func (r *record) passed(at int) {
	if at < 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.chunks[at].Passed = time.Now()
}

// Record is what was sent so far, in the order in which it came, the connections
// by number less one, and how many chunks came after the record was full.
func (p *Proxy) Record() (chunks []Chunk, conns []Conn, missed int) {
	r := &p.record
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Chunk(nil), r.chunks...), append([]Conn(nil), r.conns...), r.missed
}
