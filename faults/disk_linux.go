package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// tmpfs is a file system that can be filled to the last byte. --state-max-size is
// 4 MiB.
type tmpfs struct{ dir string }

const smallDiskSize = "12m"

// mountDisk mounts a tmpfs at dir, which needs root or a user namespace.
func mountDisk(dir string) (*tmpfs, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder of the small disk: %w", err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+smallDiskSize); err != nil {
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
