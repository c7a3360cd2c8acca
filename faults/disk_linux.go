package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// tmpfs is a file system that can be filled to the last byte.
type tmpfs struct{ dir string }

// mountDisk mounts a tmpfs of a size at dir, which needs root or a user namespace.
func mountDisk(dir, size string) (*tmpfs, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder of the small disk: %w", err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		return nil, fmt.Errorf("mount a small tmpfs: %w", err)
	}
	return &tmpfs{dir}, nil
}

func (d *tmpfs) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill takes every byte that is left.
func (d *tmpfs) fill() error {
	f, err := os.Create(d.ballast())
	if err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	for size := 1 << 20; size > 0; size /= 2 {
		for err == nil {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			return errors.Join(fmt.Errorf("fill the disk: %w", err), f.Close())
		}
		err = nil
	}
	return f.Close()
}

// empty frees it again.
func (d *tmpfs) empty() error { return os.Remove(d.ballast()) }

func (d *tmpfs) close() error { return syscall.Unmount(d.dir, syscall.MNT_DETACH) }
