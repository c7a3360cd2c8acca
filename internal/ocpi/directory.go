package ocpi

import (
	"reflect"
	"slices"
	"strings"
	"time"
)

// Directory is what partners read, and since when each part of it is as it is. It is in memory:
// after a start everything was updated at the start, as every charge point is disconnected until
// it speaks. Nobody may call it while another does; what it has returned does not change.
type Directory struct {
	locations []Location // in the order in which they came
	updated   DateTime   // the last change: times do not go back
}

// maxRemoved is how many EVSEs that are gone are listed still, so that partners learn of it who
// ask for what has changed.
const maxRemoved = 1000

// Update takes what there is at a time. What is not among it any more is Removed.
func (d *Directory) Update(at time.Time, now []Location) {
	d.updated = max(d.updated, DateTimeOf(at))
	there := make(map[string]Location, len(now))
	for _, l := range now {
		there[l.ID] = l
	}
	for i, was := range d.locations {
		is, still := there[was.ID]
		if !still {
			is = was
			is.EVSEs = nil
		}
		d.locations[i] = d.merge(was, is)
		delete(there, was.ID)
	}
	for _, l := range now {
		if _, fresh := there[l.ID]; fresh {
			d.locations = append(d.locations, d.merge(Location{}, l))
		}
	}
	d.forget()
}

// merge is a location as it is now, with the times at which its parts became so.
func (d *Directory) merge(was, now Location) Location {
	evses, changed := make([]EVSE, 0, len(now.EVSEs)), false
	known := make(map[string]EVSE, len(was.EVSEs))
	for _, e := range was.EVSEs {
		known[e.UID] = e
	}
	for _, e := range now.EVSEs {
		old, there := known[e.UID]
		delete(known, e.UID)
		e = d.mergeEVSE(old, e)
		changed = changed || !there || e.LastUpdated != old.LastUpdated
		evses = append(evses, e)
	}
	for _, e := range was.EVSEs {
		if _, gone := known[e.UID]; !gone {
			continue
		}
		if e.Status != Removed {
			e.Status, e.LastUpdated, changed = Removed, d.updated, true
		}
		evses = append(evses, e)
	}
	now.EVSEs, now.LastUpdated = was.EVSEs, was.LastUpdated
	if changed || !reflect.DeepEqual(was, now) {
		now.LastUpdated = d.updated
	}
	now.EVSEs = evses
	return now
}

func (d *Directory) mergeEVSE(was, now EVSE) EVSE {
	connectors := slices.Clone(now.Connectors)
	for i := range connectors {
		connectors[i].LastUpdated = d.updated
		if i < len(was.Connectors) {
			old := was.Connectors[i]
			if connectors[i].LastUpdated = old.LastUpdated; connectors[i] != old {
				connectors[i].LastUpdated = d.updated
			}
		}
	}
	now.Connectors, now.LastUpdated = connectors, was.LastUpdated
	if !reflect.DeepEqual(was, now) {
		now.LastUpdated = d.updated
	}
	return now
}

// forget drops the EVSEs that have been gone the longest, beyond maxRemoved, those of one moment
// together; and locations without any left.
func (d *Directory) forget() {
	var removed []DateTime
	for _, l := range d.locations {
		for _, e := range l.EVSEs {
			if e.Status == Removed {
				removed = append(removed, e.LastUpdated)
			}
		}
	}
	if len(removed) <= maxRemoved {
		return
	}
	slices.Sort(removed)
	last := removed[len(removed)-maxRemoved-1]
	for i := range d.locations {
		l := &d.locations[i]
		l.EVSEs = slices.DeleteFunc(slices.Clone(l.EVSEs), func(e EVSE) bool { return e.Status == Removed && e.LastUpdated <= last })
	}
	d.locations = slices.DeleteFunc(d.locations, func(l Location) bool { return len(l.EVSEs) == 0 })
}

// Select are the locations that were updated from a time on, and before another one; "" is no
// bound. Of total it returns limit from an offset on.
func (d *Directory) Select(from, to DateTime, offset, limit int) (page []Location, total int) {
	page = []Location{}
	for _, l := range d.locations {
		if l.LastUpdated < from || to != "" && l.LastUpdated >= to {
			continue
		}
		if total >= offset && len(page) < limit {
			page = append(page, l)
		}
		total++
	}
	return page, total
}

// Location is the one of an id. Ids are the same in capital and in small letters.
func (d *Directory) Location(id string) (Location, bool) {
	i := slices.IndexFunc(d.locations, func(l Location) bool { return strings.EqualFold(l.ID, id) })
	if i < 0 {
		return Location{}, false
	}
	return d.locations[i], true
}

// EVSE is the one of an id at the location.
func (l Location) EVSE(uid string) (EVSE, bool) {
	i := slices.IndexFunc(l.EVSEs, func(e EVSE) bool { return strings.EqualFold(e.UID, uid) })
	if i < 0 {
		return EVSE{}, false
	}
	return l.EVSEs[i], true
}

// Connector is the one of an id at the EVSE.
func (e EVSE) Connector(id string) (Connector, bool) {
	i := slices.IndexFunc(e.Connectors, func(c Connector) bool { return strings.EqualFold(c.ID, id) })
	if i < 0 {
		return Connector{}, false
	}
	return e.Connectors[i], true
}
