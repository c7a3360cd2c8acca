package main

import (
	"errors"
	"slices"

	"evcp/internal/cli"
	"evcp/internal/config"
	"evcp/internal/fleet"
	"evcp/internal/language"
	"evcp/internal/probe"
	"evcp/internal/watch"
)

// chooseTargets sets what is watched: one charge point, or those of a file.
func (o *options) chooseTargets(in config.Invocation) error {
	if o.fleetFile == "" {
		o.only = o.cp
		o.Targets = []probe.Target{{CP: o.cp, Address: hostPort(o.engineIP, o.enginePort)}}
		return nil
	}
	if in.Command == "" {
		if err := fleetConflicts(in.Values); err != nil {
			return err
		}
	}
	f, err := o.readFleet()
	if err != nil && (in.Command == "" || f.Name == "") { // a command needs the folder's name alone
		return cli.UsageError(err)
	}
	o.Fleet = &watch.Fleet{Name: f.Name, File: o.fleetFile, Sites: f.Sites}
	if central := given(in.Values, "central-ip", "central-port"); f.Central != "" && central == "" {
		o.Central = f.Central
	}
	if given(in.Values, "cp-id") != "" {
		o.only = o.cp
	}
	o.members = f.Members
	for _, t := range f.Members {
		o.Targets = append(o.Targets, probe.Target{CP: t.CP, Address: t.Address})
	}
	return nil
}

// readFleet reads the file of the fleet.
func (o *options) readFleet() (fleet.Content, error) {
	source, err := cli.ReadFile(o.fleetFile, fleet.MaxFile)
	return fleet.Read(name, o.fleetFile, source, err, fleet.CheckSettings{
		Interval: o.Interval, Timeout: o.Timeout, Fall: o.Policy.Fall, Rise: o.Policy.Rise,
		TLS: fleet.EngineTLS{On: o.engineTLS.On, CA: o.engineTLS.CA, Cert: o.engineTLS.Cert, Key: o.engineTLS.Key, ServerName: o.engineTLS.ServerName},
	})
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
