package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"evcp"
	"evcp/internal/authority"
	"evcp/internal/credentials"
	"evcp/internal/faultproxy"
	"evcp/internal/testbed"
)

// certificateFiles are those of a campaign with TLS: an authority, and a folder of files that all
// programs read. Central and the Engines want a certificate of every Monitor, the broker wants a
// password.
type certificateFiles struct {
	dir       string
	authority *authority.Authority // that issues now
	engines   []evcp.CPID          // the charge points whose Engines have certificates
	monitors  []certificateOwner   // the Monitors that have
	files     credentials.Store    // of the Engines and links, which are in this process
	trusted   *credentials.Roots
	password  *credentials.Secret
	central   *credentials.Server // the link to Central is a server with Central's certificate

	mu    sync.Mutex     // guards what follows
	taken map[string]int // how often this process took the new content of a file, by path
}

// The names of files. A server's certificate is NAME.pem, and its key NAME.key.
const (
	trustedFile  = "trusted.pem" // the authorities
	passwordFile = "password"    // of the Monitors at the broker
	centralCert  = "central"
	brokerCert   = "broker"
)

// The certificates of an Engine, and with which a Monitor connects to its Engines and to Central:
// its owner is the charge point, the fleet, or a site of that.
func ofEngine(id evcp.CPID) string  { return string(id) + "-engine" }
func toEngine(owner string) string  { return owner + "-to-engine" }
func toCentral(owner string) string { return owner + "-to-central" }

// certificateOwner is who has certificates of a Monitor, and what they say.
type certificateOwner struct{ name, uri string }

// newCertificates issues those of Central and of the broker.
func newCertificates(dir string) (*certificateFiles, error) {
	c := &certificateFiles{dir: dir, taken: map[string]int{}}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder of the certificates: %w", err)
	}
	err := errors.Join(c.newAuthority("first"), c.issueServers(), c.write(passwordFile, []byte("first password")))
	if err != nil {
		return nil, err
	}
	if c.password, err = c.files.Secret("password", c.path(passwordFile)); err != nil {
		return nil, err
	}
	c.trusted, err = c.files.Roots("trusted", c.path(trustedFile))
	if err != nil {
		return nil, err
	}
	c.central, err = c.server(centralCert)
	return c, err
}

func (c *certificateFiles) path(name string) string { return filepath.Join(c.dir, name) }

// write replaces a file by a rename.
func (c *certificateFiles) write(name string, content []byte) error {
	path := c.path(name)
	return errors.Join(os.WriteFile(path+".new", content, 0o600), os.Rename(path+".new", path))
}

// newAuthority makes another authority issue, and trusts it beside those that older names.
func (c *certificateFiles) newAuthority(name string, older ...*authority.Authority) (err error) {
	if c.authority, err = authority.New(name, time.Now()); err != nil {
		return err
	}
	return c.trust(append(older, c.authority)...)
}

// trust replaces the authorities that everybody trusts.
func (c *certificateFiles) trust(all ...*authority.Authority) error {
	var bundle []byte
	for _, a := range all {
		bundle = append(bundle, a.CertPEM()...)
	}
	return c.write(trustedFile, bundle)
}

// enrolEngine issues the certificate of an Engine, unless it has one.
func (c *certificateFiles) enrolEngine(id evcp.CPID) error {
	if slices.Contains(c.engines, id) {
		return nil
	}
	c.engines = append(c.engines, id)
	return c.issueServer(ofEngine(id), 0)
}

// enrolMonitor issues the certificates of a Monitor, unless it has them.
func (c *certificateFiles) enrolMonitor(name, uri string) error {
	owner := certificateOwner{name, uri}
	if slices.Contains(c.monitors, owner) {
		return nil
	}
	c.monitors = append(c.monitors, owner)
	return c.issueClients(owner)
}

// uri is what the certificates of a Monitor say.
func (c *certificateFiles) uri(owner string) string {
	at := slices.IndexFunc(c.monitors, func(o certificateOwner) bool { return o.name == owner })
	return c.monitors[at].uri
}

// issueServers issues the certificates of all servers, over older ones.
func (c *certificateFiles) issueServers() error {
	err := errors.Join(c.issueServer(centralCert, 0), c.issueServer(brokerCert, 0))
	for _, id := range c.engines {
		err = errors.Join(err, c.issueServer(ofEngine(id), 0))
	}
	return err
}

