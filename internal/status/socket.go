package status

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"evcp/internal/folder"
	"evcp/internal/wait"
)

// SocketName is the file name of the socket in the state folder.
const SocketName = "status.sock"

// maxPath is what the address of a Unix socket holds on every system: 104 bytes on BSD
// and macOS, 108 on Linux, with a zero at the end. On Linux a longer path is opened
// through a descriptor of its folder; elsewhere it is an error.
const maxPath = 103

// ErrInUse means that another process answers on the socket.
var ErrInUse = errors.New("another process answers there")

// Listen opens the socket in the folder dir, for the user of this process alone. It
// replaces a socket that an earlier process has left. ErrInUse means that another process
// answers there; a file that is no socket is an error too. Closing the listener removes
// the socket.
func Listen(ctx context.Context, dir string) (*SocketListener, error) {
	path := filepath.Join(dir, SocketName)
	if err := removeStale(ctx, path); err != nil {
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
		u.SetUnlinkOnClose(false) // by its short path, which means nothing once the descriptor is closed
	}
	if err := errors.Join(done(), os.Chmod(path, 0o600)); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), ln.Close(), os.Remove(path))
	}
	info, _ := os.Lstat(path) // without it, the loss of the socket goes unnoticed
	return &SocketListener{Listener: ln, path: path, info: info}, nil
}

// checkSocketEvery is how often Serve looks whether its socket is still there.
const checkSocketEvery = 5 * time.Second

// FolderSocket is the socket in a folder, opened or not yet.
type FolderSocket struct {
	dir  string
	next *SocketListener // nil: it could not be opened, for err
	err  error
}

// OpenSocket opens the socket in the folder dir, if it can: who connects from now on waits for
// Serve.
func OpenSocket(ctx context.Context, dir string) *FolderSocket {
	s := &FolderSocket{dir: dir}
	s.next, s.err = Listen(ctx, dir)
	return s
}

// Serve serves h on the socket until ctx ends. Where there can be no socket, or none any more
// since it or the folder was removed or replaced, one is opened as soon as that is possible, in
// a new folder if there is none. failed gets the first error of several in a row.
func (s *FolderSocket) Serve(ctx context.Context, h http.Handler, failed func(error)) {
	for failing := false; ; s.reopen(ctx) {
		err := s.err
		if err == nil {
			err = serveOneSocket(ctx, s.next, h)
		}
		if err != nil && !failing {
			failed(err)
		}
		failing = err != nil
		if failing {
			wait.For(ctx, checkSocketEvery)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// reopen opens the socket once more. Who asks a process whose folder was deleted must not hear
// that nothing runs there.
func (s *FolderSocket) reopen(ctx context.Context) {
	if s.err = os.MkdirAll(s.dir, 0o700); s.err == nil {
		s.next, s.err = Listen(ctx, s.dir)
	}
}

// serveOneSocket serves on one socket for as long as it is in the folder.
func serveOneSocket(ctx context.Context, ln *SocketListener, h http.Handler) error {
	serving, stop := context.WithCancel(ctx)
	go func() {
		defer stop()
		wait.Until(serving, checkSocketEvery, ln.lost)
	}()
	defer stop()
	return Serve(serving, ln, h)
}

// removeStale removes a socket on which no process answers.
func removeStale(ctx context.Context, path string) error {
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

// shorten returns a path of the socket that fits into an address. It is valid until done
// is called.
func shorten(dir string) (path string, done func() error, err error) {
	path = filepath.Join(dir, SocketName)
	if len(path) <= maxPath {
		return path, func() error { return nil }, nil
	}
	return throughDescriptor(dir)
}

// SocketListener listens on the socket in a folder.
type SocketListener struct {
	net.Listener
	path string
	info os.FileInfo
	once sync.Once
}

// lost reports whether the socket is not in the folder any more.
func (s *SocketListener) lost() bool { return folder.Replaced(s.path, s.info) }

// Close closes the socket and removes it, unless another one is in its place.
func (s *SocketListener) Close() (err error) {
	s.once.Do(func() {
		if !s.lost() {
			err = os.Remove(s.path)
		}
		err = errors.Join(err, s.Listener.Close())
	})
	return err
}

// ErrNotRunning means that no process answers in the folder.
var ErrNotRunning = errors.New("no process answers")

// GetTimeout bounds one Get.
const GetTimeout = 5 * time.Second

// maxResponse bounds a response in bytes, with its headers.
const maxResponse = 4 << 20

// SocketReply is the answer of a process.
type SocketReply struct {
	Code int // HTTP status code
	Body []byte
}

// Get requests one of Paths from the process that has the folder dir. ErrNotRunning means
// that there is no such process, os.ErrDeadlineExceeded that it did not answer within
// GetTimeout, and any other error that its answer is no HTTP.
//
// The request is HTTP/1.0, written by hand: net/http's client would triple what this costs a
// Monitor in memory (docs/decisions/0014), and one request on one connection needs none of it.
func Get(ctx context.Context, dir, path string) (SocketReply, error) {
	ctx, cancel := context.WithTimeout(ctx, GetTimeout)
	defer cancel()
	c, err := Dial(ctx, dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return SocketReply{}, ErrNotRunning
	case err != nil:
		return SocketReply{}, fmt.Errorf("ask for %s: %w", path, err)
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	a, err := exchange(c, path)
	if err != nil {
		return SocketReply{}, fmt.Errorf("ask for %s: %w", path, err)
	}
	return a, nil
}

func exchange(c net.Conn, path string) (SocketReply, error) {
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.0\r\nHost: monitor\r\n\r\n"); err != nil {
		return SocketReply{}, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.LimitReader(c, maxResponse)), nil)
	if err != nil {
		return SocketReply{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return SocketReply{Code: resp.StatusCode, Body: body}, err
}
