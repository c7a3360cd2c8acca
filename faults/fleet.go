package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"evcp/internal/oracle"
)

// maxGroups is into how many groups a fleet is divided. A fault of Engines, of the links to
// them or of the fleet's file happens to a whole group, which is a site of the file.
const maxGroups = 10

func siteName(group int) string { return fmt.Sprintf("site_%d", group+1) }

func (o *options) subjects() subjects {
	if o.fleet {
		return subjects{min(o.monitors, maxGroups), true}
	}
	return subjects{groups: o.monitors}
}

// group are the charge points of a group; without a fleet each is one.
func (c *campaign) group(n int) []*cpUnderTest {
	groups := c.o.subjects().groups
	return c.cps[n*len(c.cps)/groups : (n+1)*len(c.cps)/groups]
}

// fleetUnderTest is a fleet, by the file that its Monitor reads.
type fleetUnderTest struct {
	c    *campaign
	name string

	mu      sync.Mutex // guards the file, and removed
	removed map[int]bool
}

const fleetName = "fleet"

// openFleet opens all charge points of a campaign, and starts the Monitor that watches them.
func (c *campaign) openFleet(usual []catalogueEntry, state string) error {
	central, err := c.openLink(c.centralAddress, false, nil)
	if err != nil {
		return err
	}
	// The Monitor inherits that SIGHUP is ignored, until it handles it. One that has just been
	// started would else end by it; it reads the file afterwards.
	signal.Ignore(syscall.SIGHUP)
	c.fleet = &fleetUnderTest{c: c, name: filepath.Join(c.o.dir, fleetName+".yaml"), removed: map[int]bool{}}
	m := c.newMonitor(fleetName, filepath.Join(state, fleetName))
	m.windows = -1
	m.arguments = func() []string {
		return []string{"--fleet", c.fleet.name, "--instance", mainInstance, "--central-ip", "127.0.0.1", "--central-port", portOf(central.Addr()), "--state-dir", state, "--state-max-size", "64MiB"}
	}
	for n, entry := range usual {
		p := &cpUnderTest{monitorUnderTest: m, id: cpID(n), instance: mainInstance, usual: entry, hook: &connHook{ctx: c.ctx}}
		p.links[centralSide] = central
		if err := p.openEngine(); err != nil {
			return err
		}
		c.cps = append(c.cps, p)
	}
	if err := c.fleet.write(); err != nil {
		return err
	}
	return m.startMonitor()
}

// write writes the file, with a site for each group. Another file takes its place, so that
// nobody reads half of it. Called with mu held, or before the Monitor starts.
func (f *fleetUnderTest) write() error {
	var b strings.Builder
	fmt.Fprintf(&b, "name: %s\nsites:\n", fleetName)
	for n := range f.c.o.subjects().groups {
		if f.removed[n] {
			continue
		}
		fmt.Fprintf(&b, "  - site: %s\n    cps:\n", siteName(n))
		for _, p := range f.c.group(n) {
			fmt.Fprintf(&b, "      - {cp_id: %s, engine: %q}\n", p.id, p.links[engineSide].Addr())
		}
	}
	if len(f.removed) == f.c.o.subjects().groups {
		b.WriteString("  []\n")
	}
	next := f.name + ".new"
	err := os.WriteFile(next, []byte(b.String()), 0o600)
	if err == nil {
		err = os.Rename(next, f.name)
	}
	if err != nil {
		return fmt.Errorf("file of the fleet: %w", err)
	}
	return nil
}

// change removes a group from the file or adds it, and has the Monitor read it.
func (f *fleetUnderTest) change(n int, removed bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if removed {
		f.removed[n] = true
	} else {
		delete(f.removed, n)
	}
	if err := f.write(); err != nil {
		return err
	}
	f.c.cps[0].child().Signal(syscall.SIGHUP)
	return nil
}

// without has a group removed from the file until hold returns.
func (f *fleetUnderTest) without(cps []*cpUnderTest, n int, hold func()) error {
	from := now()
	if err := f.change(n, true); err != nil {
		return err
	}
	hold()
	err := f.change(n, false)
	to := now()
	for _, p := range cps {
		for _, kind := range []oracle.WindowKind{oracle.MonitorDown, oracle.Removed} {
			f.c.truth.addWindow(p.number, oracle.Window{Kind: kind, From: from, To: to})
		}
	}
	return err
}
