package main

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"evcp/internal/credentials"
	"evcp/internal/testbed"
)

// brokerLogin is how a client in this process connects to the broker.
func (c *certificateFiles) brokerLogin() ([]kgo.Opt, error) {
	config, err := (&credentials.Client{Roots: c.trusted}).Config("127.0.0.1")
	user := scram.Auth{User: testbed.BrokerUser, Pass: c.password.Text()}
	return []kgo.Opt{kgo.DialTLSConfig(config), kgo.SASL(user.AsSha256Mechanism())}, err
}

// changePassword changes the password of the Monitors at a broker, and then in their file.
// Connections that are open stay open.
func (c *certificateFiles) changePassword(ctx context.Context, broker, password string) error {
	how, err := c.brokerLogin()
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(append(how, kgo.SeedBrokers(broker))...)
	if err != nil {
		return fmt.Errorf("change a password: %w", err)
	}
	defer client.Close()
	const iterations = 4096
	change := kmsg.AlterUserSCRAMCredentialsRequestUpsertion{Name: testbed.BrokerUser, Mechanism: 1, Iterations: iterations, Salt: []byte(rand.Text())}
	if change.SaltedPassword, err = pbkdf2.Key(sha256.New, password, change.Salt, iterations, sha256.Size); err != nil {
		return fmt.Errorf("change a password: %w", err)
	}
	request := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	request.Upsertions = append(request.Upsertions, change)
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return fmt.Errorf("change a password: %w", err)
	}
	for _, r := range response.Results {
		if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
			return fmt.Errorf("change a password: %w", err)
		}
	}
	return c.write(passwordFile, []byte(password))
}

// brokerArgs are the last arguments of the subcommand broker; none without TLS.
func (c *certificateFiles) brokerArgs() []string {
	if c == nil {
		return nil
	}
	return []string{c.path(brokerCert + ".pem"), c.path(brokerCert + ".key"), c.path(passwordFile)}
}

// serveBroker serves a broker; with brokerArgs one with TLS, where Monitors log in. It runs in a
// process of its own.
func serveBroker(ctx context.Context, port, dir string, secure []string) error {
	o := testbed.BrokerOptions{Dir: dir}
	if len(secure) < 3 {
		return testbed.ServeBroker(ctx, port, o)
	}
	var files credentials.Store
	pair, err := files.KeyPair(brokerCert, secure[0], secure[1])
	if err != nil {
		return err
	}
	password, err := files.Secret(passwordFile, secure[2])
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop()
	watching.Go(func() { files.Watch(ctx, func(credentials.Notice) {}) }) // a bad file is told by the campaign
	o.TLS, o.Password = (&credentials.Server{Pair: pair}).Config(), password.Text()
	return testbed.ServeBroker(ctx, port, o)
}
