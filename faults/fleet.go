package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"evcp/internal/authority"
	"evcp/internal/oracle"
)

// maxGroups is into how many groups a fleet is divided in a random campaign. A fault of Engines,
// of the links to them or of the fleet's file happens to a whole group, which is a site of the file.
const maxGroups = 10

func siteName(group int) string { return fmt.Sprintf("site_%d", group+1) }

func (o *options) subjects() subjects {
	if o.fleet {
		return subjects{min(o.monitors, maxGroups), true}
	}
	return subjects{groups: o.monitors}
}

// fleetUnderTest is a fleet, by the file that its Monitor reads.
type fleetUnderTest struct {
	*monitorUnderTest
	name     string // of the state folder
	instance string
	at       place // of Central
	central  *controlledLink

	mu      sync.Mutex // guards the file, and removed
	removed map[int]bool
}

const fleetName = "fleet"

// openFleets opens all charge points of a campaign, and starts the Monitor that watches them.
// Where a layout has Central at two places, there is a Monitor for each.
func (c *campaign) openFleets(ctx context.Context, usual []catalogueEntry, state string) error {
	// The Monitor inherits that SIGHUP is ignored, until it handles it. One that has just been
	// started would else end by it; it reads the file afterwards.
	signal.Ignore(syscall.SIGHUP)
	for n, entry := range usual {
		group := (n*c.groups + c.groups - 1) / len(usual)
		f, err := c.fleetAt(c.layout.place(group), state)
		if err == nil {
			_, err = f.add(n, group, entry, c.layout.place(group))
		}
		if err != nil {
			return err
		}
	}
	for _, f := range c.fleets {
		if err := f.start(); err != nil {
			return err
		}
		f.cps[0].waitForStart(ctx)
	}
	return nil
}

// fleetAt is the fleet with Central at that place.
func (c *campaign) fleetAt(at place, state string) (*fleetUnderTest, error) {
	known := slices.IndexFunc(c.fleets, func(f *fleetUnderTest) bool { return f.at.central == at.central })
	if known >= 0 {
		return c.fleets[known], nil
	}
	name := fleetName
	if n := len(c.fleets); n > 0 {
		name = fmt.Sprintf("%s_%d", fleetName, n+1)
	}
	return c.newFleet(name, mainInstance, state, at)
}

// newFleet opens the link of a fleet to Central. It has no charge points yet.
func (c *campaign) newFleet(name, instance, state string, at place) (*fleetUnderTest, error) {
	if c.certificates != nil {
		if err := c.certificates.enrolMonitor(name, authority.FleetURI(fleetName)); err != nil {
			return nil, err
		}
	}
	central, err := c.openCentralLink(name, at.central != "")
	if err != nil {
		return nil, err
	}
	label := name
	if instance != mainInstance {
		label += "-" + instance
	}
	f := &fleetUnderTest{
		monitorUnderTest: c.newMonitor(label, filepath.Join(state, name)),
		name:             name, instance: instance, at: at, central: central, removed: map[int]bool{},
	}
	f.arguments = func() []string {
		_, centralHost := at.hosts()
		args := []string{"--fleet", f.file(), "--instance", instance, "--central-ip", centralHost, "--central-port", portOf(central.Addr()), "--state-dir", state, "--state-max-size", "64MiB"}
		if c.certificates != nil {
			args = append(args, c.certificates.monitorArgs(name)...)
		}
		return args
	}
	c.fleets = append(c.fleets, f)
	return f, nil
}

// file is the path of the fleet's file.
func (f *fleetUnderTest) file() string { return filepath.Join(f.c.o.dir, f.label+".yaml") }

// add opens a charge point of the fleet. It is not in the file yet.
func (f *fleetUnderTest) add(n, group int, usual catalogueEntry, at place) (*cpUnderTest, error) {
	p := &cpUnderTest{monitorUnderTest: f.monitorUnderTest, group: group, id: cpID(n), instance: f.instance, usual: usual, place: at, hook: &connHook{ctx: f.c.ctx}}
	p.links[centralSide] = f.central
	if err := p.openEngine(); err != nil {
		return nil, err
	}
	if slices.Contains(f.c.layout.certified, group) {
		if err := f.c.certificates.enrolMonitor(siteName(group), authority.FleetURI(fleetName)); err != nil {
			return nil, err
		}
	}
	f.cps = append(f.cps, p)
	f.c.cps = append(f.c.cps, p)
	return p, nil
}

// grow adds so many charge points to the file while the Monitor runs.
func (f *fleetUnderTest) grow(more, group int, at place) (added []*cpUnderTest, err error) {
	for range more {
		p, err := f.add(len(f.c.cps), group, okEntry, at)
		if err != nil {
			return nil, err
		}
		added = append(added, p)
	}
	if f.c.certificates != nil {
		_, err = f.c.writeRegistry()
	}
	for _, p := range added {
		f.c.truth.endWindow(p.number, f.c.from, oracle.Window{Kind: oracle.MonitorDown})
	}
	return added, errors.Join(err, f.change(group, false))
}

// start writes the file and starts the Monitor.
func (f *fleetUnderTest) start() error {
	if err := f.write(); err != nil {
		return err
	}
	return f.startMonitor()
}

// write writes the file, with a site for each group. Another file takes its place, so that
// nobody reads half of it. Called with mu held, or before the Monitor starts.
func (f *fleetUnderTest) write() error {
	var b strings.Builder
	fmt.Fprintf(&b, "name: %s\nsites:\n", f.name)
	site := -1
	for _, p := range f.cps {
		if f.removed[p.group] {
			continue
		}
		if p.group != site {
			site = p.group
			fmt.Fprintf(&b, "  - site: %s\n", siteName(site))
			if slices.Contains(f.c.layout.certified, site) {
				cert := f.c.certificates.path(toEngine(siteName(site)))
				fmt.Fprintf(&b, "    engine_tls: true\n    engine_cert: %s.pem\n    engine_key: %s.key\n", cert, cert)
			}
			b.WriteString("    cps:\n")
		}
		host, _ := p.place.hosts()
		fmt.Fprintf(&b, "      - {cp_id: %s, engine: %q}\n", p.id, host+":"+portOf(p.links[engineSide].Addr()))
	}
	if site < 0 {
		b.WriteString("  []\n")
	}
	next := f.file() + ".new"
	err := os.WriteFile(next, []byte(b.String()), 0o600)
	if err == nil {
		err = os.Rename(next, f.file())
	}
	if err != nil {
		return fmt.Errorf("file of the fleet: %w", err)
	}
	return nil
}

// change removes a group from the file or adds it, and has the Monitor read it.
func (f *fleetUnderTest) change(group int, removed bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if removed {
		f.removed[group] = true
	} else {
		delete(f.removed, group)
	}
	if err := f.write(); err != nil {
		return err
	}
	f.child().Signal(syscall.SIGHUP)
	return nil
}

// without has a group removed from the file until hold returns.
func (f *fleetUnderTest) without(group int, hold func()) error {
	from := now()
	if err := f.change(group, true); err != nil {
		return err
	}
	hold()
	err := f.change(group, false)
	to := now()
	for _, p := range f.c.group(group) {
		for _, kind := range []oracle.WindowKind{oracle.MonitorDown, oracle.Removed} {
			f.c.truth.addWindow(p.number, oracle.Window{Kind: kind, From: from, To: to})
		}
	}
	return err
}

// writeRegistry writes the list of charge points for which a fleet's certificate may speak, and
// returns its path.
func (c *campaign) writeRegistry() (path string, err error) {
	var b strings.Builder
	known := ids(c.cps)
	for n := range c.o.monitors {
		known = append(known, cpID(n))
	}
	slices.Sort(known)
	for _, id := range slices.Compact(known) {
		fmt.Fprintf(&b, "%s fleet=%s\n", id, fleetName)
	}
	path = filepath.Join(c.o.dir, "registry.txt")
	if err := errors.Join(os.WriteFile(path+".new", []byte(b.String()), 0o600), os.Rename(path+".new", path)); err != nil {
		return "", fmt.Errorf("registry of Central: %w", err)
	}
	return path, nil
}
