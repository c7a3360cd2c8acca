package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"evcp"
	"evcp/internal/faultproxy"
	"evcp/internal/oracle"
	"evcp/internal/wire"
)

// trace gathers all that the oracle reads.
func (c *campaign) trace(to evcp.Stamp, shown map[string]centralCP, entries map[eventSource][]oracle.TopicRecord) (oracle.Trace, error) {
	c.truth.mu.Lock()
	defer c.truth.mu.Unlock()
	r := oracle.Trace{Rules: c.timing.rules(), From: stampOf(c.from), To: to, Shared: sortWindows(c.truth.shared)}
	for _, p := range c.cps {
		n := &c.truth.cps[p.number]
		chunks, conns, missed := p.centralLink.Traffic()
		if missed > 0 {
			return r, fmt.Errorf("the record of the link from %s to Central is full; %d chunks are missing", p.id, missed)
		}
		slices.SortStableFunc(n.checks, func(a, b oracle.EngineCheck) int { return cmp.Compare(a.Received, b.Received) })
		r.CPs = append(r.CPs, oracle.CPTrace{
			ID: p.id, Behaviours: n.behaviours, Windows: sortWindows(n.windows), EngineChecks: n.checks,
			Messages: messages(chunks, conns), Records: entries[p.source()], Shown: shown[string(p.id)].State,
		})
	}
	return r, nil
}

// messages pairs what a Monitor said with what Central answered: one message is
// outstanding on a connection, and each is one chunk.
func messages(chunks []faultproxy.Chunk, conns []faultproxy.ClientConn) []oracle.CentralMessage {
	var all []oracle.CentralMessage
	open := map[int]int{} // connection → its last message
	for _, x := range chunks {
		if !x.Up {
			if at, ok := open[x.Conn]; ok && all[at].Answered == 0 {
				all[at].Answered, all[at].Returned = stampOf(x.Received), stampOrNever(x.Forwarded)
			}
			continue
		}
		m, err := wire.Parse(bytes.TrimSpace(x.Data))
		if err != nil {
			continue
		}
		open[x.Conn] = len(all)
		all = append(all, oracle.CentralMessage{Verb: m.Verb, Sent: stampOf(x.Received), Forwarded: stampOrNever(x.Forwarded), Closed: stampOrNever(conns[x.Conn-1].Closed)})
	}
	return all
}

func stampOrNever(t time.Time) evcp.Stamp {
	if t.IsZero() {
		return 0
	}
	return stampOf(t)
}

// centralCP is what Central shows of one charge point.
type centralCP struct {
	ID       string `json:"cp_id"`
	State    string `json:"state"`
	Monitors int    `json:"speakers"`
}

// centralView asks Central what it shows.
func (c *campaign) centralView(ctx context.Context) (map[string]centralCP, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.centralPage+"/api/v1/cps", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask Central: %w", err)
	}
	req.Close = true // nothing is left open between two looks
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask Central: %w", err)
	}
	defer resp.Body.Close()
	var page []centralCP
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		return nil, fmt.Errorf("read Central's answer: %w", err)
	}
	faces := map[string]centralCP{}
	for _, p := range c.cps {
		faces[string(p.id)] = centralCP{State: "nothing of it"}
	}
	for _, cp := range page {
		faces[cp.ID] = cp
	}
	return faces, nil
}
