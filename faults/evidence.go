package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"evcp"
	"evcp/internal/faultproxy"
	"evcp/internal/oracle"
	"evcp/internal/testbed"
	"evcp/internal/wire"
)

// trace gathers all that the oracle reads.
func (c *campaign) trace(to evcp.Stamp, states map[evcp.CPID]centralState, records map[string][]string) (oracle.Trace, error) {
	t := c.truth.trace()
	t.Rules, t.From, t.To = c.timing.Rules, c.from, to
	var of *controlledLink
	var sent map[evcp.CPID][]oracle.CentralMessage
	for _, p := range c.cps {
		if link := p.links[centralSide]; link != of {
			chunks, missed := link.Traffic()
			if missed > 0 {
				return t, fmt.Errorf("the record of the link from %s to Central is full; %d chunks are missing", p.id, missed)
			}
			of, sent = link, messages(chunks)
		}
		cp := &t.CPs[p.number]
		cp.Messages, cp.Records, cp.Shown = sent[p.id], records[p.name()], cmp.Or(states[p.id].State, "no such charge point")
	}
	return t, nil
}

// messages pairs the messages of each charge point with Central's answers. A chunk is one
// message, and a connection has at most one message without an answer.
func messages(chunks []faultproxy.Chunk) map[evcp.CPID][]oracle.CentralMessage {
	type place struct {
		cp evcp.CPID
		at int
	}
	all := map[evcp.CPID][]oracle.CentralMessage{}
	last := map[int]place{} // connection → its last message
	for _, x := range chunks {
		if !x.Up {
			if of, ok := last[x.Conn]; ok && all[of.cp][of.at].Answered == 0 {
				m := &all[of.cp][of.at]
				m.Answered, m.Returned = stampOf(x.Received), stampOf(x.Forwarded)
			}
			continue
		}
		m, err := wire.Parse(bytes.TrimSpace(x.Data))
		if err != nil {
			continue
		}
		last[x.Conn] = place{m.CP, len(all[m.CP])}
		all[m.CP] = append(all[m.CP], oracle.CentralMessage{Verb: m.Verb, Sent: stampOf(x.Received), Forwarded: stampOf(x.Forwarded), Closed: stampOf(x.Closed)})
	}
	return all
}

// stampOf is 0 for the zero time: never.
func stampOf(t time.Time) evcp.Stamp {
	if t.IsZero() {
		return 0
	}
	return evcp.StampOf(t)
}

// centralState is what Central's API shows of one charge point.
type centralState struct {
	ID       evcp.CPID `json:"cp_id"`
	State    string    `json:"state"`
	Monitors int       `json:"speakers"` // that send its heartbeats

	Unverified bool `json:"unverified"` // nothing supports State any more
}

// centralStates asks Central's API for all charge points.
func (c *campaign) centralStates(ctx context.Context) (map[evcp.CPID]centralState, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.centralPage+"/api/v1/cps", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask Central: %w", err)
	}
	req.Close = true // no connection is kept for the next request
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask Central: %w", err)
	}
	defer resp.Body.Close()
	var page []centralState
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		return nil, fmt.Errorf("read Central's answer: %w", err)
	}
	states := map[evcp.CPID]centralState{}
	for _, cp := range page {
		states[cp.ID] = cp
	}
	return states, nil
}

// writerOf is the name of the Monitor that wrote a record. A record that is no event counts
// as one of the first Monitor of its key: the oracle finds it there.
func writerOf(rec testbed.ConsumedRecord) string {
	return monitorName(evcp.CPID(rec.Key), rec.Event.Instance)
}

// topicLog follows the topic. It keeps all records by the names of the Monitors that wrote
// them, and the newest event of each Monitor.
type topicLog struct {
	*testbed.TopicReader
	records map[string][]string
	newest  map[string]evcp.Event
}

func (c *campaign) newTopicLog() (*topicLog, error) {
	var how []kgo.Opt
	if c.certificates != nil {
		var err error
		if how, err = c.certificates.brokerLogin(); err != nil {
			return nil, err
		}
	}
	r, err := testbed.NewTopicReader(c.brokerAddress, topic, how...)
	return &topicLog{r, map[string][]string{}, map[string]evcp.Event{}}, err
}

// read waits for more records.
func (l *topicLog) read(ctx context.Context) {
	for _, rec := range l.Poll(ctx) {
		name := writerOf(rec)
		l.records[name] = append(l.records[name], rec.Value)
		if rec.Err == nil && rec.Event.At >= l.newest[name].At {
			l.newest[name] = rec.Event
		}
	}
}

// saveTrace writes what the oracle read to the file of the options, or beside the logs,
// which are then kept, if a promise was broken.
func (c *campaign) saveTrace(t oracle.Trace, broken bool) error {
	c.keepFolder = broken
	file := c.o.keep
	if file == "" && broken {
		fmt.Fprintf(os.Stderr, "What the oracle read, and the logs: %s\n", c.o.dir)
		file = filepath.Join(c.o.dir, "trace.json")
	}
	if file == "" {
		return nil
	}
	b, err := json.Marshal(t)
	if err == nil {
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("keep the trace: %w", err)
	}
	return nil
}
