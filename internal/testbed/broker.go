package testbed

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

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

// ApacheKafka is an Apache Kafka by scripts/kafka.sh, in whose repository the process runs.
type ApacheKafka struct{ Port, Dir string }

// Do runs the script: start, stop, kill, freeze or thaw. Its output goes to a file: the broker
// that it starts inherits it, and keeps a pipe open.
func (k ApacheKafka) Do(verb string) error {
	out, err := os.CreateTemp("", "kafka-sh")
	if err != nil {
		return fmt.Errorf("kafka.sh %s: %w", verb, err)
	}
	defer func() { _ = errors.Join(out.Close(), os.Remove(out.Name())) }() // it was only to be read
	cmd := exec.Command("scripts/kafka.sh", verb)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(os.Environ(), "KAFKA_PORT="+k.Port, "KAFKA_DIR="+k.Dir), out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Run(); err != nil {
		output, _ := os.ReadFile(out.Name()) // it only adds to the error
		return fmt.Errorf("kafka.sh %s: %w\n%s", verb, err, bytes.TrimSpace(output))
	}
	return nil
}
