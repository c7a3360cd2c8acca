package link

import (
	"context"
	"net"
	"net/netip"
	"time"

	"evcp"
)

// sharedLookup is a lookup for all who want the addresses of one name at the same time. It ends
// when it has lasted as long as its first caller wanted: package net would go on with one that is
// shared for as long as anybody waits for it, up to the timeout of resolv.conf, and a name server
// that answers again would be asked only then.
type sharedLookup struct {
	done    chan struct{}
	cancel  context.CancelFunc
	waiting int // callers; guarded by TCPDialer.mu

	// Once done is closed:
	found []netip.Addr
	err   error
	over  bool // its time was over before there was an answer
}

// lookup asks the name servers, together with all who ask for the same name now. ctx ends after
// limit at the latest.
func (d *TCPDialer) lookup(ctx context.Context, host string, limit time.Duration) ([]netip.Addr, error) {
	for {
		l := d.join(ctx, host, limit)
		select {
		case <-l.done:
			d.leave(host, l)
			if !l.over || ctx.Err() != nil {
				return l.found, l.err
			}
		case <-ctx.Done():
			d.leave(host, l)
			return nil, &net.DNSError{Err: "no answer in time", Name: host, IsTimeout: true, UnwrapErr: ctx.Err()}
		}
	}
}

// join joins the lookup of a name that is under way, or begins one.
func (d *TCPDialer) join(ctx context.Context, host string, limit time.Duration) *sharedLookup {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.asking[host]
	if l == nil {
		l = &sharedLookup{done: make(chan struct{})}
		shared, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
		l.cancel = cancel
		if d.asking == nil {
			d.asking = map[string]*sharedLookup{}
		}
		d.asking[host] = l
		go func() {
			defer cancel()
			l.found, l.err = resolve(shared, d.Resolver, host)
			for i := range l.found { // all callers have this slice
				l.found[i] = l.found[i].Unmap()
			}
			l.over = shared.Err() != nil
			d.forget(host, l)
			close(l.done)
		}()
	}
	l.waiting++
	return l
}

// leave ends a lookup for which nobody waits any more.
func (d *TCPDialer) leave(host string, l *sharedLookup) {
	d.mu.Lock()
	l.waiting--
	alone := l.waiting == 0
	d.mu.Unlock()
	if alone {
		d.forget(host, l)
		l.cancel()
	}
}

// forget lets the next caller begin another lookup.
func (d *TCPDialer) forget(host string, l *sharedLookup) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asking[host] == l {
		delete(d.asking, host)
	}
}

// resolve asks the name servers. Where one of several questions (A and AAAA, each search
// domain) had no answer and another one found nothing, the name may exist, but Go's error
// says that it does not. So after that error the name is looked up once more, strictly: then a
// question without an answer is the error.
func resolve(ctx context.Context, r *net.Resolver, host string) ([]netip.Addr, error) {
	own := &net.Resolver{} // not r: its lookups of one name share one answer, also with those that were given up
	if r != nil {
		own.PreferGo, own.StrictErrors, own.Dial = r.PreferGo, r.StrictErrors, r.Dial
	}
	found, err := own.LookupNetIP(ctx, "ip", host)
	if CauseOf(err) != evcp.DNS {
		return found, err
	}
	strict := &net.Resolver{PreferGo: own.PreferGo, StrictErrors: true, Dial: own.Dial}
	return strict.LookupNetIP(ctx, "ip", host)
}
