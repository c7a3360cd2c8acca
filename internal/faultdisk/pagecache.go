package faultdisk

import (
	"bytes"
	"os"
	"strings"
	"sync"
)

// kernelPage is how many bytes Linux writes to a disk at least.
const kernelPage = 4096

// PageCache counts what Linux would give to the disk: whole pages of its page cache, each
// once between two times that it is written. write_bytes in /proc/PID/io counts the same.
// The file system's own data are not counted.
type PageCache struct {
	mu      sync.Mutex // guards what follows
	dirty   map[string]map[int64]bool
	shared  map[string][]byte // SQLite's shared memory: the content that was last written
	written int64
}

// CountPages begins to count. From then on syncs are counted and not done.
func (d *Disk) CountPages() *PageCache {
	c := &PageCache{dirty: map[string]map[int64]bool{}, shared: map[string][]byte{}}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pages = c
	return c
}

// Written is how many bytes the disk was given so far.
func (c *PageCache) Written() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.written
}

// Expire writes everything that is dirty, as Linux does after 30 s. SQLite's shared memory
// is mapped: what was stored there shows only now.
func (c *PageCache) Expire() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.dirty)
	for name, was := range c.shared {
		now, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for at := 0; at < len(now); at += kernelPage {
			if !bytes.Equal(pageAt(now, at), pageAt(was, at)) {
				c.written += kernelPage
			}
		}
		c.shared[name] = now
	}
	return nil
}

func pageAt(content []byte, at int) []byte {
	return content[min(at, len(content)):min(at+kernelPage, len(content))]
}

// write notes which pages a write touches.
func (c *PageCache) write(name string, off int64, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	pages, ok := c.dirty[name]
	if !ok {
		pages = map[int64]bool{}
		c.dirty[name] = pages
	}
	for at := off / kernelPage; at*kernelPage < off+int64(n); at++ {
		if !pages[at] {
			pages[at] = true
			c.written += kernelPage
		}
	}
	if db, ok := strings.CutSuffix(name, "-wal"); ok && c.shared[db+"-shm"] == nil {
		c.shared[db+"-shm"] = []byte{}
	}
}

// sync notes that the pages of a file are written.
func (c *PageCache) sync(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.dirty, name)
}
