package testbed

import (
	"context"
	"crypto/tls"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kfake"
)

// BrokerOptions are those of ServeBroker.
type BrokerOptions struct {
	Dir string      // of its data; "": in memory
	TLS *tls.Config // nil: plain TCP
	// Password of BrokerUser, by SCRAM-SHA-256; "": nobody logs in. A broker that has data
	// keeps the password that it has.
	Password string
}

// BrokerUser is who logs in at a broker that asks for it.
const BrokerUser = "monitor"

// ServeBroker is a Kafka-compatible broker for programs, until ctx ends. The topic has one
// partition, and so one order.
func ServeBroker(ctx context.Context, port string, o BrokerOptions) error {
	n, err := strconv.Atoi(port)
	if err != nil {
		return fmt.Errorf("port of the broker: %w", err)
	}
	options := []kfake.Opt{kfake.NumBrokers(1), kfake.Ports(n), kfake.DataDir(o.Dir), kfake.SeedTopics(1, topic)}
	if o.TLS != nil {
		options = append(options, kfake.TLS(o.TLS))
	}
	if o.Password != "" {
		options = append(options, kfake.EnableSASL(), kfake.Superuser("SCRAM-SHA-256", BrokerUser, o.Password))
	}
	c, err := kfake.NewCluster(options...)
	if err != nil {
		return fmt.Errorf("start a broker: %w", err)
	}
	defer c.Close()
	<-ctx.Done()
	return nil
}
