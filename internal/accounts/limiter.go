package accounts

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// failureLimiter slows down who guesses passwords. A sign-in takes a token from the bucket of
// its address and from that of the name, and gives both back if it succeeds. The zero value is
// full. The caller holds a lock.
type failureLimiter struct {
	buckets map[string]failureBucket
}

type failureBucket struct {
	left float64   // tokens
	at   time.Time // when that was so
}

const (
	// maxFailures are at once, one more comes each refillEvery: some 600 guesses an hour.
	maxFailures = 10
	refillEvery = 6 * time.Second
	// maxBuckets bounds the memory: some 150 bytes each.
	maxBuckets = 10_000
)

func (b failureBucket) refilled(now time.Time) failureBucket {
	return failureBucket{min(maxFailures, b.left+max(0, now.Sub(b.at).Seconds())/refillEvery.Seconds()), now}
}

// limitKeys are the buckets of a sign-in. A network of IPv6 is one address: its owner has
// 2^64 of them.
func limitKeys(name string, peer netip.Addr) []string {
	peer = peer.Unmap()
	address := peer.String()
	if peer.Is6() {
		if network, err := peer.WithZone("").Prefix(64); err == nil {
			address = network.String()
		}
	}
	return []string{"at " + address, "as " + strings.ToLower(name[:min(len(name), maxName)])}
}

// take takes a token of each bucket. If one is empty it takes none, and wait is when there is
// one again.
func (l *failureLimiter) take(keys []string, now time.Time) (wait time.Duration) {
	for _, key := range keys {
		if b := l.get(key, now); b.left < 1 {
			wait = max(wait, time.Duration((1-b.left)*float64(refillEvery)))
		}
	}
	if wait > 0 {
		return wait
	}
	for _, key := range keys {
		b := l.get(key, now)
		b.left--
		l.put(key, b)
	}
	return 0
}

// giveBack undoes take.
func (l *failureLimiter) giveBack(keys []string, now time.Time) {
	for _, key := range keys {
		b := l.get(key, now)
		b.left = min(maxFailures, b.left+1)
		l.put(key, b)
	}
}

func (l *failureLimiter) get(key string, now time.Time) failureBucket {
	b, known := l.buckets[key]
	if !known {
		return failureBucket{maxFailures, now}
	}
	return b.refilled(now)
}

// put keeps a bucket. A full one is as good as none. Where there is no room the fullest make
// room: they forget least.
func (l *failureLimiter) put(key string, b failureBucket) {
	if l.buckets == nil {
		l.buckets = map[string]failureBucket{}
	}
	if b.left >= maxFailures {
		delete(l.buckets, key)
		return
	}
	if _, known := l.buckets[key]; !known && len(l.buckets) >= maxBuckets {
		l.makeRoom(b.at)
	}
	l.buckets[key] = b
}

// makeRoom drops a tenth of the buckets: a search for each attempt would help who makes many.
func (l *failureLimiter) makeRoom(now time.Time) {
	keys := slices.Collect(maps.Keys(l.buckets))
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Compare(l.buckets[b].refilled(now).left, l.buckets[a].refilled(now).left)
	})
	for _, key := range keys[:len(keys)/10] {
		delete(l.buckets, key)
	}
}
