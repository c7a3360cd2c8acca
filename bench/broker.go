package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"github.com/twmb/franz-go/pkg/kfake"
)

// broker is a Kafka-compatible one, in memory, in a process of its own: what is
// measured are the Monitors, and a process can be frozen.
type broker struct {
	*process
	port string
}

// broker starts one, and waits until it listens.
func (l *lab) broker(ctx context.Context) (broker, error) {
	port, err := l.free()
	if err != nil {
		return broker{}, err
	}
	self, err := os.Executable()
	if err != nil {
		return broker{}, fmt.Errorf("find this program: %w", err)
	}
	p, err := l.start(ctx, self, "broker", port)
	if err != nil {
		return broker{}, err
	}
	if err := p.listens(ctx, port); err != nil {
		p.stop()
		return broker{}, err
	}
	return broker{p, port}, nil
}

func (b broker) freeze() { b.signal(syscall.SIGSTOP) }
func (b broker) thaw()   { b.signal(syscall.SIGCONT) }

// serveBroker is that process.
func serveBroker(ctx context.Context, port string) error {
	n, err := strconv.Atoi(port)
	if err != nil {
		return fmt.Errorf("port of the broker: %w", err)
	}
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(n), kfake.SeedTopics(1, "monitor-events"))
	if err != nil {
		return fmt.Errorf("start a broker: %w", err)
	}
	defer c.Close()
	<-ctx.Done()
	return nil
}
