package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"evcp/internal/process"
	"evcp/internal/tcp"
	"evcp/internal/testbed"
)

// network is that of a campaign with namespaces of its own: the Monitors, Central, the broker
// and a name server on one machine, and beyond its interface veth0 another machine, on which
// the links to the Engines listen.
type network struct {
	far   *testbed.Namespace
	names *testbed.NameServer
}

// openNetwork is called once, in a process that runIsolated has started.
func openNetwork(ctx context.Context, folder string, first testbed.NameAnswer) (*network, error) {
	const nameServer = "127.0.0.1"
	if err := errors.Join(testbed.RunIP("link set lo up"), testbed.UseNameServer(nameServer, folder)); err != nil {
		return nil, err
	}
	far, err := testbed.OpenNeighbour(ctx)
	if err != nil {
		return nil, err
	}
	names, err := testbed.ServeNames(net.JoinHostPort(nameServer, "53"), first)
	if err != nil {
		far.Close()
		return nil, err
	}
	return &network{far, names}, nil
}

func (n *network) close() {
	n.names.Close()
	n.far.Close()
}

// listenFar is tcp.Listen on the machine beyond the interface.
func (n *network) listenFar(ctx context.Context, network, address string) (l *tcp.ListeningSocket, err error) {
	err = n.far.Enter(func() error {
		l, err = tcp.Listen(ctx, network, address)
		return err
	})
	return l, err
}

// answer changes what the name server does.
func (n *network) answer(a testbed.NameAnswer) { n.names.Set(a) }

// change runs ip(8) on the Monitors' machine, one command for each line.
func (n *network) change(commands string) error { return testbed.RunIP(commands) }

// give gives the machine beyond the interface an address, and take takes one away.
func (n *network) give(address string) error {
	return n.far.Do("ip addr add " + address + "/32 dev veth1")
}
func (n *network) take(address string) error {
	return n.far.Do("ip addr del " + address + "/32 dev veth1")
}

// isolationMissing says why no scenario can have a network of its own here.
func isolationMissing() error { return testbed.NamespaceMissing() }

// Exit codes of a process that runs one scenario in namespaces of its own: the number of
// broken promises, or isolatedFailed if it could not be run.
const (
	maxIsolatedBroken = 100
	isolatedFailed    = 125
)

// runIsolated runs one scenario in a process with a network of its own.
func (o *options) runIsolated(ctx context.Context, s writtenScenario) (broken int, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("find this program: %w", err)
	}
	args := []string{partIsolated, "-bin", o.bin, "-dir", o.dir, "-seed", strconv.FormatUint(o.seed, 10),
		"-kafka", o.kafka, "-scenario", s.name, "-probe", o.probe, "-keep", o.keep, "-lenient=" + strconv.FormatBool(o.lenient), "-tls=" + strconv.FormatBool(o.tls)}
	if o.fleet {
		args = append(args, "-fleet", "-monitors", strconv.Itoa(o.monitors))
	}
	cmd := exec.Command(self, args...)
	cmd.Stdout, cmd.Stderr = o.out, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	children := process.NewGroup()
	defer children.Close()
	child, err := children.Start(s.name, "", testbed.Namespaced(cmd))
	if err != nil {
		return 0, err
	}
	select {
	case <-child.Exited():
	case <-ctx.Done():
		const patience = 10 * time.Second
		child.Stop(patience)
		return 0, context.Cause(ctx)
	}
	if code := child.ExitCode(); code >= 0 && code <= maxIsolatedBroken {
		return code, nil
	}
	return 0, errors.New("it could not be run in a network of its own")
}
