package ocpi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"evcp"
	"evcp/internal/central/cpstate"
	"evcp/internal/ledger"
)

var party = Party{"ES", "ABC"}

// start is the time of the tests.
var start = time.Date(2026, 10, 31, 8, 0, 0, 123_456_000, time.UTC)

// ports reads a file.
func ports(t *testing.T, csv string) []ledger.ChargingPort {
	t.Helper()
	all, err := ledger.ParsePorts([]byte(csv), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func always(s EVSEStatus) func(evcp.CPID) EVSEStatus {
	return func(evcp.CPID) EVSEStatus { return s }
}

// TestStatus is the table of docs/OPERATIONS.md.
func TestStatus(t *testing.T) {
	in := func(s cpstate.Availability, why cpstate.Reason, status evcp.Status) cpstate.Condition {
		return cpstate.Condition{State: s, Reason: why, Status: status}
	}
	doubted := in(cpstate.Activated, cpstate.HeartbeatOK, evcp.OK)
	doubted.Unverified = cpstate.NoMessage
	faultyAndGone := in(cpstate.Disconnected, cpstate.ConnectionLost, evcp.KO)
	faultyAndGone.Fault = cpstate.OpenFault{Since: start, Reason: cpstate.EngineFailure}
	for _, c := range []struct {
		what        string
		is          cpstate.Condition
		maintenance bool
		want        EVSEStatus
	}{
		{"activated, its heartbeat is OK", in(cpstate.Activated, cpstate.Registered, evcp.OK), false, Available},
		{"recovered", in(cpstate.Activated, cpstate.EngineRecovered, evcp.Unknown), false, Available},
		{"registered, nothing else was heard", in(cpstate.Activated, cpstate.Registered, evcp.Unknown), false, Unknown},
		{"its Monitor has no outcome yet", in(cpstate.Activated, cpstate.HeartbeatMonitoring, evcp.Monitoring), false, Unknown},
		{"faulted", in(cpstate.Faulted, cpstate.EngineFailure, evcp.KO), false, OutOfOrder},
		{"nothing supports its state any more", doubted, false, Unknown},
		{"disconnected", in(cpstate.Disconnected, cpstate.SaidGoodbye, evcp.OK), false, Unknown},
		{"disconnected with a fault", faultyAndGone, false, Unknown},
		{"never heard", cpstate.Condition{}, false, Unknown},
		{"maintenance, well", in(cpstate.Activated, cpstate.HeartbeatOK, evcp.OK), true, Inoperative},
		{"maintenance, faulted", in(cpstate.Faulted, cpstate.EngineFailure, evcp.KO), true, Inoperative},
		{"maintenance, disconnected", in(cpstate.Disconnected, cpstate.Silent, evcp.OK), true, Inoperative},
	} {
		if got := StatusOf(c.is, c.maintenance); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

// TestPortsInTime: a port has the status of the charge point that it is now; it is planned before
// it is commissioned, and removed after it is decommissioned.
func TestPortsInTime(t *testing.T) {
	const csv = "port,cp_id,commissioned,decommissioned\nA,OLD,2025-01-01,2026-01-01\nA,NEW,2026-02-01,2027-01-01\nB,B,,\n"
	status := func(id evcp.CPID) EVSEStatus { return EVSEStatus(id) }
	for day, want := range map[string]EVSEStatus{"2024-12-31": Planned, "2025-06-01": "OLD", "2026-01-15": Planned, "2026-06-01": "NEW", "2027-01-01": Removed} {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		both := ports(t, csv)
		if got := statusAt(both[0], evcp.StampOf(at), status); got != want {
			t.Errorf("%s: %s, want %s", day, got, want)
		}
		if got := statusAt(both[1], evcp.StampOf(at), status); got != "B" {
			t.Errorf("%s: a port without dates is %s", day, got)
		}
	}
}

const connector = ",IEC_62196_T2_COMBO,CABLE,DC,920,200"

// head are the columns of the tests' files.
const head = "cp_id,site,public,bay,power_kw,hours,address,city,postal_code,country,time_zone,latitude,longitude,connector_standard,connector_format,power_type,max_voltage,max_amperage\n"

// TestLocations: the address of a site stands in one of its lines; another address is another
// location; what is missing is named, and what is not public is nowhere.
func TestLocations(t *testing.T) {
	got := List(party, ports(t, head+
		"N1,North,,Bay 1,150.5,Mo-Fr 08:00-24:00,\"Calle <Mayor>, 1\",Elche,03201,ESP,Europe/Madrid,38.2699,-0.6985123"+connector+"\n"+
		"N2,North,,a bay with a long name,,Mo-Fr 08:00-24:00,,,,,,38.27,-0.7"+connector+"\n"+
		"N3,North,,,,24/7,,Alicante,,,,,"+connector+"\n"+
		"N4,North,no,,,,,,,,,,"+connector+"\n"+
		"N5,North,,,,,,,,,,,,,,,,\n"+
		"S1,South,,,,,Street 1,"+strings.Repeat("x", 46)+",,,,,"+connector+"\n"+
		"ALONE,,,,,,Street 2,Elche,,ESP,Europe/Madrid,-38.1234567,-123.1234567"+connector+"\n"), evcp.StampOf(start), always(Available))
	want := map[string][]string{
		"N5": {"connector_standard", "connector_format", "power_type", "max_voltage", "max_amperage"},
		"S1": {"city", "country", "time_zone", "latitude", "longitude"},
	}
	if !reflect.DeepEqual(got.Lacks, want) {
		t.Errorf("lacking are %q, want %q", got.Lacks, want)
	}
	if len(got.Locations) != 3 {
		t.Fatalf("%d locations: %+v", len(got.Locations), got.Locations)
	}
	north, other, alone := got.Locations[0], got.Locations[1], got.Locations[2]
	if north.Name != "North" || north.City != "Elche" || len(north.EVSEs) != 2 || other.Name != "North" || other.City != "Alicante" || other.Address != north.Address || len(other.EVSEs) != 1 {
		t.Errorf("north is %+v\nother is %+v", north, other)
	}
	if hours := north.OpeningTimes; hours == nil || hours.Always || len(hours.Regular) != 5 || hours.Regular[0] != (RegularHours{1, "08:00", "23:59"}) || hours.Regular[4].Weekday != 5 {
		t.Errorf("its hours are %+v", hours)
	}
	if other.OpeningTimes == nil || !other.OpeningTimes.Always || alone.OpeningTimes != nil {
		t.Errorf("hours: %+v, %+v", other.OpeningTimes, alone.OpeningTimes)
	}
	if north.Coordinates != (GeoLocation{"38.26990", "-0.6985123"}) || *north.EVSEs[1].Coordinates != (GeoLocation{"38.27000", "-0.70000"}) || other.EVSEs[0].Coordinates != nil || other.Coordinates != north.Coordinates {
		t.Errorf("points: %+v, %+v, %+v", north.Coordinates, north.EVSEs[1].Coordinates, other.Coordinates)
	}
	if alone.Coordinates != (GeoLocation{"-38.123457", "-123.123457"}) || alone.Name != "" {
		t.Errorf("%+v", alone)
	}
	if e := north.EVSEs[0]; e.PhysicalReference != "Bay 1" || e.Connectors[0].MaxElectricPower != 150_500 || north.EVSEs[1].PhysicalReference != "" {
		t.Errorf("EVSEs: %+v", north.EVSEs)
	}
	ids := []string{north.ID, other.ID, alone.ID}
	for _, l := range got.Locations {
		for _, e := range l.EVSEs {
			ids = append(ids, e.UID)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		if len(id) != 36 {
			t.Errorf("%s has %d characters", id, len(id))
		}
	}
	if len(slices.Compact(ids)) != 7 {
		t.Errorf("ids are %q", ids)
	}
}

// TestLastUpdated: a change of an EVSE is one of its location, and of nothing else; what is gone
// is removed; a partner who asks for what changed since he asked misses nothing.
func TestLastUpdated(t *testing.T) {
	const place = "Street 1,Elche,,ESP,Europe/Madrid,38.1,-0.1"
	csv := head + "A1,A,,,,," + place + connector + "\nA2,A,,,,,,,,,,," + connector + "\nB1,B,,,,," + place + connector + "\n"
	faulted := map[evcp.CPID]bool{}
	status := func(id evcp.CPID) EVSEStatus {
		if faulted[id] {
			return OutOfOrder
		}
		return Available
	}
	var d Directory
	at := start
	update := func(csv string) []Location {
		t.Helper()
		asked := DateTimeOf(at)
		d.Update(at, List(party, ports(t, csv), evcp.StampOf(at), status).Locations)
		at = at.Add(time.Second)
		news, _ := d.Select(asked, "", 0, 1000)
		return news
	}
	if news := update(csv); len(news) != 2 || news[0].LastUpdated != "2026-10-31T08:00:00.123Z" {
		t.Fatalf("%+v", news)
	}
	if news := update(csv); len(news) != 0 {
		t.Errorf("nothing changed: %+v", news)
	}
	faulted["A2"] = true
	news := update(csv)
	if len(news) != 1 || news[0].Name != "A" || news[0].EVSEs[1].LastUpdated != news[0].LastUpdated || news[0].EVSEs[0].LastUpdated != DateTimeOf(start) || news[0].EVSEs[1].Connectors[0].LastUpdated != DateTimeOf(start) {
		t.Errorf("A2 faulted: %+v", news)
	}
	if news = update(strings.Replace(csv, "920", "800", 1)); len(news) != 1 || news[0].EVSEs[0].Connectors[0].LastUpdated != news[0].LastUpdated || news[0].EVSEs[0].LastUpdated != news[0].LastUpdated {
		t.Errorf("a connector of A1 changed: %+v", news)
	}
	update(csv)
	if news = update(strings.Replace(csv, "B1,B,,,,,Street 1", "B1,B,,,,,Street 9", 1)); len(news) != 1 || news[0].Address != "Street 9" || news[0].EVSEs[0].LastUpdated != DateTimeOf(start) {
		t.Errorf("the address of B changed: %+v", news)
	}
	gone := strings.SplitAfter(csv, "\n")
	if news = update(gone[0] + gone[1]); len(news) != 2 || news[0].EVSEs[1].Status != Removed || news[0].EVSEs[0].Status != Available || news[1].EVSEs[0].Status != Removed {
		t.Errorf("A2 and B1 are gone: %+v", news)
	}
	if news = update(gone[0] + gone[1]); len(news) != 0 {
		t.Errorf("removed twice: %+v", news)
	}
	at = at.Add(-time.Hour) // the clock was set back
	if news, _ := d.Select(d.updated, "", 0, 10); len(news) != 0 {
		t.Errorf("%+v", news)
	}
	before := d.updated
	d.Update(at, List(party, ports(t, csv), evcp.StampOf(at), status).Locations)
	if d.updated < before || d.locations[1].EVSEs[0].Status != Available || d.locations[1].LastUpdated != before {
		t.Errorf("B1 came back: %+v", d.locations[1])
	}
}

// TestRemovedAreBounded: EVSEs that are gone do not add up for ever; the newest are kept.
func TestRemovedAreBounded(t *testing.T) {
	var d Directory
	for n := range 3 {
		var csv strings.Builder
		csv.WriteString(head)
		for i := range maxRemoved {
			fmt.Fprintf(&csv, "C%d_%d,S%d,,,,,Street 1,Elche,,ESP,Europe/Madrid,38.1,-0.1%s\n", n, i, i%7+10*n, connector)
		}
		d.Update(start.Add(time.Duration(n)*time.Second), List(party, ports(t, csv.String()), evcp.StampOf(start), always(Available)).Locations)
	}
	d.Update(start.Add(3*time.Second), nil)
	left := 0
	for _, l := range d.locations {
		for _, e := range l.EVSEs {
			left++
			if e.Status != Removed || e.LastUpdated != DateTimeOf(start.Add(3*time.Second)) {
				t.Fatalf("%+v", e)
			}
		}
	}
	if left != maxRemoved || len(d.locations) != 7 {
		t.Errorf("%d EVSEs in %d locations", left, len(d.locations))
	}
}

// FuzzDateTime: what is taken for a time comes back as the same one.
func FuzzDateTime(f *testing.F) {
	for _, text := range []string{"2015-06-29T20:39:09Z", "2015-06-29T20:39:09", "2016-12-29T17:45:09.2Z", "2018-01-01T01:08:01.123", "2018-01-01T01:08:01+00:00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, ok := ParseDateTime(text)
		if strings.Contains(text, "+") && ok {
			t.Errorf("%s has another form", text)
		}
		if !ok {
			return
		}
		again, ok := ParseDateTime(string(at))
		if !ok || again != at {
			t.Errorf("%s became %s", text, at)
		}
	})
}

// FuzzList: whatever a file of ports holds that can be read, its locations are as OCPI wants them.
func FuzzList(f *testing.F) {
	f.Add(head + "A1,A,,bay,7.4,Mo 08:00-24:00,Street,Elche,03201,ESP,Europe/Madrid,-38.1234567,.5" + connector + "\n")
	f.Add(head + "A1,,no,,,,Street,Elche,03201,ESP,UTC,-0,-180" + connector + "\n")
	f.Fuzz(func(t *testing.T, csv string) {
		all, err := ledger.ParsePorts([]byte(csv), time.UTC)
		if err != nil {
			return
		}
		listing := List(party, all, evcp.StampOf(start), always(Unknown))
		listed := 0
		for _, l := range listing.Locations {
			listed += len(l.EVSEs)
			if len(l.EVSEs) == 0 || l.Address == "" || l.City == "" || len(l.CountryOf) != 3 || l.TimeZone == "" || len(l.Coordinates.Latitude) > 10 || len(l.Coordinates.Longitude) > 11 {
				t.Errorf("%+v", l)
			}
			for _, e := range l.EVSEs {
				if c := e.Connectors[0]; c.Standard == "" || c.MaxVoltage < 1 || len(e.PhysicalReference) > 4*maxReference {
					t.Errorf("%+v", e)
				}
			}
			if _, err := json.Marshal(l); err != nil {
				t.Error(err)
			}
		}
		for _, p := range all {
			if p.Public && listing.Lacks[p.Name] == nil {
				listed--
			}
		}
		if listed != 0 {
			t.Errorf("%d too many are listed", listed)
		}
	})
}

// TestParty: what is no party is refused.
func TestParty(t *testing.T) {
	for text, want := range map[string]bool{"ES-ABC": true, "ES-A1B": true, "": false, "ES": false, "es-abc": false, "ESP-ABC": false, "ES-ABCD": false, "ES*ABC": false, "ES-<b>": false} {
		if p, ok := ParseParty(text); ok != want || ok && p.Country+"-"+p.ID != text {
			t.Errorf("%q: %+v, %v", text, p, ok)
		}
	}
}
