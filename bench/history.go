package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"evcp/internal/archive"
	"evcp/internal/process"
	"evcp/internal/status"
	"evcp/internal/testbed"
	"evcp/internal/wait"
)

// Bounds of the history.
const (
	yearReportWithin = 10.0      // s
	lagAtMost        = 2.0       // s
	catchUpAtLeast   = 200_000.0 // events a second
)

// inOneTable is a measurement that fills one table.
func inOneTable(measure func(*harness, context.Context) (resultTable, error)) func(context.Context, *harness) ([]resultTable, error) {
	return func(ctx context.Context, h *harness) ([]resultTable, error) {
		t, err := measure(h, ctx)
		return []resultTable{t}, err
	}
}

// measureYear makes the history of many charge points and a year, and runs ev-central report on
// it.
func (h *harness) measureYear(ctx context.Context) (t resultTable, err error) {
	cps := generatedYears["many"].cps
	t = resultTable{
		name: "yearreport", title: fmt.Sprintf("ev-central report --year 2026, %d charge points", cps),
		head: []string{"", "outages", "s", "processor time, s", "MB", "at most 10 s"},
	}
	dir, err := h.folder("year")
	if err != nil {
		return t, err
	}
	self, err := os.Executable()
	if err != nil {
		return t, fmt.Errorf("find this program: %w", err)
	}
	writer, err := h.start(ctx, self, "year", dir, "many", "forwards")
	if err != nil {
		return t, err
	}
	if code := writer.ExitCode(); code != 0 {
		return t, fmt.Errorf("write a year: exit %d: %s", code, writer.Tail())
	}
	ports := filepath.Join(dir, "ports.csv")
	text := "cp_id,power_kw\n"
	for n := range cps {
		text += string(cpName(n)) + ",150\n"
	}
	if err := os.WriteFile(ports, []byte(text), 0o600); err != nil {
		return t, err
	}
	for _, definition := range []string{"nevi", "uk", "plain"} {
		var took, cpu, resident samples
		outages := 0
		for range 3 {
			cmd := exec.CommandContext(ctx, h.program("ev-central"), "report", "--state-dir", dir, "--definition", definition, "--year", "2026", "--ports", ports, "--format", "json")
			cmd.Env, cmd.Stderr = process.Env(dir), os.Stderr
			began := time.Now()
			out, err := cmd.Output()
			if err != nil {
				return t, fmt.Errorf("report %s: %w", definition, err)
			}
			took.add(time.Since(began).Seconds())
			cpu.add((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
			resident.add(peakOf(cmd.ProcessState))
			if outages, err = countOutages(out, cps); err != nil {
				return t, err
			}
		}
		t.add(definition, fmt.Sprint(outages), took.String(), cpu.String(), figure(resident.max()), verdict(took.max(), yearReportWithin))
	}
	return t, nil
}

// countOutages checks that a report is about so many ports.
func countOutages(report []byte, ports int) (outages int, err error) {
	var u struct {
		Ports []struct {
			Outages []struct{} `json:"outages"`
		} `json:"ports"`
	}
	if err := json.Unmarshal(report, &u); err != nil {
		return 0, fmt.Errorf("read a report: %w", err)
	}
	if len(u.Ports) != ports {
		return 0, fmt.Errorf("a report of %d ports, not of %d", len(u.Ports), ports)
	}
	for _, p := range u.Ports {
		outages += len(p.Outages)
	}
	return outages, nil
}

// historyBroker is the broker of the options, else an Apache Kafka of its own, else one in memory;
// what says which.
func (h *harness) historyBroker(ctx context.Context) (port, what string, err error) {
	const apache = "Apache Kafka, one node on this machine"
	if h.kafka != "" {
		return h.kafka, apache, nil
	}
	if _, err := exec.LookPath("java"); err != nil {
		_, port, err := h.broker(ctx)
		return port, "kfake, in memory: java is not installed", err
	}
	addresses, err := h.ports.Take(2)
	if err != nil {
		return "", "", err
	}
	dir, err := h.folder("kafka")
	if err != nil {
		return "", "", err
	}
	k := testbed.ApacheKafka{Port: testbed.Port(addresses[0]), Dir: dir}
	if err := k.Do("start"); err != nil {
		return "", "", err
	}
	h.onClose(func() { _ = k.Do("kill") }) // its data is deleted with the folder
	return k.Port, apache, nil
}

// historian is an ev-central that keeps history.
type historian struct {
	*process.Child
	dir     string
	started time.Time
}

// historian starts one in a new folder.
func (h *harness) historian(ctx context.Context, broker, topic string) (*historian, error) {
	address, err := h.freePort()
	if err != nil {
		return nil, err
	}
	dir, err := h.folder("central-state")
	if err != nil {
		return nil, err
	}
	c, err := h.startServer(ctx, address, h.program("ev-central"), "--listen", "127.0.0.1:"+address, "--http", "", "--state-dir", dir,
		"--kafka-brokers", "127.0.0.1:"+broker, "--kafka-topic", topic)
	if err != nil {
		return nil, err
	}
	all := &historian{c, dir, c.Started}
	_, err = all.untilRead(ctx, 0) // its socket comes a moment after its port
	return all, err
}

// reading is what it says of its history: see cmd/ev-central/status.go.
type reading struct {
	Lag     int64  `json:"lag"`
	Records int64  `json:"records"`
	Error   string `json:"error"`
}

// ask asks what ev-central status asks.
func (c *historian) ask(ctx context.Context) (reading, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return status.Dial(ctx, c.dir) },
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://central/api/v1/status", http.NoBody)
	if err != nil {
		return reading{}, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return reading{}, fmt.Errorf("ask Central: %w", err)
	}
	defer resp.Body.Close()
	var d struct{ History reading }
	if err := json.NewDecoder(resp.Body).Decode(&d); err != nil {
		return reading{}, fmt.Errorf("ask Central: %w", err)
	}
	return d.History, nil
}

// untilRead waits until it has read so many records, and returns how long that took since its
// start.
func (c *historian) untilRead(ctx context.Context, records int64) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for {
		last, err := c.ask(ctx)
		if err == nil && last.Records >= records {
			return time.Since(c.started), nil
		}
		if err := endedError(c.Child); err != nil {
			return 0, err
		}
		if !wait.For(ctx, 50*time.Millisecond) {
			return 0, errors.Join(err, fmt.Errorf("Central has read %d records of %d; %s", last.Records, records, last.Error))
		}
	}
}

// databaseBytes is the size of its file, after its end.
func (c *historian) databaseBytes() (int64, error) {
	if _, stopped := c.Stop(10 * time.Second); !stopped {
		return 0, fmt.Errorf("Central did not stop: %s", c.Tail())
	}
	info, err := os.Stat(filepath.Join(c.dir, archive.FileName))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
