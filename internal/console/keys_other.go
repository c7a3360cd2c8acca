//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package console

import (
	"context"
	"os"
)

// Keys needs a terminal as Unix has it; elsewhere no key ever comes.
func Keys(context.Context, *os.File) (keys <-chan rune, restore func(), err error) {
	return nil, func() {}, nil
}

// isForeground: there is no background without job control.
func isForeground(int) bool { return true }
