package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"evcp/internal/authority"
	"evcp/internal/process"
	"evcp/internal/status"
	"evcp/internal/wait"
)

// tlsAtMost bounds the processor time of a check by a kept TLS connection, relative to one
// without TLS.
const tlsAtMost = 1.3

// tlsInterval is so short that a round has enough checks.
const tlsInterval = 100 * time.Millisecond

// tlsMonitor is a Monitor whose Engine, the same program in each row, is reached in one way.
type tlsMonitor struct {
	name    string
	flags   []string // of the Monitor
	engine  []string // of its Engine
	process *process.Child
	dir     string // its state
	checks  int64
	cpu     time.Duration
	cost    samples // µs of processor time per check
	ratio   samples // cost, divided by that of the first row in the same round
}

// measureTLS runs Monitors with and without TLS at the same time, in several rounds.
func measureTLS(ctx context.Context, h *harness) ([]resultTable, error) {
	ca, cert, key, err := h.certificates()
	if err != nil {
		return nil, err
	}
	central, err := h.central(ctx)
	if err != nil {
		return nil, err
	}
	secure, trust := []string{"--tls-cert", cert, "--tls-key", key}, []string{"--engine-tls", "--engine-ca", ca}
	all := []*tlsMonitor{
		{name: "plain, kept"},
		{name: "TLS, kept", flags: trust, engine: secure},
		{name: "plain, Engine closes after each reply", engine: []string{"--close-after-reply"}},
		{name: "TLS, Engine closes after each reply", flags: trust, engine: append([]string{"--close-after-reply"}, secure...)},
	}
	for i, m := range all {
		if err := m.start(ctx, h, fmt.Sprintf("CP_TLS_%d", i), central); err != nil {
			return nil, err
		}
	}
	for range h.sizes.rounds {
		if err := measureTLSRound(ctx, h, all); err != nil {
			return nil, err
		}
	}
	t := resultTable{name: "tls", title: "A check by TLS, µs of processor time: median (min–max)", head: []string{"link to the Engine", "µs per check", "× plain, kept", "at most 1.3"}}
	for i, m := range all {
		held := "–"
		if i == 1 {
			held = verdict(m.ratio.median(), tlsAtMost)
		}
		t.add(m.name, m.cost.String(), figure(m.ratio.median()), held)
	}
	return []resultTable{t}, nil
}

// certificates are PEM files for an Engine on 127.0.0.1.
func (h *harness) certificates() (ca, cert, key string, err error) {
	dir, err := h.folder("certificates")
	if err != nil {
		return "", "", "", err
	}
	a, err := authority.New("bench", time.Now())
	if err != nil {
		return "", "", "", err
	}
	issued, err := a.Issue(authority.CertificateRequest{Names: []string{"127.0.0.1"}})
	if err != nil {
		return "", "", "", err
	}
	ca, cert, key = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "engine.pem"), filepath.Join(dir, "engine.key")
	return ca, cert, key, errors.Join(os.WriteFile(ca, a.CertPEM(), 0o600), os.WriteFile(cert, issued.CertPEM, 0o600), os.WriteFile(key, issued.KeyPEM, 0o600))
}

func (m *tlsMonitor) start(ctx context.Context, h *harness, cp, central string) error {
	port, err := h.freePort()
	if err != nil {
		return err
	}
	if _, err := h.startServer(ctx, port, h.program("ev-cp-e"), append([]string{"--listen", "127.0.0.1:" + port}, m.engine...)...); err != nil {
		return err
	}
	state, err := h.folder("state")
	if err != nil {
		return err
	}
	m.dir = filepath.Join(state, cp)
	config := monitorConfig{cp: cp, central: central, stateDir: state, flags: append([]string{"--interval", tlsInterval.String()}, m.flags...)}
	m.process, err = config.start(ctx, h, port)
	return err
}

// measureTLSRound adds one sample to each.
func measureTLSRound(ctx context.Context, h *harness, all []*tlsMonitor) error {
	if !wait.For(ctx, h.sizes.warmup) {
		return ctx.Err()
	}
	before := make([]tlsMonitor, len(all))
	for i, m := range all {
		if err := m.read(ctx); err != nil {
			return err
		}
		before[i] = *m
	}
	if !wait.For(ctx, h.sizes.window/2) {
		return ctx.Err()
	}
	for i, m := range all {
		if err := m.read(ctx); err != nil {
			return err
		}
		checks := m.checks - before[i].checks
		if checks == 0 {
			return fmt.Errorf("%s: no check: %s", m.name, m.process.Tail())
		}
		m.cost.add(float64((m.cpu - before[i].cpu).Microseconds()) / float64(checks))
		m.ratio.add(m.cost.last() / all[0].cost.last())
	}
	return nil
}

// read takes what the Monitor has used since its start. A failed check is an error: it costs
// something else.
func (m *tlsMonitor) read(ctx context.Context) (err error) {
	a, err := status.Get(ctx, m.dir, status.StatusPath)
	if err != nil {
		return err
	}
	var d struct {
		Checks struct{ Total, Failed int64 }
	}
	if err := json.Unmarshal(a.Body, &d); err != nil {
		return err
	}
	if d.Checks.Failed > 0 {
		return fmt.Errorf("%s: %d checks failed: %s", m.name, d.Checks.Failed, m.process.Tail())
	}
	m.checks = d.Checks.Total
	m.cpu, err = processorTime(m.process)
	return err
}
