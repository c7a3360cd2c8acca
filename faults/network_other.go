//go:build !linux

package main

import (
	"context"
	"errors"

	"evcp/internal/tcp"
	"evcp/internal/testbed"
)

var errNoNamespaces = errors.New("only Linux has network namespaces")

// network can't be opened here.
type network struct{}

func openNetwork(context.Context, string, testbed.NameAnswer) (*network, error) {
	return nil, errNoNamespaces
}

func (n *network) close() {}
func (n *network) listenFar(context.Context, string, string) (*tcp.ListeningSocket, error) {
	return nil, errNoNamespaces
}
func (n *network) answer(testbed.NameAnswer) {}
func (n *network) change(string) error       { return errNoNamespaces }
func (n *network) give(string) error         { return errNoNamespaces }
func (n *network) take(string) error         { return errNoNamespaces }

func isolationMissing() error { return errNoNamespaces }

const (
	maxIsolatedBroken = 100
	isolatedFailed    = 125
)

func (o *options) runIsolated(context.Context, writtenScenario) (broken int, err error) {
	return 0, errNoNamespaces
}
