//go:build unix && !linux

package main

import "errors"

// tmpfs needs Linux.
type tmpfs struct{}

var errNoTmpfs = errors.New("a small disk needs Linux")

func mountDisk(string, string) (*tmpfs, error) { return nil, errNoTmpfs }

func (*tmpfs) fill() error  { return errNoTmpfs }
func (*tmpfs) empty() error { return errNoTmpfs }
func (*tmpfs) close() error { return nil }
