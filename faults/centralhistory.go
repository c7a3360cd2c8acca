package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"evcp"
	"evcp/internal/archive"
	"evcp/internal/ledger"
	"evcp/internal/oracle"
	"evcp/internal/process"
	"evcp/internal/wait"
)

// historyTimeout bounds how long a Central may take to read the topic.
const historyTimeout = 60 * time.Second

// historyReader reads the history that one Central keeps: at its page, and in its folder.
type historyReader struct{ page, folder string }

func (h historyReader) open() (*archive.HistoryView, error) {
	return archive.OpenView(filepath.Join(h.folder, archive.FileName), "", true)
}

// read waits until it has read so many records of the topic and committed them, and opens what
// is on disk then.
func (h historyReader) read(ctx context.Context, records int64) (*archive.HistoryView, error) {
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	for {
		got := int64(-1)
		v, err := h.open()
		if err == nil {
			if got = v.Progress.Records; got == records {
				return v, nil
			}
			err = v.Close()
		}
		if got > records || !wait.For(ctx, 200*ms) {
			return nil, errors.Join(err, fmt.Errorf("%s has read %d records of %d", h.folder, got, records))
		}
		_, _ = h.get(ctx, "/api/v1/cps/"+string(cpID(0))+"/segments") // it commits before it answers
	}
}

// get asks its API.
func (h historyReader) get(ctx context.Context, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.page+path, http.NoBody)
	if err != nil {
		return "", fmt.Errorf("ask Central: %w", err)
	}
	req.Close = true // no connection is kept for the next request
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask Central: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("Central answers %s: %s", resp.Status, body)
	}
	return string(body), err
}

// answersOfEvents are the lists of a charge point that follow from the events alone.
var answersOfEvents = []string{"segments?limit=1000", "incidents?limit=1000", "minutes"}

// ofEvents is get without what Central heard by the text protocol, which is on no topic.
func (h historyReader) ofEvents(ctx context.Context, path string) (string, error) {
	text, err := h.get(ctx, path)
	if err != nil {
		return "", err
	}
	var answer map[string]any
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	incidents, _ := answer["incidents"].([]any)
	for _, i := range incidents {
		if one, ok := i.(map[string]any); ok {
			delete(one, "tcp_failure")
			delete(one, "tcp_recovery")
		}
	}
	same, err := json.Marshal(answer)
	return string(same), err
}

// learnHistory adds to the trace what Central has made of the events, and keeps the number of
// records that it was made of.
func (c *campaign) learnHistory(ctx context.Context, t *oracle.Trace, records map[string][]string) error {
	if !c.history {
		return nil
	}
	for _, of := range records {
		c.topicRecords += int64(len(of))
	}
	v, err := c.centralHistory().read(ctx, c.topicRecords)
	if err != nil {
		return fmt.Errorf("Central's history: %w", err)
	}
	defer func() { _ = v.Close() }() // it has only read
	for i := range t.CPs {
		r, err := v.CP(t.CPs[i].ID)
		if err != nil {
			return fmt.Errorf("Central's history: %w", err)
		}
		t.CPs[i].History = &oracle.CentralHistory{Segments: r.Segments(), Incidents: r.Incidents()}
	}
	return nil
}

func (c *campaign) centralHistory() historyReader {
	return historyReader{c.centralPage, filepath.Join(c.o.dir, "central")}
}

// compareHistories starts a second Central, which reads the topic from its beginning, and
// compares its answers with those of the first, until a moment.
func (c *campaign) compareHistories(until evcp.Stamp) (found []scenarioMetric) {
	free, err := c.ports.Take(2)
	if err != nil {
		return []scenarioMetric{holds("a second Central: "+err.Error(), false)}
	}
	first, second := c.centralHistory(), historyReader{free[1], filepath.Join(c.o.dir, "central-second")}
	began := time.Now()
	child, err := c.startChild("central-second", filepath.Join(c.o.bin, "ev-central"), "--listen", free[0], "--http", free[1], "--state-dir", second.folder, "--kafka-brokers", c.brokerAddress)
	if err == nil {
		err = child.WaitListening(c.ctx, free[0])
	}
	if err == nil {
		var v *archive.HistoryView
		if v, err = second.read(c.ctx, c.topicRecords); err == nil {
			err = v.Close()
		}
	}
	if err != nil {
		return []scenarioMetric{holds("a second Central: "+err.Error(), false)}
	}
	found = append(found, count("records that a second Central has read from the beginning", int(c.topicRecords)), atMost("  after", time.Since(began), historyTimeout))
	// differs reports whether the two do not answer the same.
	differs := func(what string, ask func(historyReader) (string, error)) int {
		a, err1 := ask(first)
		b, err2 := ask(second)
		if err := errors.Join(err1, err2); err == nil && a == b && a != "" {
			return 0
		}
		fmt.Fprintf(c.o.out, "%s: the first Central says %v\n%s\nthe second %v\n%s\n", what, err1, a, err2, b)
		return 1
	}
	reports, answers := 0, 0
	for _, d := range ledger.Definitions {
		for _, format := range []string{"json", "csv", "html", "text"} {
			reports += differs(fmt.Sprintf("report %s, %s", d, format), func(h historyReader) (string, error) { return c.reportOf(h, d, format, until) })
		}
	}
	for _, p := range c.cps {
		for _, of := range answersOfEvents {
			path := "/api/v1/cps/" + string(p.id) + "/" + of
			answers += differs(path, func(h historyReader) (string, error) { return h.ofEvents(c.ctx, path) })
		}
	}
	_, stopped := child.Stop(stopPatience)
	return append(found, exactly("of its reports, by three definitions in four formats, differ", reports, 0),
		exactly(fmt.Sprintf("of its %d answers of the API differ", len(answersOfEvents)*len(c.cps)), answers, 0), holds("it stops", stopped))
}

// reportOf runs ev-central report on a running Central.
func (c *campaign) reportOf(h historyReader, d ledger.Definition, format string, until evcp.Stamp) (string, error) {
	ctx, cancel := context.WithTimeout(c.ctx, historyTimeout)
	defer cancel()
	ports := filepath.Join(c.o.dir, "ports.csv")
	if err := os.WriteFile(ports, []byte("cp_id,power_kw\n"+strings.Join(c.portLines(), "")), 0o600); err != nil {
		return "", fmt.Errorf("write the file of ports: %w", err)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.o.bin, "ev-central"), "report", "--state-dir", h.folder, "--definition", string(d),
		"--year", until.Time().Format("2006"), "--until", ledger.RFC3339(until), "--format", format, "--ports", ports)
	cmd.Env, cmd.Stderr = process.Env(h.folder), os.Stderr
	out, err := cmd.Output()
	return string(out), err
}

// portLines are the charge points as fast ports.
func (c *campaign) portLines() (lines []string) {
	for _, p := range c.cps {
		lines = append(lines, string(p.id)+",150\n")
	}
	return lines
}
