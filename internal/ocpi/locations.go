package ocpi

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"evcp"
	"evcp/internal/central/cpstate"
	"evcp/internal/ledger"
)

// StatusOf is the status of a charge point; maintenance is whether a window of it is open. A
// registration alone says nothing of the Engine.
func StatusOf(c cpstate.Condition, maintenance bool) EVSEStatus {
	switch {
	case maintenance:
		return Inoperative
	case c.Unverified != cpstate.Verified:
		return Unknown
	case c.State == cpstate.Activated && c.Status != evcp.OK && (c.Reason == cpstate.Registered || c.Reason == cpstate.HeartbeatMonitoring):
		return Unknown
	case c.State == cpstate.Activated:
		return Available
	case c.State == cpstate.Faulted:
		return OutOfOrder
	}
	return Unknown
}

// statusAt is the status of a port: of the charge point that it is now, while it is in use.
func statusAt(p ledger.ChargingPort, now evcp.Stamp, status func(evcp.CPID) EVSEStatus) EVSEStatus {
	over := false
	for _, l := range p.Lines {
		switch {
		case l.Commissioned > now:
			return Planned
		case l.Decommissioned == 0 || l.Decommissioned > now:
			return status(l.CP)
		}
		over = true
	}
	if over {
		return Removed
	}
	return Unknown
}

// Listing is what the ports come to.
type Listing struct {
	Locations []Location          // of public ports of which all is known that OCPI needs; nothing is updated yet
	Lacks     map[string][]string // the columns that a public port lacks, by its name; none that is listed
}

// The longest texts that OCPI takes, in characters.
const (
	maxCity       = 45
	maxPostalCode = 10
	maxReference  = 16
)

// List makes locations of ports. The ports of a site are one location; those with another
// address are one of their own. What a port does not say of its address is that of the first
// port of the site that says it. A port without a site is a location.
func List(party Party, ports []ledger.ChargingPort, now evcp.Stamp, status func(evcp.CPID) EVSEStatus) Listing {
	out := Listing{Lacks: map[string][]string{}}
	said := placesOf(ports)
	at := map[string]int{}
	for _, p := range ports {
		if !p.Public {
			continue
		}
		first := said[siteKey(p)]
		place := over(first, p.Place)
		if lacks := lacking(p, place); lacks != nil {
			out.Lacks[p.Name] = lacks
			continue
		}
		id := idOf("location", siteKey(p))
		if address := addressOf(place); address != addressOf(first) {
			id = idOf("location", siteKey(p), address)
		}
		i, known := at[id]
		if !known {
			i = len(out.Locations)
			at[id] = i
			out.Locations = append(out.Locations, Location{
				Country: party.Country, Party: party.ID, ID: id, Publish: true, Name: p.Site,
				Address: place.Address, City: place.City, PostalCode: place.PostalCode, CountryOf: place.Country,
				Coordinates: pointOf(place), TimeZone: place.TimeZone, OpeningTimes: hoursOf(p),
			})
		}
		l := &out.Locations[i]
		if !reflect.DeepEqual(l.OpeningTimes, hoursOf(p)) {
			l.OpeningTimes = nil
		}
		l.EVSEs = append(l.EVSEs, evseOf(l.ID, p, statusAt(p, now, status)))
	}
	return out
}

// siteKey tells sites apart, and ports without one.
func siteKey(p ledger.ChargingPort) string {
	if p.Site == "" {
		return "port\x00" + p.Name
	}
	return "site\x00" + p.Site
}

// placesOf is what the public ports of each site say first.
func placesOf(ports []ledger.ChargingPort) map[string]ledger.PortPlace {
	said := map[string]ledger.PortPlace{}
	for _, p := range ports {
		if p.Public {
			said[siteKey(p)] = over(p.Place, said[siteKey(p)])
		}
	}
	return said
}

