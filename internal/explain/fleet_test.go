package explain_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"evcp"
	"evcp/internal/explain"
	"evcp/internal/language"
)

// soundFleet is a Monitor of thirteen at two sites on a good day.
func soundFleet() explain.MonitorStatus {
	d := sound()
	d.ChargePoints = []explain.ChargePointStatus{}
	d.Outbox.Folder = "/var/lib/ev-cp-m/fleet"
	d.Fleet = &explain.FleetStatus{
		Total: 13, States: map[string]int{"OK": 13, "KO": 0, "CONNECTION_ERROR": 0, "MONITORING": 0},
		NotWell: []explain.CPRow{}, Sites: []explain.SiteStatus{{Site: "Alicante Sur", OK: 1}, {Site: "Gandía Puerto", OK: 12}},
		Central: explain.FleetCentral{Address: "10.0.0.5:5000", Sessions: map[string]int{"registered": 13, "connecting": 0, "refused": 0, "away": 0}},
	}
	return d
}

func failedRow(id evcp.CPID, site, cause string, told bool) explain.CPRow {
	c := explain.CPRow{
		CP: id, Site: site, Engine: "10.0.1.17:5001", State: "CONNECTION_ERROR", Since: at(59 * time.Minute), Cause: cause, Failures: 60,
		Incident: string(id) + "-1-2", Central: "registered", LastOK: at(59 * time.Minute), TimeoutMS: 900,
	}
	if cause == "said_ko" {
		c.State = "KO"
	}
	if told {
		c.Told = at(59*time.Minute + 3*time.Second)
	}
	return c
}

// TestFleetTranscripts holds status of a fleet word for word.
func TestFleetTranscripts(t *testing.T) {
	for name, change := range map[string]func(*explain.MonitorStatus){
		"fleet-sound": func(*explain.MonitorStatus) {},
		"fleet-faulted": func(d *explain.MonitorStatus) {
			f := d.Fleet
			f.NotWell = []explain.CPRow{
				failedRow("CP_013", "Alicante Sur", "timeout", false), failedRow("CP_007", "Gandía Puerto", "refused", true),
				failedRow("CP_011", "Gandía Puerto", "said_ko", true),
				{CP: "CP_002", Site: "Gandía Puerto", State: "MONITORING", Since: at(50 * time.Minute), Central: "registered"},
				{CP: "CP_003", Site: "Gandía Puerto", State: "OK", Since: at(time.Minute), Central: "refused"},
			}
			f.States = map[string]int{"OK": 9, "KO": 1, "CONNECTION_ERROR": 2, "MONITORING": 1}
			f.Sites = []explain.SiteStatus{{Site: "Alicante Sur", Failed: 1}, {Site: "Gandía Puerto", OK: 9, Failed: 2, Unknown: 1}}
			f.Central.Sessions = map[string]int{"registered": 12, "refused": 1}
			f.Central.Reply, f.Central.Pending = "Authentication denied: unknown charging point CP_003", 1
		},
		"fleet-partly-without-sites": func(d *explain.MonitorStatus) {
			d.Fleet.Sites = []explain.SiteStatus{{Site: "Gandía Puerto", OK: 11, Failed: 1}, {OK: 1}}
			d.Fleet.NotWell = []explain.CPRow{failedRow("CP_007", "Gandía Puerto", "dns", true)}
		},
		"fleet-partly-sound": func(d *explain.MonitorStatus) {
			d.Fleet.Sites = []explain.SiteStatus{{Site: "Alicante Sur", OK: 2}, {Site: "Gandía Puerto", OK: 10}, {OK: 1}}
		},
		"fleet-storm": func(d *explain.MonitorStatus) {
			f := d.Fleet
			for i := range explain.MaxNotWell {
				f.NotWell = append(f.NotWell, failedRow(evcp.CPID(fmt.Sprintf("CP_%05d", i)), fmt.Sprintf("Aparcamiento subterráneo %d", i/40), "unreachable", i%2 == 0))
			}
			f.Total, f.More = 10000, 212
			f.States = map[string]int{"OK": 9688, "KO": 0, "CONNECTION_ERROR": 312, "MONITORING": 0}
			f.Sites = nil
			for i := range 200 {
				s := explain.SiteStatus{Site: fmt.Sprintf("Aparcamiento subterráneo %d", i), OK: 40}
				if i < 8 {
					s.OK, s.Failed = 1, 39
				}
				f.Sites = append(f.Sites, s)
			}
			f.MoreSites = 50
			f.Central.Sessions = map[string]int{"registered": 9000, "away": 1000}
			f.Central.Last = &explain.MessageStatus{At: at(time.Hour), Message: "heartbeat OK", Cause: "timeout"}
		},
		"fleet-without-sites": func(d *explain.MonitorStatus) {
			d.Fleet.Sites = []explain.SiteStatus{{OK: 12, Failed: 1}}
			d.Fleet.NotWell = []explain.CPRow{failedRow("CP_007", "", "dns", true)}
			d.Kafka = nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := soundFleet()
			change(&d)
			for suffix, said := range map[string]language.Language{"": language.English, "-es": language.Spanish} {
				lines := explain.StatusLines(d, explain.View{Zone: time.UTC, Columns: 80, Language: said})
				compare(t, "testdata/"+name+suffix+".txt", strings.Join(lines, "\n")+"\n")
			}
		})
	}
}
