package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"evcp"
	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/credentials"
	"evcp/internal/fleet"
	"evcp/internal/language"
	"evcp/internal/link"
	"evcp/internal/watch"
)

// chooseTargets sets what is watched: one charge point, or those of a file.
func (o *options) chooseTargets(in config.Invocation) error {
	if o.fleetFile == "" {
		o.only = o.cp
		o.Targets = []watch.Target{{CP: o.cp, Address: hostPort(o.engineIP, o.enginePort)}}
		return nil
	}
	if in.Command == "" {
		if err := fleetConflicts(in.Values); err != nil {
			return err
		}
	}
	f := &fleetFile{o: o, defaults: fleet.CheckSettings{
		Interval: o.Interval, Timeout: o.Timeout, Fall: o.Policy.Fall, Rise: o.Policy.Rise,
		TLS: fleet.EngineTLS{On: o.engineTLS.On, CA: o.engineTLS.CA, Cert: o.engineTLS.Cert, Key: o.engineTLS.Key, ServerName: o.engineTLS.ServerName},
	}}
	content, err := f.read()
	if err != nil && (in.Command == "" || content.Name == "") { // a command needs the folder's name alone
		return cli.UsageError(err)
	}
	o.fleet, o.Fleet = f, &watch.Fleet{Name: content.Name, File: o.fleetFile}
	if content.Central != "" && given(in.Values, "central-ip", "central-port") == "" {
		o.Central = content.Central
	}
	if given(in.Values, "cp-id") != "" {
		o.only = o.cp
	}
	if len(content.Members) > 0 { // what the start shows
		s := content.Members[0].Settings
		o.Interval, o.Timeout, o.Policy.Fall, o.Policy.Rise = s.Interval, s.Timeout, s.Fall, s.Rise
	}
	f.name, f.central, f.members = content.Name, content.Central, content.Members
	return nil
}

// openFleet makes the targets, with the files of their TLS settings.
func (o *options) openFleet() (err error) {
	if f := o.fleet; f != nil {
		f.current, err = f.targets(f.members)
		o.Targets, f.members = f.current, nil
	}
	return err
}

// fleetConflicts are the settings of one charge point that were given beside --fleet.
func fleetConflicts(values []config.Value) error {
	var all []error
	for _, name := range []string{"cp-id", "engine-ip", "engine-port"} {
		if source := given(values, name); source != "" {
			all = append(all, language.Errorf("%s does not go with --fleet: charge points and Engines stand in its file", source))
		}
	}
	if len(all) == 0 {
		return nil
	}
	return cli.UsageError(errors.Join(all...))
}

// given is the flag or variable by which one of the settings was given; "" for none.
func given(values []config.Value, names ...string) string {
	for _, v := range values {
		if v.Given && slices.Contains(names, v.Name) {
			return v.Source
		}
	}
	return ""
}

// engineDialer connects by one choice of TLS settings, and has the files that they name.
type engineDialer struct {
	link.Dialer                    // nil: that of the flags
	files       *credentials.Store // nil: none of its own
}

// fleetFile is the file of --fleet, and what of it is in force.
type fleetFile struct {
	o             *options
	defaults      fleet.CheckSettings
	name, central string
	members       []fleet.Member    // until the targets are made of them
	current       []watch.Target    // in force
	content       [sha256.Size]byte // of the file when it was read last
	seen          os.FileInfo       // of the file at the last look; nil: it was not there
	policies      map[fleet.CheckSettings]*evcp.Policy
	dialers       map[fleet.EngineTLS]engineDialer
}

// read reads the file, and gives back the memory that this took: up to 40 bytes for each of
// its bytes.
func (f *fleetFile) read() (fleet.Content, error) {
	defer debug.FreeOSMemory()
	f.seen, _ = os.Stat(f.o.fleetFile)
	source, err := cli.ReadFile(f.o.fleetFile, fleet.MaxFile)
	f.content = sha256.Sum256(append(source, fmt.Sprint(err)...))
	return fleet.Read(name, f.o.fleetFile, source, err, f.defaults)
}

// targets are what the Monitor watches. Those with the same settings share a policy, also
// with those of an earlier reading.
func (f *fleetFile) targets(members []fleet.Member) ([]watch.Target, error) {
	policies, dialers := map[fleet.CheckSettings]*evcp.Policy{}, map[fleet.EngineTLS]engineDialer{}
	all := make([]watch.Target, 0, len(members))
	for _, m := range members {
		s := *m.Settings
		if policies[s] == nil {
			policies[s] = f.policy(s)
		}
		if _, known := dialers[s.TLS]; !known {
			dialer, err := f.dialer(s.TLS)
			if err != nil {
				f.forget(dialers, f.dialers)
				return nil, language.Errorf("%s, %s: %w", f.o.fleetFile, m.CP, err)
			}
			dialers[s.TLS] = dialer
		}
		all = append(all, watch.Target{CP: m.CP, Address: m.Address, Policy: policies[s], Dialer: dialers[s.TLS].Dialer})
	}
	f.forget(f.dialers, dialers)
	f.policies, f.dialers = policies, dialers
	return all, nil
}

