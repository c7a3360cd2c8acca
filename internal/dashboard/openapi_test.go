package dashboard

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"evcp/internal/central"
	"evcp/internal/ledger"
	"evcp/internal/ocpi"
	"evcp/internal/status"
)

// description is the part of api/central.openapi.yaml that the test holds to the handlers.
type description struct {
	Paths      map[string]map[string]described // by method, in small letters
	Components struct {
		Schemas map[string]struct {
			Required   []string
			Properties map[string]any
		}
	}
}

// described is one operation.
type described struct {
	Parameters []struct {
		Ref string `yaml:"$ref"`
	}
	RequestBody struct{ Required bool } `yaml:"requestBody"`
	Responses   map[string]struct {
		Content map[string]struct{ Schema map[string]any }
	}
}

// accountPaths are the reading paths that TestDescriptionHasEveryChange asks for.
var accountPaths = []string{sessionPath, maintenancePath, usersPath, auditPath, exclusionsPath, portsPath, portsCSVPath}

// describedElsewhere reports whether TestDescriptionHasOCPI or TestDescriptionHasTheProvider asks
// for a path.
func describedElsewhere(path string) bool {
	return strings.HasPrefix(path, ocpiPath) || strings.HasPrefix(path, providerPath)
}

func openDescription(t *testing.T) (d description, c *jsonschema.Compiler) {
	t.Helper()
	text, err := os.ReadFile("../../api/central.openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := yaml.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	plain, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(plain)))
	if err != nil {
		t.Fatal(err)
	}
	c = jsonschema.NewCompiler()
	if err := c.AddResource("central.json", doc); err != nil {
		t.Fatal(err)
	}
	return d, c
}

// TestDescriptionHasEveryField compares the schemas with the types, both ways.
func TestDescriptionHasEveryField(t *testing.T) {
	d, _ := openDescription(t)
	types := map[string]any{
		"ChargePoint": cpJSON{}, "Fault": faultJSON{}, "Known": knownJSON{}, "Standing": standingJSON{}, "Segment": segmentJSON{},
		"SegmentsPage": segmentsPage{}, "Minute": minuteJSON{}, "Minutes": minutesJSON{}, "Check": checkJSON{}, "Checks": checksJSON{}, "Words": wordsJSON{}, "WordsPage": wordsPage{}, "TCPReport": tcpReportJSON{}, "Incident": incidentJSON{}, "IncidentsPage": incidentsPage{}, "Status": statusJSON{}, "Alerts": alertsJSON{}, "AlertReceiver": receiverJSON{}, "Deadman": deadmanJSON{},
		"OwnerNow": ownerNow{}, "WindowNow": windowNow{}, "Session": sessionJSON{}, "SignIn": signInJSON{}, "Take": takeJSON{}, "Owner": ownerJSON{},
		"Maintain": maintainJSON{}, "Window": windowJSON{}, "WindowsPage": windowsPage{}, "User": userJSON{}, "Users": usersJSON{}, "NewUser": newUserJSON{}, "SetPassword": setPasswordJSON{},
		"NewExclusion": newExclusionJSON{}, "Exclusion": exclusionJSON{}, "Withdraw": withdrawJSON{}, "Withdrawal": withdrawalJSON{}, "ExclusionsPage": exclusionsPage{},
		"ChargerPort": chargerPortJSON{}, "PortLine": portLineJSON{}, "ChargerPorts": chargerPortsJSON{}, "PortsReplaced": portsReplacedJSON{},
		"Change": siteChangeJSON{}, "Missed": missedJSON{},
		"Version": ocpiVersionJSON{}, "VersionDetails": ocpiDetailsJSON{}, "Endpoint": ocpiEndpointJSON{}, "Location": ocpi.Location{}, "GeoLocation": ocpi.GeoLocation{},
		"EVSE": ocpi.EVSE{}, "Connector": ocpi.Connector{}, "AccessHours": ocpi.AccessHours{}, "RegularHours": ocpi.RegularHours{},
		"OCPIError": ocpiAnswer{}, "OCPIVersions": ocpiAnswer{}, "OCPIDetails": ocpiAnswer{}, "OCPILocations": ocpiAnswer{}, "OCPILocation": ocpiAnswer{}, "OCPIEVSE": ocpiAnswer{}, "OCPIConnector": ocpiAnswer{},
		"AuditLine": auditLineJSON{}, "AuditPage": auditPage{},
		"Uptime": struct {
			ledger.Uptime
			Notice string `json:"notice,omitempty"` // of a report
		}{}, "Port": ledger.PortAnswer{}, "Sums": ledger.Sums{}, "Day": dayJSON{}, "DayOne": dayOne{}, "NotUp": notUpPiece{}, "Outage": ledger.OutageAnswer{}, "Inputs": ledger.Inputs{},
	}
	for name, schema := range d.Components.Schemas {
		if name == "Problem" || name == "DateTime" {
			continue // each answer of TestDescriptionHasEveryAnswer that is an error has it; a text
		}
		var all, required []string
		if types[name] == nil {
			t.Errorf("%s is no type", name)
			continue
		}
		for _, f := range reflect.VisibleFields(reflect.TypeOf(types[name])) {
			tag := f.Tag.Get("json")
			field, option, _ := strings.Cut(tag, ",")
			if tag == "" || field == "-" {
				continue
			}
			all = append(all, field)
			if option != "omitempty" {
				required = append(required, field)
			}
		}
		slices.Sort(all)
		slices.Sort(required)
		if got := slices.Sorted(maps.Keys(schema.Properties)); !slices.Equal(got, all) {
			t.Errorf("%s describes %v, want %v", name, got, all)
		}
		if got := slices.Sorted(slices.Values(schema.Required)); !slices.Equal(got, required) {
			t.Errorf("%s requires %v, want %v", name, got, required)
		}
	}
}

// TestDescriptionHasEveryAnswer: every path, and every code it answers with, is described, each
// answer fits its schema, and nothing is described that does not happen.
func TestDescriptionHasEveryAnswer(t *testing.T) {
	d, c := openDescription(t)
	past, none := startTestServerWith(t, testHistory(t)), startTestServer(t, central.Options{}, anyPort, anyPort)
	past.monitor("EV_CP_M CP_001 registration request", "EV_CP_M CP_001 heartbeat OK")
	past.monitor("EV_CP_M CP_009 registration request", "EV_CP_M CP_009 ENGINE_FAILURE", "EV_CP_M CP_009 heartbeat KO").Close()
	served := New(Options{Central: past.central, Version: "test", Access: AccessRules{PublicBoard: true}, History: testHistory(t)})
	want := map[string]bool{"get " + sessionPath: true, "post " + sessionPath: true, "get " + status.StatusPath: true, "get " + providerPath: true, "get " + callbackPath: true}
	for path := range served.api() {
		want["get "+path] = true
	}
	for path := range served.ocpiPaths() {
		want["get "+path] = true
	}
	for _, o := range served.writes() {
		want[strings.ToLower(o.method)+" "+o.path] = true
	}
	got := map[string]bool{}
	for path, operations := range d.Paths {
		for method := range operations {
			got[method+" "+path] = true
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("described are %v, served %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	busy := busySite(t, past)
	guarded := "http://" + past.serve() + "/"
	closed := "http://" + serveOn(t, New(Options{Central: past.central, Version: "test"})) + "/"
	seen := map[string]bool{}
	asks := []struct{ path, url, header, value string }{
		{listPath, past.url + "api/v1/cps", "", ""},
		{listPath, past.url + "api/v1/cps", "If-None-Match", "*current*"},
		{listPath, past.url + "api/v1/cps?limit=0", "", ""},
		{listPath, past.url + "api/v1/cps?cursor=%20", "", ""},
		{listPath, none.url + "api/v1/cps?site=x", "", ""},
		{listPath, busy + "api/v1/cps", "", ""},
		{onePath, past.url + "api/v1/cps/CP_001", "", ""},
		{onePath, past.url + "api/v1/cps/CP_009", "", ""},
		{onePath, past.url + "api/v1/cps/CP_777", "", ""},
		{onePath, none.url + "api/v1/cps/CP_777", "", ""},
		{onePath, past.url + "api/v1/cps/%1b", "", ""},
		{onePath, busy + "api/v1/cps/CP_001", "", ""},
		{segmentsPath, past.url + "api/v1/cps/CP_001/segments", "", ""},
		{segmentsPath, past.url + "api/v1/cps/CP_001/segments?limit=1", "", ""},
		{segmentsPath, past.url + "api/v1/cps/CP_001/segments?from=x", "", ""},
		{segmentsPath, past.url + "api/v1/cps/CP_001/segments?from=2020-01-01T00:00:00Z", "", ""},
		{segmentsPath, past.url + "api/v1/cps/CP_001/segments?cursor=x", "", ""},
		{segmentsPath, past.url + "api/v1/cps/CP_001/segments?at=x", "", ""},
		{segmentsPath, past.url + "api/v1/cps/CP_777/segments", "", ""},
		{segmentsPath, none.url + "api/v1/cps/CP_001/segments", "", ""},
		{segmentsPath, busy + "api/v1/cps/CP_001/segments", "", ""},
		{oneIncidentsPath, past.url + "api/v1/cps/CP_001/incidents", "", ""},
		{oneIncidentsPath, past.url + "api/v1/cps/CP_777/incidents", "", ""},
		{oneIncidentsPath, past.url + "api/v1/cps/CP_001/incidents?limt=1", "", ""},
		{oneIncidentsPath, busy + "api/v1/cps/CP_001/incidents", "", ""},
		{minutesPath, past.url + "api/v1/cps/CP_001/minutes", "", ""},
		{minutesPath, past.url + "api/v1/cps/CP_001/minutes", "If-None-Match", ""},
		{minutesPath, past.url + "api/v1/cps/CP_001/minutes?from=2026-10-01T00:00:00Z", "", ""},
		{minutesPath, past.url + "api/v1/cps/CP_777/minutes", "", ""},
		{minutesPath, none.url + "api/v1/cps/CP_001/minutes", "", ""},
		{minutesPath, busy + "api/v1/cps/CP_001/minutes", "", ""},
		{minutesPath, guarded + "api/v1/cps/CP_001/minutes", "Host", ""},
		{checksPath, past.url + "api/v1/cps/CP_001/checks", "", ""},
		{checksPath, past.url + "api/v1/cps/CP_002/checks", "If-None-Match", ""},
		{checksPath, past.url + "api/v1/cps/CP_001/checks?from=1", "", ""},
		{checksPath, past.url + "api/v1/cps/CP_777/checks", "", ""},
		{checksPath, none.url + "api/v1/cps/CP_001/checks", "", ""},
		{checksPath, busy + "api/v1/cps/CP_777/checks", "", ""},
		{checksPath, guarded + "api/v1/cps/CP_001/checks", "Host", ""},
		{wordsPath, past.url + "api/v1/cps/CP_009/words", "", ""},
		{wordsPath, past.url + "api/v1/cps/CP_009/words?to=2100-01-01T00:00:00Z&from=2099-01-01T00:00:00Z", "If-None-Match", ""},
		{wordsPath, past.url + "api/v1/cps/CP_009/words?from=2100-01-01T00:00:00Z", "", ""},
		{wordsPath, past.url + "api/v1/cps/CP_777/words", "", ""},
		{wordsPath, busy + "api/v1/cps/CP_009/words", "", ""},
		{wordsPath, guarded + "api/v1/cps/CP_009/words", "Host", ""},
		{incidentsPath, past.url + "api/v1/incidents", "", ""},
		{incidentsPath, past.url + "api/v1/incidents?order=newest&limit=1", "", ""},
		{incidentsPath, past.url + "api/v1/incidents?format=csv", "", ""},
		{incidentsPath, past.url + "api/v1/incidents?open=maybe", "", ""},
		{incidentsPath, past.url + "api/v1/incidents?cursor=CP_001", "", ""},
		{incidentsPath, none.url + "api/v1/incidents", "", ""},
		{incidentsPath, busy + "api/v1/incidents", "", ""},
		{uptimePath, past.url + "api/v1/uptime?definition=nevi&month=2026-10&until=2026-10-31T23:00:00Z", "", ""},
		{uptimePath, past.url + "api/v1/uptime?definition=plain&year=2026&until=2026-10-31T23:00:00Z&zone=Europe/London", "", ""},
		{uptimePath, past.url + "api/v1/uptime?definition=plain&month=2026-10&until=newest&format=html&language=es", "", ""},
		{uptimePath, past.url + "api/v1/uptime?definition=plain&month=2026-10&until=newest&format=pdf", "", ""},
		{uptimePath, past.url + "api/v1/uptime?definition=uk&year=2026", "", ""},
		{uptimePath, past.url + "api/v1/uptime?definition=plain&month=2026-10", "", ""},
		{uptimePath, past.url + "api/v1/uptime?definition=plain", "", ""},
		{uptimePath, past.url + "api/v1/uptime?definition=<script>&month=2026-10", "", ""},
		{uptimePath, past.url + "api/v1/uptime?definition=plain&month=2026-10&until=2026-10-31T23:00:00Z&site=nowhere", "", ""},
		{uptimePath, none.url + "api/v1/uptime?definition=plain&month=2026-10", "", ""},
		{uptimePath, busy + "api/v1/uptime?definition=plain&month=2026-10", "", ""},
		{dayPath, past.url + "api/v1/day", "", ""},
		{dayPath, past.url + "api/v1/day?x=1", "", ""},
		{dayPath, none.url + "api/v1/day", "", ""},
		{dayPath, busy + "api/v1/day", "", ""},
		{dayPath, guarded + "api/v1/day", "Host", ""},
		{changesPath, past.url + "api/v1/changes?x=1", "", ""},
		{changesPath, past.url + "api/v1/changes", "", ""},
		{changesPath, busy + "api/v1/changes", "", ""},
		{changesPath, guarded + "api/v1/changes", "Host", ""},
		{eventsPath, past.url + "api/v1/events?x=1", "", ""},
		{eventsPath, past.url + "api/v1/events", "", ""},
		{eventsPath, busy + "api/v1/events", "", ""},
		{status.StatusPath, past.url + "api/v1/status", "", ""},
		{status.StatusPath, past.url + "api/v1/status?x=1", "", ""},
		{listPath, guarded + "api/v1/cps", "Host", ""},
		{onePath, guarded + "api/v1/cps/CP_001", "Host", ""},
		{segmentsPath, guarded + "api/v1/cps/CP_001/segments", "Host", ""},
		{oneIncidentsPath, guarded + "api/v1/cps/CP_001/incidents", "Host", ""},
		{incidentsPath, guarded + "api/v1/incidents", "Host", ""},
		{uptimePath, guarded + "api/v1/uptime", "Host", ""},
		{eventsPath, guarded + "api/v1/events", "Host", ""},
		{status.StatusPath, guarded + "api/v1/status", "Host", ""},
	}
	for _, path := range append(slices.Collect(maps.Keys(served.api())), status.StatusPath) {
		asks = append(asks, struct{ path, url, header, value string }{path, closed + strings.ReplaceAll(path[1:], "{id}", "CP_001"), "", ""})
	}
	for _, ask := range asks {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, ask.url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		switch ask.header {
		case "Host":
			r.Host = "evil.example"
		case "If-None-Match":
			r.Header.Set(ask.header, get(t, ask.url).header.Get("ETag"))
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		code := strconv.Itoa(resp.StatusCode)
		seen[ask.path+" "+code] = true
		described, found := d.Paths[ask.path]["get"].Responses[code]
		if !found {
			t.Errorf("%s: %s is not described", ask.url, code)
		}
		var body []byte
		if resp.Header.Get("Content-Type") != "text/event-stream" { // that has no end
			if body, err = io.ReadAll(resp.Body); err != nil {
				t.Fatal(err)
			}
		}
		checkAnswer(t, c, ask.path, "get", httpResponse{resp.StatusCode, resp.Header, string(body)}, len(described.Content) > 0)
		resp.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	for path, p := range d.Paths {
		for code := range p["get"].Responses {
			if !seen[path+" "+code] && !slices.Contains(accountPaths, path) && !describedElsewhere(path) {
				t.Errorf("%s never answers %s", path, code)
			}
		}
	}
}

// busySite is the same Central, with all places taken.
func busySite(t *testing.T, s *testServer) (url string) {
	t.Helper()
	d := New(Options{Central: s.central, Version: "test", Access: AccessRules{PublicBoard: true}, History: testHistory(t)})
	for _, places := range []chan struct{}{d.lists, d.streams, d.histories} {
		for range cap(places) {
			places <- struct{}{}
		}
	}
	return "http://" + serveOn(t, d) + "/"
}

// checkAnswer holds the body of an answer to its schema.
func checkAnswer(t *testing.T, c *jsonschema.Compiler, path, method string, a httpResponse, own bool) {
	t.Helper()
	code, kind := strconv.Itoa(a.code), a.header.Get("Content-Type")
	where := "central.json#/components/schemas/Problem"
	switch {
	case code == "304" || code == "204" || kind == "text/event-stream" || strings.HasPrefix(kind, "text/") && a.header.Get("Content-Disposition") != "":
		return
	case code[0] == '2' && own:
		escaped := strings.NewReplacer("~", "~0", "/", "~1").Replace(path)
		escaped = strings.NewReplacer("{", "%7B", "}", "%7D").Replace(escaped)
		where = "central.json#/paths/" + escaped + "/" + method + "/responses/" + code + "/content/application~1json/schema"
		if kind != "application/json" {
			t.Errorf("%s: %s", path, kind)
		}
	case kind != status.ProblemType:
		t.Errorf("%s %s: %s", path, code, kind)
	}
	schema, err := c.Compile(where)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(a.body))
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil {
		t.Errorf("%s %s: %s\n%v", path, code, a.body, err)
	}
	if code[0] != '2' && !strings.Contains(a.body, `"status":`+code) {
		t.Errorf("%s: the status of %s is not %s", path, a.body, code)
	}
}

// TestDescriptionHasEveryParameter: an unknown parameter is answered with those that there are.
func TestDescriptionHasEveryParameter(t *testing.T) {
	d, _ := openDescription(t)
	s := startTestServerWith(t, testHistory(t))
	for path, p := range d.Paths {
		if _, read := p["get"]; !read || slices.Contains(accountPaths, path) || describedElsewhere(path) {
			continue
		}
		var want, got []string
		for _, q := range p["get"].Parameters {
			name := q.Ref[strings.LastIndex(q.Ref, "/")+1:]
			if name == "id" {
				continue
			}
			name, _, _ = strings.Cut(name, "_incidents") // another list of values
			name, _, _ = strings.Cut(name, "_minutes")   // another window
			name, _, _ = strings.Cut(name, "_change")    // of a stream of changes
			name, _, _ = strings.Cut(name, "_words")
			want = append(want, name)
		}
		var refusal struct{ Allowed []string }
		a := get(t, s.url+regexp.MustCompile(`\{id\}`).ReplaceAllString(path[1:], "CP_001")+"?no_such=1")
		if err := json.Unmarshal([]byte(a.body), &refusal); err != nil {
			t.Fatal(err)
		}
		got = slices.Sorted(slices.Values(refusal.Allowed))
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("%s takes %v, described are %v", path, got, want)
		}
	}
}
