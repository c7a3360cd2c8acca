package demo

import (
	"net"
	"sync"
)

// frost freezes a server as SIGSTOP does: the kernel goes on accepting and
// receiving for it, but it reads nothing and answers nothing until it thaws.
type frost struct {
	mu   sync.Mutex
	cold chan struct{} // closed when it thaws; nil when it is warm
}

func (f *frost) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cold == nil {
		f.cold = make(chan struct{})
	}
}

func (f *frost) thaw() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cold != nil {
		close(f.cold)
		f.cold = nil
	}
}

// wait returns when it is warm, or when closed is.
func (f *frost) wait(closed <-chan struct{}) {
	f.mu.Lock()
	cold := f.cold
	f.mu.Unlock()
	if cold == nil {
		return
	}
	select {
	case <-cold:
	case <-closed:
	}
}

// listen puts a listener and all its connections under the frost.
func (f *frost) listen(l net.Listener) net.Listener { return coldListener{l, f} }

type coldListener struct {
	net.Listener
	frost *frost
}

// Accept never waits for the frost: a connection that nobody reads is as cold.
func (l coldListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &coldConn{Conn: conn, frost: l.frost, closed: make(chan struct{})}, nil
}

type coldConn struct {
	net.Conn
	frost  *frost
	once   sync.Once
	closed chan struct{}
}

// Read also holds back what came while it was waiting and the frost began.
func (c *coldConn) Read(b []byte) (int, error) {
	c.frost.wait(c.closed)
	n, err := c.Conn.Read(b)
	c.frost.wait(c.closed)
	return n, err
}

func (c *coldConn) Write(b []byte) (int, error) {
	c.frost.wait(c.closed)
	return c.Conn.Write(b)
}

func (c *coldConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
