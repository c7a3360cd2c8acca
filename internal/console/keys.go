//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package console

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Keys sends the keys that are pressed at the terminal in, each at once and without
// echo. Ctrl-C and Ctrl-Z keep their effect. Only printable characters and Enter (as
// '\n') are sent; arrows and function keys are dropped.
//
// The channel is nil if in is no terminal, so that a select waits on it for ever. It
// is closed when ctx ends, restore is called or the terminal goes away.
// restore puts the terminal back as it was, waits for Keys' goroutine, and may be
// called twice. Only one Keys may be open at a time.
//
// A program in the background of a shell doesn't own the terminal: touching it
// would stop the program (SIGTTIN, SIGTTOU) or take keys from the shell. So Keys
// looks twice a second whether it is in the foreground, reads only there, and sets
// the terminal anew when it comes back. Meanwhile SIGTTIN is ignored, because the
// program may be sent to the background between the look and the read.
func Keys(ctx context.Context, in *os.File) (keys <-chan rune, restore func(), err error) {
	if !IsTerminal(in) {
		return nil, func() {}, nil
	}
	k := &keyboard{fd: int(in.Fd()), out: make(chan rune), stop: make(chan struct{})}
	if k.before, err = unix.IoctlGetTermios(k.fd, ioctlGet); err != nil {
		return nil, func() {}, os.NewSyscallError("read the terminal's settings", err)
	}
	if k.wakeRead, k.wakeWrite, err = os.Pipe(); err != nil {
		return nil, func() {}, err
	}
	signal.Ignore(syscall.SIGTTIN)
	k.running.Go(k.run)
	unhook := context.AfterFunc(ctx, k.close)
	return k.out, func() { unhook(); k.close() }, nil
}

// keyboard is one terminal being read. run owns the terminal while it runs.
type keyboard struct {
	fd                  int
	before              *unix.Termios
	out                 chan rune
	stop                chan struct{} // closed: no more keys are wanted
	wakeRead, wakeWrite *os.File      // closing wakeWrite ends run's poll
	running             sync.WaitGroup
	once                sync.Once
}

// close ends run, waits for it and cleans up.
func (k *keyboard) close() {
	k.once.Do(func() {
		close(k.stop)
		_ = k.wakeWrite.Close()
		k.running.Wait()
		_ = k.wakeRead.Close()
		if isForeground(k.fd) {
			_ = unix.IoctlSetTermios(k.fd, ioctlSet, k.before)
		}
		signal.Reset(syscall.SIGTTIN)
	})
	k.running.Wait()
}

// lookEvery is how often, in milliseconds, run sees whether it owns the terminal.
const lookEvery = 500

func (k *keyboard) run() {
	defer close(k.out)
	var d keyDecoder
	buffer := make([]byte, 64)
	for {
		front := isForeground(k.fd)
		if front {
			k.setUnbuffered()
		}
		ready, ended := k.wait(front)
		if ended {
			return
		}
		if !ready || !isForeground(k.fd) {
			continue
		}
		n, err := unix.Read(k.fd, buffer)
		if n <= 0 && err != unix.EINTR && err != unix.EAGAIN && isForeground(k.fd) {
			return
		}
		if !k.deliver(d.feed(buffer[:max(n, 0)])) {
			return
		}
	}
}

// wait sleeps until a key is there, at most lookEvery. In the background it does
// not listen to the terminal.
func (k *keyboard) wait(listen bool) (ready, ended bool) {
	fds := []unix.PollFd{{Fd: int32(k.wakeRead.Fd()), Events: unix.POLLIN}, {Fd: int32(k.fd), Events: unix.POLLIN}}
	if !listen {
		fds = fds[:1]
	}
	if _, err := unix.Poll(fds, lookEvery); err != nil && err != unix.EINTR {
		return false, true
	}
	return listen && fds[1].Revents != 0, fds[0].Revents != 0
}

func (k *keyboard) deliver(keys []rune) bool {
	for _, r := range keys {
		select {
		case k.out <- r:
		case <-k.stop:
			return false
		}
	}
	return true
}

// setUnbuffered switches line buffering and echo off. ISIG stays on, which makes
// Ctrl-C a signal. It is repeated, since a shell may have restored the settings while
// this process was stopped.
func (k *keyboard) setUnbuffered() {
	now, err := unix.IoctlGetTermios(k.fd, ioctlGet)
	if err != nil || now.Lflag&(unix.ICANON|unix.ECHO) == 0 {
		return
	}
	now.Lflag &^= unix.ICANON | unix.ECHO
	now.Cc[unix.VMIN], now.Cc[unix.VTIME] = 1, 0
	_ = unix.IoctlSetTermios(k.fd, ioctlSet, now)
}

// isForeground reports whether this process may use the terminal fd now, and is not in
// the background of a shell. Without job control it always may.
func isForeground(fd int) bool {
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp()
}

// keyDecoder turns what a terminal sends into keys, across reads. It drops control
// characters and the sequences of arrows and function keys, which begin with ESC:
// "ESC [ … letter" or "ESC O letter". A lone ESC swallows the key after it.
type keyDecoder struct {
	rest  []byte // the start of a character that is not whole yet
	state keyState
}

type keyState uint8

const (
	plainKey keyState = iota
	afterESC          // next: '[' or 'O' or the one key that Alt was held with
	inCSI             // until a final byte, '@' to '~'
	inSS3             // one more
)

func (d *keyDecoder) feed(input []byte) []rune {
	var keys []rune
	d.rest = append(d.rest, input...)
	for utf8.FullRune(d.rest) {
		r, n := utf8.DecodeRune(d.rest)
		d.rest = d.rest[n:]
		if d.isKey(r) {
			keys = append(keys, r)
		}
	}
	return keys
}

func (d *keyDecoder) isKey(r rune) bool {
	switch {
	case r == '\x1b':
		d.state = afterESC
	case d.state == afterESC && r == '[':
		d.state = inCSI
	case d.state == afterESC && r == 'O':
		d.state = inSS3
	case d.state == inCSI && (r < '@' || r > '~'):
	case d.state != plainKey:
		d.state = plainKey
	default:
		return r == '\n' || r != utf8.RuneError && unicode.IsPrint(r)
	}
	return false
}