// issueServer issues one for a time; 0 is long.
func (c *certificateFiles) issueServer(name string, lifetime time.Duration) error {
	hosts := []string{"127.0.0.1", engineName, lateName, engineAddress, otherAddress, farAddress}
	return c.issue(name, authority.CertificateRequest{Names: hosts, Lifetime: lifetime})
}

// issueClients issues those of a Monitor, or of several.
func (c *certificateFiles) issueClients(owners ...certificateOwner) (err error) {
	for _, o := range owners {
		err = errors.Join(err, c.issueClient(toEngine(o.name), o.uri, 0), c.issueClient(toCentral(o.name), o.uri, 0))
	}
	return err
}

// issueClient issues one of a Monitor for a time; 0 is long.
func (c *certificateFiles) issueClient(name, uri string, lifetime time.Duration) error {
	return c.issue(name, authority.CertificateRequest{URI: uri, Lifetime: lifetime})
}

func (c *certificateFiles) issue(name string, r authority.CertificateRequest) error {
	issued, err := c.authority.Issue(r)
	if err != nil {
		return fmt.Errorf("issue the certificate %s: %w", name, err)
	}
	return errors.Join(c.write(name+".key", issued.KeyPEM), c.write(name+".pem", issued.CertPEM))
}

// pair opens a certificate in this process, which reads it again when it changes.
func (c *certificateFiles) pair(name string) (*credentials.KeyPair, error) {
	return c.files.KeyPair(name, c.path(name+".pem"), c.path(name+".key"))
}

// server opens the certificate of a server that wants certificates of its clients.
func (c *certificateFiles) server(name string) (*credentials.Server, error) {
	roots, err := c.files.Roots(name, c.path(trustedFile))
	if err != nil {
		return nil, err
	}
	pair, err := c.pair(name)
	return &credentials.Server{Pair: pair, ClientRoots: roots}, err
}

// watch reads the files again that change, until ctx ends. A file that can't be used is a
// problem.
func (c *certificateFiles) watch(ctx context.Context, problem func(string)) {
	c.files.Watch(ctx, func(n credentials.Notice) {
		switch n.Kind {
		case credentials.Rejected:
			problem(fmt.Sprintf("%s: %v", n.Path, n.Err))
		case credentials.Replaced:
			c.mu.Lock()
			defer c.mu.Unlock()
			c.taken[n.Path]++
		}
	})
}

// takenOver is how often this process took the new content of files, each as often as it has
// it open: see opened.
func (c *certificateFiles) takenOver(names []string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range names {
		n += c.taken[c.path(name)]
	}
	return n
}

// opened is how often this process has files open.
func (c *certificateFiles) opened(names []string) (n int) {
	for _, f := range c.files.Files() {
		if slices.ContainsFunc(names, func(name string) bool { return c.path(name) == f.Path }) {
			n++
		}
	}
	return n
}

// The settings of the programs under trial.

func (c *certificateFiles) client(prefix, cert string) []string {
	args := []string{"--" + prefix + "-tls", "--" + prefix + "-ca", c.path(trustedFile)}
	if cert == "" {
		return args
	}
	return append(args, "--"+prefix+"-cert", c.path(cert+".pem"), "--"+prefix+"-key", c.path(cert+".key"))
}

func (c *certificateFiles) monitorArgs(owner string) []string {
	return slices.Concat(c.client("central", toCentral(owner)), c.client("engine", toEngine(owner)), c.kafkaArgs())
}

// kafkaArgs are those of a client of the broker: a Monitor, or a Central that keeps the history.
func (c *certificateFiles) kafkaArgs() []string {
	return append(c.client("kafka", ""), "--kafka-sasl", "scram-sha-256", "--kafka-username", testbed.BrokerUser, "--kafka-password-file", c.path(passwordFile))
}

func (c *certificateFiles) centralArgs(address string) []string {
	return []string{
		"--listen", "none", "--tls-listen", address, "--tls-client-ca", c.path(trustedFile),
		"--tls-cert", c.path(centralCert + ".pem"), "--tls-key", c.path(centralCert + ".key"),
	}
}

// What is in this process: the links to Central, the Engines, and the reader of the topic.

// centralLink is a link that is a server to a Monitor and, with that Monitor's certificate, a
// client of Central: so it can record the messages.
func (c *certificateFiles) centralLink(owner string) (*faultproxy.TLS, error) {
	pair, err := c.pair(toCentral(owner))
	if err != nil {
		return nil, err
	}
	client := &credentials.Client{Roots: c.trusted, Pair: pair}
	return &faultproxy.TLS{Server: c.central.Config(), Client: func() (*tls.Config, error) { return client.Config("127.0.0.1") }}, nil
}
