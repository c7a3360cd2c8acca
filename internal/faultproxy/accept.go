package faultproxy

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// accept takes connections as long as the mode lets it.
func (p *Proxy) accept() {
	for {
		l, changed := p.current()
		if l == nil {
			select {
			case <-changed:
				continue
			case <-p.done:
				return
			}
		}
		c, err := l.AcceptTCP()
		switch {
		case err == nil:
			p.serve(c)
		case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded): // shut, or it hangs
		case !sleep(p.done, 10*time.Millisecond): // no file descriptor is free, or alike
			return
		}
		select {
		case <-p.done:
			return
		default:
		}
	}
}

// serve joins a client with the target, if the mode of this moment lets it.
func (p *Proxy) serve(c *net.TCPConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.isFiller(c):
		reset(c)
	case p.closed, p.impairment.cuts():
		reset(c)
	default:
		one := p.newPair(c)
		p.pairs[one] = struct{}{}
		p.serving.Go(func() {
			one.run()
			p.forget(one)
		})
	}
}

func (p *Proxy) forget(one *proxiedConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.pairs, one)
}

// Bounds of filling a queue: it holds one more than its length of 0, and what had
// come before.
const (
	maxFillers = 8
	fillFor    = 30 * time.Millisecond
)

// hang makes the kernel drop whoever knocks: the queue of the listener is cut to
// nothing and filled with connections of our own. Linux then ignores a SYN, as a
// firewall does; where it is answered with a reset, Hang is a Reset. Called with
// p.mu held.
func (p *Proxy) hang() error {
	p.listener.SetDeadline(time.Unix(1, 0)) //nolint:errcheck // fails only when closed, and then nobody gets in
	if err := control(p.listener, func(fd int) error { return unix.Listen(fd, 0) }); err != nil {
		return fmt.Errorf("shorten the queue of a link: %w", err)
	}
	for range maxFillers {
		c, full := net.DialTimeout("tcp", p.o.Listen, fillFor)
		if full != nil {
			return nil //nolint:nilerr // that nobody gets in any more is what is wanted
		}
		p.fillers = append(p.fillers, c)
	}
	return fmt.Errorf("link to %s still accepts after %d connections", p.o.Target, maxFillers)
}

// unhang is called with p.mu held.
func (p *Proxy) unhang() {
	if p.listener != nil {
		_ = control(p.listener, func(fd int) error { return unix.Listen(fd, unix.SOMAXCONN) }) // as hang
		p.listener.SetDeadline(time.Time{})                                                    //nolint:errcheck // as hang
	}
	for _, c := range p.fillers {
		c.Close()
	}
	p.left = p.fillers
	p.fillers = nil
}

// isFiller reports whether c is one of the connections of hang. Called with p.mu held.
func (p *Proxy) isFiller(c net.Conn) bool {
	for _, f := range p.left {
		if f.LocalAddr().String() == c.RemoteAddr().String() {
			return true
		}
	}
	return false
}
