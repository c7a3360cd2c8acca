package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"evcp/internal/testbed"
)

// lab is where a measurement takes place.
type lab struct {
	bin    string // the programs
	dir    string // state and logs
	effort effort
	ports  *testbed.Ports
	made   int // folders so far
}

// folder makes a new one.
func (l *lab) folder(name string) (string, error) {
	l.made++
	dir, err := filepath.Abs(filepath.Join(l.dir, fmt.Sprintf("%03d-%s", l.made, name)))
	if err != nil {
		return "", fmt.Errorf("name a folder: %w", err)
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// program is the path of one that scripts/bench.sh has built.
func (l *lab) program(name string) string {
	path, err := filepath.Abs(filepath.Join(l.bin, name))
	if err != nil {
		return name
	}
	return path
}

// free is a port that nobody listens on now.
func (l *lab) free() (string, error) {
	addresses, err := l.ports.Take(1)
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(addresses[0])
	return port, err
}

// site is one charge point to be watched: ports on loopback.
type site struct {
	cp              string
	central, engine string
	broker          string   // "": the Monitor is told that there is none
	state           string   // folder of its outbox
	more            []string // further flags
}

// monitor starts ev-cp-m. The environment is empty but for what Go itself needs,
// so that no variable of the caller's configures it.
func (l *lab) monitor(ctx context.Context, s site) (*process, error) {
	brokers := ""
	if s.broker != "" {
		brokers = "127.0.0.1:" + s.broker
	}
	return l.start(ctx, l.program("ev-cp-m"), append([]string{
		"--cp-id", s.cp, "--instance", "bench",
		"--central-ip", "127.0.0.1", "--central-port", s.central,
		"--engine-ip", "127.0.0.1", "--engine-port", s.engine,
		"--kafka-brokers", brokers, "--state-dir", s.state,
	}, s.more...)...)
}

// central starts ev-central and returns its port.
func (l *lab) central(ctx context.Context) (*process, string, error) {
	port, err := l.free()
	if err != nil {
		return nil, "", err
	}
	page, err := l.free()
	if err != nil {
		return nil, "", err
	}
	state, err := l.folder("central-state")
	if err != nil {
		return nil, "", err
	}
	p, err := l.start(ctx, l.program("ev-central"), "--listen", "127.0.0.1:"+port, "--http", "127.0.0.1:"+page, "--state-dir", state)
	if err != nil {
		return nil, "", err
	}
	if err := p.listens(ctx, port); err != nil {
		p.stop()
		return nil, "", err
	}
	return p, port, nil
}
