package ocpi

import (
	"strings"
	"time"
)

// Party is the operator of the charge points, as OCPI names it.
type Party struct {
	Country string // ISO 3166-1 alpha-2
	ID      string // three letters or digits
}

// ParseParty reads a party as ES-ABC.
func ParseParty(text string) (p Party, ok bool) {
	const capitals, digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	p.Country, p.ID, ok = strings.Cut(text, "-")
	ok = ok && len(p.Country) == 2 && strings.Trim(p.Country, capitals) == "" && len(p.ID) == 3 && strings.Trim(p.ID, capitals+digits) == ""
	return p, ok
}

// Location is a place with EVSEs. Fields of OCPI that Central knows nothing of are left out.
type Location struct {
	Country      string       `json:"country_code"` // of the party
	Party        string       `json:"party_id"`
	ID           string       `json:"id"`
	Publish      bool         `json:"publish"`
	Name         string       `json:"name,omitempty"`
	Address      string       `json:"address"`
	City         string       `json:"city"`
	PostalCode   string       `json:"postal_code,omitempty"`
	CountryOf    string       `json:"country"` // where it is, alpha-3
	Coordinates  GeoLocation  `json:"coordinates"`
	EVSEs        []EVSE       `json:"evses"`
	TimeZone     string       `json:"time_zone"`
	OpeningTimes *AccessHours `json:"opening_times,omitempty"` // nil: nobody entered them, or its ports differ
	LastUpdated  DateTime     `json:"last_updated"`
}

// GeoLocation is a point, in decimal degrees.
type GeoLocation struct {
	Latitude  string `json:"latitude"`
	Longitude string `json:"longitude"`
}

// EVSE is a port: what charges one car at a time.
type EVSE struct {
	UID               string       `json:"uid"`
	EVSEID            string       `json:"evse_id,omitempty"`
	Status            EVSEStatus   `json:"status"`
	Connectors        []Connector  `json:"connectors"` // one
	Coordinates       *GeoLocation `json:"coordinates,omitempty"`
	PhysicalReference string       `json:"physical_reference,omitempty"` // its bay
	LastUpdated       DateTime     `json:"last_updated"`
}

// Connector is what a car is plugged into.
type Connector struct {
	ID               string   `json:"id"`
	Standard         string   `json:"standard"`
	Format           string   `json:"format"`
	PowerType        string   `json:"power_type"`
	MaxVoltage       int      `json:"max_voltage"`
	MaxAmperage      int      `json:"max_amperage"`
	MaxElectricPower int64    `json:"max_electric_power,omitempty"` // in watts
	LastUpdated      DateTime `json:"last_updated"`
}

// AccessHours are when the EVSEs of a location can be reached.
type AccessHours struct {
	Always  bool           `json:"twentyfourseven"`
	Regular []RegularHours `json:"regular_hours,omitempty"`
}

// RegularHours are those of one day of the week, in the time of the location.
type RegularHours struct {
	Weekday int    `json:"weekday"` // from Monday, 1, to Sunday, 7
	Begin   string `json:"period_begin"`
	End     string `json:"period_end"` // 23:59 for midnight, for which OCPI has no text
}

// EVSEStatus is what can be said of an EVSE. OCPI has more: whether a car is plugged in is not
// known here, so CHARGING, BLOCKED and RESERVED are never said.
type EVSEStatus string

const (
	// Available: the charge point is activated, so its Engine answers well. A car may charge.
	Available EVSEStatus = "AVAILABLE"
	// OutOfOrder: it is faulted.
	OutOfOrder EVSEStatus = "OUTOFORDER"
	// Inoperative: a maintenance window is open, whatever is true beneath.
	Inoperative EVSEStatus = "INOPERATIVE"
	// Unknown: it is disconnected, no outcome of a check was heard, or nothing supports its state
	// any more.
	Unknown EVSEStatus = "UNKNOWN"
	// Planned: the port is commissioned later.
	Planned EVSEStatus = "PLANNED"
	// Removed: the port was decommissioned, is not public any more, or is gone. It is final.
	Removed EVSEStatus = "REMOVED"
)

// DateTime is a time as OCPI writes it: in UTC, here always with milliseconds, so that earlier is
// less; "" is none.
type DateTime string

// DateTimeOf is a time, cut to the millisecond.
func DateTimeOf(at time.Time) DateTime {
	return DateTime(at.UTC().Format("2006-01-02T15:04:05.000Z"))
}

// ParseDateTime reads a time in UTC, with Z at its end or without.
func ParseDateTime(text string) (DateTime, bool) {
	at, err := time.Parse("2006-01-02T15:04:05", strings.TrimSuffix(text, "Z"))
	if err != nil || at.Year() < 1971 || at.Year() > 2199 {
		return "", false
	}
	return DateTimeOf(at), true
}
