package status

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// SocketName is the socket's in the state folder.
const SocketName = "status.sock"

// longestPath is what a socket's address holds everywhere: 104 bytes on BSD and
// macOS, 108 on Linux, with a zero at the end. A longer one is reached through a
// descriptor of its folder, where the system can (Linux); elsewhere it is an
// error that says so.
const longestPath = 103

// ErrInUse is a socket that somebody answers on: another process has it.
var ErrInUse = errors.New("another process answers there")

// Listen opens the socket in the folder dir, for the user of this process alone.
// What an earlier process has left there is replaced; a socket that somebody
// answers on is ErrAnswered, and anything that is no socket is an error too.
// Closing the listener removes the socket.
func Listen(ctx context.Context, dir string) (net.Listener, error) {
	path := filepath.Join(dir, SocketName)
	if err := makeRoom(ctx, path); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	short, done, err := shorten(dir)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	lc := net.ListenConfig{Control: private}
	ln, err := lc.Listen(ctx, "unix", short)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), done())
	}
	if u, ok := ln.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // the short path says nothing once its folder is closed
	}
	if err := errors.Join(done(), os.Chmod(path, 0o600)); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), ln.Close(), os.Remove(path))
	}
	return &socket{Listener: ln, path: path}, nil
}

// makeRoom makes room for the socket.
func makeRoom(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("something that is no socket stands there")
	}
	if c, err := Dial(ctx, filepath.Dir(path)); err == nil {
		c.Close()
		return ErrInUse
	}
	return os.Remove(path)
}

// Dial connects to the socket in the folder dir.
func Dial(ctx context.Context, dir string) (net.Conn, error) {
	short, done, err := shorten(dir)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: time.Second}
	c, err := d.DialContext(ctx, "unix", short)
	if err != nil {
		return nil, errors.Join(err, done())
	}
	return c, done()
}

// shorten is a path of the socket that an address has room for, good until done
// is called.
func shorten(dir string) (path string, done func() error, err error) {
	path = filepath.Join(dir, SocketName)
	if len(path) <= longestPath {
		return path, func() error { return nil }, nil
	}
	return throughDescriptor(dir)
}

// socket removes itself when it is closed.
type socket struct {
	net.Listener
	path string
	once sync.Once
}

// Close closes the socket and removes it.
func (s *socket) Close() (err error) {
	s.once.Do(func() { err = errors.Join(os.Remove(s.path), s.Listener.Close()) })
	return err
}