// forget stops to watch the files of those that are not among the kept ones.
func (f *fleetFile) forget(dialers, kept map[fleet.EngineTLS]engineDialer) {
	for settings, d := range dialers {
		if _, stays := kept[settings]; !stays && d.files != nil {
			f.o.files.Remove(d.files)
		}
	}
}

func (f *fleetFile) policy(s fleet.CheckSettings) *evcp.Policy {
	if p := f.policies[s]; p != nil {
		return p
	}
	return &evcp.Policy{
		Fall: s.Fall, Rise: s.Rise, Instance: f.o.Policy.Instance, Site: s.Site, Interval: s.Interval, Timeout: s.Timeout,
	}
}

// dialer is nil for what the flags say: the Monitor has one for that.
func (f *fleetFile) dialer(t fleet.EngineTLS) (d engineDialer, err error) {
	if d, known := f.dialers[t]; known || t == f.defaults.TLS {
		return d, nil
	}
	settings := cli.ClientTLS{Prefix: "engine", On: t.On, CA: t.CA, Cert: t.Cert, Key: t.Key, ServerName: t.ServerName, Insecure: t.On && f.o.engineTLS.Insecure}
	d.files = f.o.files.Part()
	if d.Dialer, err = settings.Dialer(f.o.tcp, d.files); err != nil {
		f.o.files.Remove(d.files)
	}
	return d, err
}

// lookEvery is how often the file is looked at. It is read when two looks in a row see the
// same file, and another one than before: who writes it may not be ready.
const lookEvery = time.Second

// watchFile reads the file again when it changes, also by a link that leads elsewhere, and at
// each hang-up, until end is called.
func (f *fleetFile) watchFile(ctx context.Context, hangups <-chan os.Signal, to chan<- watch.Reload) (end func()) {
	ctx, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		look := time.NewTicker(lookEvery)
		defer look.Stop()
		before := f.seen
		for {
			asked := false
			select {
			case <-ctx.Done():
				return
			case <-hangups:
				asked = true
			case <-look.C:
			}
			now, _ := os.Stat(f.o.fleetFile)
			settled := sameFile(before, now)
			before = now
			if asked || settled && !sameFile(f.seen, now) {
				f.readAgain(ctx, asked, to)
			}
		}
	})
	return func() { stop(); watching.Wait() }
}

// sameFile reports whether two looks saw the same file, with the same content as far as that
// can be seen. nil is none.
func sameFile(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// readAgain reads the file. What was read before is told only to somebody who asked.
func (f *fleetFile) readAgain(ctx context.Context, asked bool, to chan<- watch.Reload) {
	before := f.content
	content, err := f.read()
	if f.content == before && !asked {
		return
	}
	again := watch.Reload{}
	if err == nil {
		again, err = f.compare(content)
	}
	if err != nil {
		again = watch.Reload{Errors: f.sentences(err)}
	}
	select {
	case to <- again:
	case <-ctx.Done():
	}
}

// compare is how a new file differs from what is in force, and puts it in force.
func (f *fleetFile) compare(content fleet.Content) (watch.Reload, error) {
	switch {
	case content.Name != f.name:
		return watch.Reload{}, language.Errorf("%s: name %s names another state folder: start the Monitor again for that", f.o.fleetFile, content.Name)
	case content.Central != f.central:
		return watch.Reload{}, language.Errorf("%s: central %q is another Central: start the Monitor again for that", f.o.fleetFile, content.Central)
	}
	all, err := f.targets(content.Members)
	if err != nil {
		return watch.Reload{}, err
	}
	d := fleet.Diff(f.current, all, func(t watch.Target) evcp.CPID { return t.CP }) // equal settings are one policy and one dialer
	again := watch.Reload{Targets: all, Added: d.Added, Changed: d.Changed}
	for _, t := range d.Removed {
		again.Removed = append(again.Removed, t.CP)
	}
	f.current = all
	return again, nil
}

// sentences are the errors of a file for the log.
func (f *fleetFile) sentences(err error) []string {
	said := f.o.Console.Language()
	if load, ok := errors.AsType[*config.LoadError](err); ok {
		return load.Sentences(said)
	}
	return []string{said.Error(err)}
}
