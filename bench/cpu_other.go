//go:build !linux

package main

import (
	"errors"
	"time"

	"evcp/internal/process"
)

func processorTime(*process.Child) (time.Duration, error) {
	return 0, errors.New("the processor time of another process is read on Linux only")
}
