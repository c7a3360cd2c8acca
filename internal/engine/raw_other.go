//go:build !linux

package engine

import (
	"context"
	"net"
	"sync"
)

// serveRaw is for Linux only.
func (e *Engine) serveRaw(context.Context, net.Listener, *sync.WaitGroup) bool { return false }
