//go:build unix && !linux

package main

import "errors"

// smallDisk needs Linux.
type smallDisk struct{}

var errNoSmallDisk = errors.New("a small disk needs Linux")

func mountDisk(string) (*smallDisk, error) { return nil, errNoSmallDisk }

func (*smallDisk) fill() error  { return errNoSmallDisk }
func (*smallDisk) empty() error { return errNoSmallDisk }
func (*smallDisk) close() error { return nil }