// over is a place with what another one says laid over it. A point is one thing.
func over(beneath, place ledger.PortPlace) ledger.PortPlace {
	for _, c := range []struct{ of, from *string }{
		{&place.Address, &beneath.Address}, {&place.City, &beneath.City}, {&place.PostalCode, &beneath.PostalCode},
		{&place.Country, &beneath.Country}, {&place.TimeZone, &beneath.TimeZone},
	} {
		if *c.of == "" {
			*c.of = *c.from
		}
	}
	if place.Latitude == "" || place.Longitude == "" {
		place.Latitude, place.Longitude = beneath.Latitude, beneath.Longitude
	}
	return place
}

func addressOf(p ledger.PortPlace) string {
	return strings.Join([]string{p.Address, p.City, p.PostalCode, p.Country, p.TimeZone}, "\x00")
}

// lacking are the columns that OCPI needs and that nobody filled in, or that it can't take.
func lacking(p ledger.ChargingPort, place ledger.PortPlace) (columns []string) {
	c := p.Connector
	for _, need := range []struct {
		column string
		there  bool
	}{
		{"address", place.Address != ""},
		{"city", place.City != "" && utf8.RuneCountInString(place.City) <= maxCity},
		{"postal_code", utf8.RuneCountInString(place.PostalCode) <= maxPostalCode},
		{"country", place.Country != ""},
		{"time_zone", place.TimeZone != ""},
		{"latitude", place.Latitude != ""},
		{"longitude", place.Longitude != ""},
		{"connector_standard", c.Standard != ""},
		{"connector_format", c.Format != ""},
		{"power_type", c.PowerType != ""},
		{"max_voltage", c.Volts != 0},
		{"max_amperage", c.Amperes != 0},
	} {
		if !need.there {
			columns = append(columns, need.column)
		}
	}
	return columns
}

func evseOf(location string, p ledger.ChargingPort, status EVSEStatus) EVSE {
	e := EVSE{
		UID: idOf("evse", location, p.Name), EVSEID: p.Connector.EVSE, Status: status,
		Connectors: []Connector{{
			ID: "1", Standard: p.Connector.Standard, Format: p.Connector.Format, PowerType: p.Connector.PowerType,
			MaxVoltage: p.Connector.Volts, MaxAmperage: p.Connector.Amperes, MaxElectricPower: p.Watts,
		}},
	}
	if p.Place.Latitude != "" && p.Place.Longitude != "" {
		point := pointOf(p.Place)
		e.Coordinates = &point
	}
	if utf8.RuneCountInString(p.Place.Bay) <= maxReference {
		e.PhysicalReference = p.Place.Bay
	}
	return e
}

// idOf is an id of 36 characters, the most that OCPI takes: a UUID (RFC 9562, version 8) of
// names. The same names have the same id at each start.
func idOf(names ...string) string {
	sum := sha256.Sum256([]byte("evcp ocpi\x00" + strings.Join(names, "\x00")))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	text := hex.EncodeToString(sum[:16])
	return strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")
}

func pointOf(p ledger.PortPlace) GeoLocation {
	return GeoLocation{degrees(p.Latitude, len("38.3452000")), degrees(p.Longitude, len("-126.123456"))}
}

// degrees is a coordinate as OCPI wants it: five to seven decimals, in at most that many bytes.
func degrees(text string, most int) string {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return text // it was checked
	}
	decimals := 5
	if _, said, found := strings.Cut(text, "."); found {
		decimals = max(decimals, min(len(said), 7))
	}
	out := strconv.FormatFloat(value, 'f', decimals, 64)
	for len(out) > most && decimals > 5 {
		decimals--
		out = strconv.FormatFloat(value, 'f', decimals, 64)
	}
	return out
}

// hoursOf are the opening hours of a port; nil: nobody entered them.
func hoursOf(p ledger.ChargingPort) *AccessHours {
	if !p.HoursSaid {
		return nil
	}
	var h AccessHours
	for _, t := range p.Hours.Week() {
		end := clock(t.To)
		if t.To == 24*60 {
			end = "23:59"
		}
		h.Regular = append(h.Regular, RegularHours{Weekday: (int(t.Day)+6)%7 + 1, Begin: clock(t.From), End: end})
	}
	slices.SortStableFunc(h.Regular, func(a, b RegularHours) int { return a.Weekday - b.Weekday })
	h.Always = h.Regular == nil
	return &h
}

// clock is a minute of the day as 08:30.
func clock(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }
