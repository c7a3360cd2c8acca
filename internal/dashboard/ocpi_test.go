package dashboard

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"evcp/internal/accounts"
	"evcp/internal/audit"
	"evcp/internal/ocpi"
)

// startPartnerSite is a site whose ports are read by OCPI, and by a token alone; token is one of
// a viewer.
func startPartnerSite(t *testing.T, pageURL string) (s *peopleSite, token string) {
	t.Helper()
	s = startPeopleSite(t, AccessRules{}, false)
	s.page = New(Options{
		Central: s.central, Version: "test", History: testHistory(t), Accounts: s.accounts, Operations: s.operations,
		Party: ocpi.Party{Country: "ES", ID: "ABC"}, PageURL: pageURL,
	})
	s.url = "http://" + serveOn(t, s.page) + "/"
	err := s.accounts.Change(audit.Actor{Name: "test", Kind: audit.ByLocal}, func(c *audit.BoardChange) (err error) {
		token, _, err = s.accounts.AddToken(c, "roaming", accounts.Viewer, time.Hour)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, token
}

// partner asks as one who has a token.
type partner struct {
	*visitor
	headers []string
}

func (p partner) get(path string) httpResponse {
	p.t.Helper()
	return p.ask(http.MethodGet, path, "", p.headers...)
}

// data is what an answer of OCPI holds.
func data[T any](t *testing.T, a httpResponse) T {
	t.Helper()
	var read struct {
		Data      T
		Code      int    `json:"status_code"`
		Timestamp string `json:"timestamp"`
	}
	if err := json.Unmarshal([]byte(a.body), &read); err != nil || a.code != http.StatusOK || read.Code != ocpiSuccess || a.header.Get("Content-Type") != "application/json" {
		t.Fatalf("%v: %d %s", err, a.code, a.body)
	}
	if _, ok := ocpi.ParseDateTime(read.Timestamp); !ok {
		t.Errorf("the timestamp is %s", read.Timestamp)
	}
	return read.Data
}

func newPartner(s *peopleSite, token string) partner {
	return partner{&visitor{t: s.t, url: s.url}, []string{"Authorization", "Token " + base64.StdEncoding.EncodeToString([]byte(token))}}
}

// partnerPorts are two ports of a site, one of which is not heard yet, and one that lacks something.
const partnerPorts = "port,cp_id,site,power_kw,hours,bay,address,city,country,time_zone,latitude,longitude,evse_id,connector_standard,connector_format,power_type,max_voltage,max_amperage\n" +
	"A,CP_1,North,150,24/7,1,Calle Mayor 1,Elche,ESP,Europe/Madrid,38.2699,-0.6985,ES*ABC*E1,IEC_62196_T2_COMBO,CABLE,DC,920,200\n" +
	"B,CP_2,North,22,24/7,2,,,,,,,,IEC_62196_T2,SOCKET,AC_3_PHASE,230,32\n" +
	"C,CP_3,North,22,24/7,3,,,,,,,,,,,,\n"

// putPorts enters ports as ana.
func (s *peopleSite) putPorts(csv string) *visitor {
	s.t.Helper()
	ana := s.signIn("ana")
	if a := ana.ask(http.MethodPost, "api/v1/ports", csv, "Content-Type", "", "Content-Type", "text/csv"); a.code != http.StatusOK {
		s.t.Fatal(a)
	}
	return ana
}

// TestPartnerReadsLocations: a client of OCPI finds the locations from the versions on, reads a
// status, hears of a failure, of its end and of maintenance by what was updated since, and reads
// one EVSE and one connector.
func TestPartnerReadsLocations(t *testing.T) {
	s, token := startPartnerSite(t, "")
	ana, p := s.putPorts(partnerPorts), newPartner(s, token)
	conn := s.monitor("EV_CP_M CP_1 registration request", "EV_CP_M CP_1 heartbeat OK")
	versions := data[[]ocpiVersionJSON](t, p.get("ocpi/versions"))
	if len(versions) != 1 || versions[0] != (ocpiVersionJSON{"2.2.1", s.url + "ocpi/2.2.1"}) {
		t.Fatalf("versions: %+v", versions)
	}
	details := data[ocpiDetailsJSON](t, p.get(strings.TrimPrefix(versions[0].URL, s.url)))
	if len(details.Endpoints) != 1 || details.Endpoints[0] != (ocpiEndpointJSON{"locations", "SENDER", s.url + "ocpi/2.2.1/locations"}) {
		t.Fatalf("details: %+v", details)
	}
	a := p.get("ocpi/2.2.1/locations/") // as the specification writes it
	all := data[[]ocpi.Location](t, a)
	if len(all) != 1 || a.header.Get("X-Total-Count") != "1" || a.header.Get("X-Limit") != "100" || a.header.Get("Link") != "" {
		t.Fatalf("%v: %s", a.header, a.body)
	}
	north := all[0]
	if north.Country != "ES" || north.Party != "ABC" || north.Name != "North" || north.City != "Elche" || len(north.EVSEs) != 2 || north.EVSEs[0].Status != ocpi.Available || north.EVSEs[1].Status != ocpi.Unknown {
		t.Fatalf("%s", a.body)
	}
	since, at := north.LastUpdated, "ocpi/2.2.1/locations/"+north.ID+"/"+north.EVSEs[0].UID
	statusOf := func() ocpi.EVSEStatus { t.Helper(); return data[ocpi.EVSE](t, p.get(at)).Status }
	s.send(conn, "EV_CP_M CP_1 ENGINE_FAILURE")
	if got := statusOf(); got != ocpi.OutOfOrder {
		t.Errorf("faulted is %s", got)
	}
	if a := ana.ask(http.MethodPost, "api/v1/maintenance", `{"cp_id":"CP_1","to":"`+inAMonth()+`","reason":"new cable"}`); a.code != http.StatusCreated {
		t.Fatal(a)
	}
	if got := statusOf(); got != ocpi.Inoperative {
		t.Errorf("in maintenance it is %s", got)
	}
	ana.ask(http.MethodDelete, "api/v1/maintenance/1", "")
	s.send(conn, "EV_CP_M CP_1 ENGINE_RECOVERED")
	if got := statusOf(); got != ocpi.Available {
		t.Errorf("recovered is %s", got)
	}
	news := data[[]ocpi.Location](t, p.get("ocpi/2.2.1/locations?date_from="+string(since)))
	if len(news) != 1 || news[0].LastUpdated <= since || news[0].EVSEs[0].LastUpdated != news[0].LastUpdated || news[0].EVSEs[1].LastUpdated > since {
		t.Errorf("updated since %s: %+v", since, news)
	}
	if none := data[[]ocpi.Location](t, p.get("ocpi/2.2.1/locations?date_to="+string(since))); len(none) != 0 {
		t.Errorf("updated before: %+v", none)
	}
	upper := "ocpi/2.2.1/locations/" + strings.ToUpper(strings.TrimPrefix(at, "ocpi/2.2.1/locations/")) // ids have no case
	if c := data[ocpi.Connector](t, p.get(upper+"/1")); c.Standard != "IEC_62196_T2_COMBO" || c.MaxElectricPower != 150_000 || c.LastUpdated > since {
		t.Errorf("its connector is %+v", c)
	}
}

// TestPartnersPages: pages of locations are all of them, each once.
func TestPartnersPages(t *testing.T) {
	s, token := startPartnerSite(t, "https://central.example/evcp")
	head, _, _ := strings.Cut(partnerPorts, "\n")
	csv := strings.Builder{}
	csv.WriteString(head + "\n")
	const many = 205
	for n := range many {
		fmt.Fprintf(&csv, "P%d,CP_%d,Site %d,,,,Street 1,Elche,ESP,Europe/Madrid,38.2699,-0.6985,,IEC_62196_T2,SOCKET,AC_3_PHASE,230,32\n", n, n, n)
	}
	s.putPorts(csv.String())
	p, seen, pages := newPartner(s, token), map[string]bool{}, 0
	for at := "ocpi/2.2.1/locations?limit=5000&date_from=2020-01-01T00:00:00"; at != ""; pages++ {
		a := p.get(at)
		for _, l := range data[[]ocpi.Location](t, a) {
			seen[l.Name] = true
		}
		if a.header.Get("X-Total-Count") != strconv.Itoa(many) || a.header.Get("X-Limit") != "100" {
			t.Errorf("%v", a.header)
		}
		link := regexp.MustCompile(`^<https://central\.example/evcp/(ocpi/2\.2\.1/locations\?[^>]+)>; rel="next"$`).FindStringSubmatch(a.header.Get("Link"))
		if at = ""; link != nil {
			at = link[1]
		}
		if link == nil != (len(seen) == many) || link != nil && !strings.Contains(at, "date_from=2020-01-01T00%3A00%3A00") {
			t.Errorf("after %d of %d: %q", len(seen), many, a.header.Get("Link"))
		}
	}
	if len(seen) != many || pages != 3 {
		t.Errorf("%d locations on %d pages", len(seen), pages)
	}
	if past := data[[]ocpi.Location](t, p.get("ocpi/2.2.1/locations?offset=1000&limit=1")); len(past) != 0 {
		t.Errorf("beyond the end: %+v", past)
	}
}

// TestPartnersToken: a token is good in Base64, and as it is; who has none or another one reads
// nothing, and writes nothing with one.
func TestPartnersToken(t *testing.T) {
	s, token := startPartnerSite(t, "")
	s.putPorts(partnerPorts)
	coded := base64.StdEncoding.EncodeToString([]byte(token))
	for _, tc := range []struct {
		authorization []string
		want          int
	}{
		{[]string{"Token " + coded}, http.StatusOK},
		{[]string{"token " + coded}, http.StatusOK},
		{[]string{"Token " + base64.StdEncoding.EncodeToString([]byte(token+"\n"))}, http.StatusOK}, // the specification's own example has the end of the line
		{[]string{"Token " + token}, http.StatusOK},
		{[]string{"Bearer " + token}, http.StatusOK},
		{nil, http.StatusUnauthorized},
		{[]string{"Token " + coded, "Token " + coded}, http.StatusUnauthorized},
		{[]string{"Token"}, http.StatusUnauthorized},
		{[]string{"Token " + base64.StdEncoding.EncodeToString([]byte("evcp_no"))}, http.StatusUnauthorized},
		{[]string{"Bearer " + coded}, http.StatusUnauthorized},
		{[]string{"Basic " + coded}, http.StatusUnauthorized},
	} {
		v := &visitor{t: t, url: s.url}
		var headers []string
		for _, a := range tc.authorization {
			headers = append(headers, "Authorization", a)
		}
		for _, path := range []string{"ocpi/versions", "ocpi/2.2.1", "ocpi/2.2.1/locations", "ocpi/2.2.1/locations/x"} {
			want := tc.want
			if strings.HasSuffix(path, "/x") && want == http.StatusOK {
				want = http.StatusNotFound
			}
			a := v.ask(http.MethodGet, path, "", headers...)
			if a.code != want || want == http.StatusUnauthorized && (a.header.Get("WWW-Authenticate") != "Token" || !strings.Contains(a.body, `"status_code":2000`)) || strings.Contains(a.body, "North") != (path == "ocpi/2.2.1/locations" && want == http.StatusOK) {
				t.Errorf("%s with %q: %d, want %d: %s", path, tc.authorization, a.code, want, a.body)
			}
		}
	}
	p := newPartner(s, token)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if a := p.ask(method, "ocpi/2.2.1/locations", "", p.headers...); a.code != http.StatusMethodNotAllowed || a.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d %v", method, a.code, a.header)
		}
	}
	if a := p.ask(http.MethodGet, "ocpi/2.1.1/locations", "", p.headers...); a.code != http.StatusNotFound || !strings.Contains(a.body, versionsPath) {
		t.Errorf("another version: %d %s", a.code, a.body)
	}
	without := &visitor{t: t, url: "http://" + serveOn(t, New(Options{Central: s.central, Version: "test", Access: AccessRules{PublicBoard: true}})) + "/"}
	if a := without.ask(http.MethodGet, "ocpi/versions", ""); a.code != http.StatusNotFound || !strings.Contains(a.body, "--ocpi-party") {
		t.Errorf("without a party: %d %s", a.code, a.body)
	}
}

// TestPartnersHeaders: an answer has the ids of its request, and says from whom and for whom it
// is.
func TestPartnersHeaders(t *testing.T) {
	s, token := startPartnerSite(t, "")
	p := newPartner(s, token)
	a := p.ask(http.MethodGet, "ocpi/2.2.1/locations", "", append(p.headers, "X-Request-ID", "r1", "X-Correlation-ID", "c1",
		"OCPI-from-country-code", "NL", "OCPI-from-party-id", "MSP", "OCPI-to-country-code", "ES", "OCPI-to-party-id", "ABC")...)
	for name, want := range map[string]string{
		"X-Request-ID": "r1", "X-Correlation-ID": "c1", "OCPI-to-country-code": "NL", "OCPI-to-party-id": "MSP", "OCPI-from-country-code": "ES", "OCPI-from-party-id": "ABC",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if a := p.ask(http.MethodGet, "ocpi/versions", "", append(p.headers, "X-Request-ID", strings.Repeat("r", maxRequestID+1))...); a.header.Get("X-Request-ID") != "" || a.header.Get("OCPI-from-party-id") != "" {
		t.Errorf("%v", a.header)
	}
}

// TestPortsSayWhatOCPILacks: who enters ports sees which columns a partner waits for.
func TestPortsSayWhatOCPILacks(t *testing.T) {
	s, _ := startPartnerSite(t, "")
	ana := s.putPorts(partnerPorts)
	var read chargerPortsJSON
	if err := json.Unmarshal([]byte(ana.ask(http.MethodGet, "api/v1/ports", "").body), &read); err != nil || len(read.Ports) != 3 {
		t.Fatalf("%v: %+v", err, read)
	}
	if read.Ports[0].OCPILacks != nil || read.Ports[1].OCPILacks != nil || strings.Join(read.Ports[2].OCPILacks, " ") != "connector_standard connector_format power_type max_voltage max_amperage" {
		t.Errorf("%+v", read.Ports)
	}
	if got := ana.ask(http.MethodGet, "api/v1/ports.csv", "").body; got != partnerPorts {
		t.Errorf("the ports came back as %q", got)
	}
	const c = `{"site":"North","lines":[{"cp_id":"CP_3"}],"connector_standard":"IEC_62196_T2","connector_format":"SOCKET","power_type":"AC_3_PHASE","max_voltage":"230","max_amperage":%q}`
	if a := ana.ask(http.MethodPut, "api/v1/ports/C", fmt.Sprintf(c, "lots")); a.code != http.StatusBadRequest || !strings.Contains(a.body, `max_amperage: \"lots\": a whole number of A, from 1 to 9999`) {
		t.Errorf("%d %s", a.code, a.body)
	}
	if a := ana.ask(http.MethodPut, "api/v1/ports/C", fmt.Sprintf(c, "32")); a.code != http.StatusOK {
		t.Error(a)
	}
	if a := ana.ask(http.MethodGet, "api/v1/ports", ""); strings.Contains(a.body, "ocpi_lacks") {
		t.Error(a.body)
	}
}

// TestDescriptionHasOCPI is TestDescriptionHasEveryAnswer for the paths of OCPI, with their
// parameters.
func TestDescriptionHasOCPI(t *testing.T) {
	d, c := openDescription(t)
	s, token := startPartnerSite(t, "")
	s.putPorts(partnerPorts + "D,CP_4,,,Mo-Fr 08:00-20:00,,Street 2,Elche,ESP,Europe/Madrid,-38.1234567,-120.1234567,,CHADEMO,CABLE,DC,500,125\n")
	p := newPartner(s, token)
	north := data[[]ocpi.Location](t, p.get("ocpi/2.2.1/locations"))[0]
	seen := map[string]bool{}
	ask := func(v *visitor, path, at string, headers ...string) {
		t.Helper()
		a := v.ask(http.MethodGet, at, "", headers...)
		code := strconv.Itoa(a.code)
		if _, found := d.Paths[path]["get"].Responses[code]; !found {
			t.Errorf("%s: %s is not described", at, code)
		}
		seen[path+" "+code] = true
		schema := map[bool]string{true: strings.TrimPrefix(d.Paths[path]["get"].Responses["200"].Content["application/json"].Schema["$ref"].(string), "#"), false: "/components/schemas/OCPIError"}[a.code == http.StatusOK]
		if a.code == http.StatusMisdirectedRequest {
			return // checked elsewhere: it is no answer of OCPI
		}
		compiled, err := c.Compile("central.json#" + schema)
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := json.Unmarshal([]byte(a.body), &value); err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(value); err != nil {
			t.Errorf("%s: %s\n%v", at, a.body, err)
		}
	}
	full := New(Options{Central: s.central, Version: "test", Access: AccessRules{PublicBoard: true}, Party: ocpi.Party{Country: "ES", ID: "ABC"}})
	for range cap(full.lists) {
		full.lists <- struct{}{}
	}
	busy, nobody := &visitor{t: t, url: "http://" + serveOn(t, full) + "/"}, &visitor{t: t, url: s.url}
	for path := range s.page.ocpiPaths() {
		at := strings.NewReplacer("{location_id}", north.ID, "{evse_uid}", north.EVSEs[1].UID, "{connector_id}", "1").Replace(path[1:])
		ask(p.visitor, path, at, p.headers...)
		ask(nobody, path, at)
		ask(busy, path, at)
		ask(nobody, path, at, "Host", "evil.example")
		if strings.Contains(path, "{") {
			ask(p.visitor, path, at[:len(at)-1]+"9", p.headers...)
		}
		var described []string
		for _, q := range d.Paths[path]["get"].Parameters {
			if name := q.Ref[strings.LastIndex(q.Ref, "/")+1:]; !strings.Contains(path, "{"+name+"}") {
				described = append(described, strings.TrimSuffix(name, "_ocpi"))
			}
		}
		want := "there are none here"
		if described != nil {
			want = "there are date_from, date_to, limit, offset"
		}
		if a := p.get(at + "?limt=1"); a.code != http.StatusOK || !strings.Contains(a.body, `"status_code":2001`) || !strings.Contains(a.body, want) || len(described) != 0 && len(described) != 4 {
			t.Errorf("%s: described are %q: %d %s", path, described, a.code, a.body)
		}
	}
	for query, says := range map[string]string{
		"date_from=yesterday": "2026-10-31T08:00:00Z", "date_to=2026-10-31T08:00:00%2B01:00": "UTC", "offset=-1": "from 0", "limit=0": "from 1", "limit=x": "from 1", "%zz": "can't be read",
	} {
		if a := p.get("ocpi/2.2.1/locations?" + query); a.code != http.StatusOK || !strings.Contains(a.body, `"status_code":2001`) || !strings.Contains(a.body, says) {
			t.Errorf("%s: %d %s", query, a.code, a.body)
		}
	}
	for path, described := range d.Paths {
		for code := range described["get"].Responses {
			if strings.HasPrefix(path, ocpiPath) && !seen[path+" "+code] {
				t.Errorf("%s never answers %s", path, code)
			}
		}
	}
}
