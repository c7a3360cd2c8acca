package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"evcp/internal/kafka"
)

// syncBuffer takes a log from any goroutine.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestTopicMadeAnew: the topic is deleted and made anew while it is read. Reading goes on from
// its beginning, the log says it once, each answer says it, and what was signed before can be
// opened again.
func TestTopicMadeAnew(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "events"))
	must(t, err)
	defer cluster.Close()
	cl, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic("events"))
	must(t, err)
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	f := newFleet(2, time.Second)
	produce := func(seconds int) {
		t.Helper()
		for range seconds {
			for _, r := range f.second(0).Records {
				must(t, cl.ProduceSync(ctx, &kgo.Record{Value: r.Value}).FirstErr())
			}
		}
	}
	produce(10)

	dir := t.TempDir()
	a := openArchive(t, dir)
	var log syncBuffer
	follower, err := NewFollower(a, kafka.Options{Brokers: cluster.ListenAddrs(), Topic: "events"}, slog.New(slog.NewTextHandler(&log, nil)))
	must(t, err)
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); follower.Run(running) }()
	defer func() { stop(); <-ended; must(t, a.Close()) }()
	position := func(what string, reached func(ReadProgress) bool) (position string) {
		t.Helper()
		for !reached(follower.Status().ReadProgress) {
			if ctx.Err() != nil {
				t.Fatalf("waited for %s in vain: %+v\n%s", what, follower.Status(), &log)
			}
			time.Sleep(10 * time.Millisecond)
		}
		must(t, follower.Do(ctx, func(a *Archive) (err error) { position, err = a.Position(); return err }))
		return position
	}
	before := position("the first topic", func(p ReadProgress) bool { return p.Records == 22 })
	if before != "0:22/0" {
		t.Errorf("the position before is %s", before)
	}
	signed := shown(t, dir, before)

	must(t, errors.Join(cluster.DeleteTopic("events"), cluster.CreateTopic("events", 1, nil)))
	cl.PurgeTopicsFromClient("events")
	produce(5)
	after := position("the second topic", func(p ReadProgress) bool { return p.Records == 32 })
	if after != "0:10~1/0" {
		t.Errorf("the position after is %s", after)
	}
	if n := strings.Count(log.String(), "made anew"); n != 1 {
		t.Errorf("the log says it %d times:\n%s", n, &log)
	}
	if got := shown(t, dir, before); got != signed {
		t.Errorf("what was signed is\n%s\nwas\n%s", got, signed)
	}
	for at, want := range map[string]int{before: 0, after: 1, "": 1} {
		v, err := OpenView(filepath.Join(dir, FileName), at, true)
		must(t, err)
		r, err := v.CP("CP_00000")
		must(t, err)
		if len(v.Notes()) != want || v.Progress.MadeAnew != int64(want) || len(r.Segments()) != 1 {
			t.Errorf("at %q: %q, %v", at, v.Notes(), fmt.Sprint(r.Segments()))
		}
		must(t, v.Close())
	}
}
