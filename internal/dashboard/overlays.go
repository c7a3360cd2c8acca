package dashboard

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"evcp"
	"evcp/internal/archive"
	"evcp/internal/central"
	"evcp/internal/operations"
	"evcp/internal/wait"
)

// ownerNow is who has the open incident of a charge point.
type ownerNow struct {
	Name  string  `json:"name"`
	Note  string  `json:"note"`
	Until seconds `json:"until"` // null: until the recovery
}

// windowNow is the maintenance window that is open.
type windowNow struct {
	From   seconds `json:"from"`
	To     seconds `json:"to"`
	Reason string  `json:"reason"`
}

// stateMaintenance is the API's name for a charge point in an open maintenance window.
const stateMaintenance = "maintenance"

// withOverlay is an entry with what people entered about the charge point.
func (p cpJSON) withOverlay(o operations.Overlay) cpJSON {
	p.Site, p.Name, p.Bay = o.Site, o.Port["name"], o.Port["bay"]
	p.PowerKW, _ = strconv.ParseFloat(o.Port["power_kw"], 64) // 0 is not known
	if o.Owner != nil {
		p.Owner = &ownerNow{o.Owner.Name, o.Owner.Note, seconds(o.Owner.Until)}
	}
	if m := o.Maintenance; m != nil {
		p.ReportedState, p.State = p.State, stateMaintenance
		p.Maintenance = &windowNow{seconds(m.From), seconds(m.To), m.Reason}
	}
	return p
}

// withTouched adds to a delta the charge points whose overlay has changed since a position, and
// returns the version now. Where too much has changed each page starts from a snapshot.
func (f *frameCache) withTouched(d *central.Delta, at boardPosition) uint64 {
	touched, all, now := f.operations.Since(at.entered)
	if at == (boardPosition{}) || len(touched) == 0 && !all {
		return now
	}
	if all {
		d.Missed++
		return now
	}
	overlay, there := f.operations.Overlays(f.boardRead), map[evcp.CPID]bool{}
	for _, v := range d.CPs {
		there[v.ID] = true
	}
	places := map[operations.Touched]bool{}
	for _, t := range touched {
		places[t] = true
	}
	for _, v := range f.central.CPs() {
		if !there[v.ID] && (places[operations.Touched{CP: v.ID}] || places[operations.Touched{Site: overlay(v.ID).Site}]) {
			d.CPs = append(d.CPs, v)
		}
	}
	slices.SortFunc(d.CPs, func(a, b central.CPView) int { return cmp.Compare(a.ID, b.ID) })
	return now
}

// sitesEvery is how often Run reads where the events say that charge points stand.
const sitesEvery = 10 * time.Second

// Run ends what is over, and keeps what the entries of charge points are made of, until ctx
// ends: owners end with their incident, owners and windows by time, and sites come with events.
func (d *Dashboard) Run(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.operations.Run(ctx)
	}()
	defer func() { <-done }()
	signal, stop := d.central.Watch()
	defer stop()
	var next time.Time
	for ctx.Err() == nil {
		entered := d.operations.Watch()
		if now := time.Now(); !now.Before(next) {
			next = now.Add(sitesEvery)
			d.readSites(ctx)
			d.readPorts()
			_ = d.healthy(now) // what is lost is logged where nobody asks, too
		}
		d.endOwners()
		wait.For(ctx, frameInterval) // a storm of changes is one look
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
		case <-signal:
		case <-entered:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// readSites reads where the charge points stand. While the history can't be read, what was known
// stays.
func (d *Dashboard) readSites(ctx context.Context) {
	switch {
	case d.history == nil:
	case d.history.EventStates != nil: // in memory: the history of years may be long
		sites := map[evcp.CPID]string{}
		for _, p := range d.history.EventStates.Since(archive.EventStatesPosition{}).CPs {
			if p.Site != "" {
				sites[p.ID] = p.Site
			}
		}
		d.operations.SetSites(sites)
	default:
		v, err := d.history.Open(ctx, "")
		if err != nil {
			return
		}
		sites, err := v.Sites()
		if v.Close() == nil && err == nil {
			d.operations.SetSites(sites)
		}
	}
}

// readPorts reads the file of --ports. While it can't be used, what was in it stays.
func (d *Dashboard) readPorts() {
	if d.portsFile == nil {
		return
	}
	if lines, err := d.portsFile(); err == nil {
		_ = d.operations.UsePortsFile(lines) // a report says what is wrong with it
	}
}

// endOwners ends that somebody has a charge point whose incident is over, or another one by now.
func (d *Dashboard) endOwners() {
	now := evcp.StampOf(time.Now())
	for _, o := range d.operations.Owners() {
		v, _ := d.central.CP(o.CP)
		if incidentSince(v) != o.Incident || o.Until != 0 && o.Until <= now {
			_ = d.operations.Recover(o) // the disk may refuse: it is tried at the next look
		}
	}
}
