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

// testimony gathers all that the oracle reads.
func (c *campaign) testimony(to evcp.Stamp, shown map[string]face, entries map[sender][]oracle.TopicRecord) (oracle.Trace, error) {
	c.journal.mu.Lock()
	defer c.journal.mu.Unlock()
	r := oracle.Trace{Rules: c.pace.rules(), From: stampOf(c.from), To: to, Shared: sortWindows(c.journal.shared)}
	for _, p := range c.points {
		n := &c.journal.points[p.number]
		chunks, conns, missed := p.central.Traffic()
		if missed > 0 {
			return r, fmt.Errorf("the record of the link from %s to Central is full; %d chunks are missing", p.id, missed)
		}
		slices.SortStableFunc(n.questions, func(a, b oracle.EngineCheck) int { return cmp.Compare(a.Received, b.Received) })
		r.CPs = append(r.CPs, oracle.CPTrace{
			ID: p.id, Behaviours: n.behaviours, Windows: sortWindows(n.windows), EngineChecks: n.questions,
			Messages: messages(chunks, conns), Records: entries[p.sender()], Shown: shown[string(p.id)].State,
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

// face is what Central shows of one charge point.
type face struct {
	ID       string `json:"cp_id"`
	State    string `json:"state"`
	Speakers int    `json:"speakers"`
}

// shown asks Central what it shows.
func (c *campaign) shown(ctx context.Context) (map[string]face, error) {
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
	var page []face
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		return nil, fmt.Errorf("read Central's answer: %w", err)
	}
	faces := map[string]face{}
	for _, p := range c.points {
		faces[string(p.id)] = face{State: "nothing of it"}
	}
	for _, cp := range page {
		faces[cp.ID] = cp
	}
	return faces, nil
}
