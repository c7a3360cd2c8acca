//go:build !linux

package probe

import "errors"

// newRaw fails: other systems have no receive times and no epoll.
func newRaw(Options) (Prober, error) { return nil, errors.New("it needs Linux") }
