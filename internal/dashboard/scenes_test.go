package dashboard

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"evcp"
	"evcp/internal/accounts"
	"evcp/internal/audit"
	"evcp/internal/central"
	"evcp/internal/generator"
	"evcp/internal/kafka"
	"evcp/internal/ledger"
	"evcp/internal/operations"
)

// scene is a Central with what it is told, for a picture.
type scene struct {
	*testServer
	mu     sync.Mutex // held by tell
	people *peopleSite
	events *eventSource
	cps    []sceneCP
	conns  map[string]*teller
	page   string // its URL, ends with /
	lose   func() // ends the page's server
}

// sceneCP is one charge point: what its checks were until now, the newest last.
type sceneCP struct {
	id, site, checks, heartbeat string
	past                        []generator.Outage
	connection                  string    // of its Monitor; "": one for the site
	goes                        string    // how its Monitor left: "disconnect", or "" as long as it is there
	told                        time.Time // until when
}

func newScene(t *testing.T) *scene {
	t.Helper()
	e := newEventSource(t)
	e.latency = func(i int) time.Duration {
		if i%97 == 40 {
			return 7 * time.Millisecond
		}
		return time.Duration(1900+i*7919%13*60) * time.Microsecond
	}
	p := &peopleSite{testServer: startTestServer(t, central.Options{}, anyPort, anyPort), dir: t.TempDir()}
	p.open(t, p.dir)
	addUser(t, p.accounts, "ana", accounts.Operator)
	addUser(t, p.accounts, "ben", accounts.Viewer)
	ln := listen(t, anyPort)
	page := New(Options{Central: p.central, Version: "0.1.0", History: e.source(), Accounts: p.accounts, Operations: p.operations, Access: AccessRules{Listens: ln.Addr()}})
	server := &httptest.Server{Listener: ln, Config: &http.Server{Handler: page.SignedInAs("ana")}}
	server.Start()
	s := &scene{testServer: p.testServer, people: p, events: e, conns: map[string]*teller{}, page: server.URL + "/", lose: sync.OnceFunc(func() { server.CloseClientConnections(); server.Close() })}
	t.Cleanup(s.lose)
	return s
}

// teller is the connection of one Monitor.
type teller struct{ send func(messages ...string) }

func (s *scene) add(c sceneCP) { s.cps = append(s.cps, c) }

// enter makes a change as somebody who is signed in.
func (s *scene) enter(who string, change func(*audit.BoardChange) error) {
	s.t.Helper()
	if err := s.people.operations.Change(audit.Actor{Name: who, Kind: audit.ByUser, Peer: "127.0.0.1"}, change); err != nil {
		s.t.Fatal(err)
	}
}

// maintain opens a maintenance window.
func (s *scene) maintain(who, cp, reason string, began, lasts time.Duration) {
	s.t.Helper()
	s.enter(who, func(c *audit.BoardChange) error {
		now := time.Now()
		_, err := s.people.operations.Maintain(c, operations.MaintenanceWindow{CP: evcp.CPID(cp), From: evcp.StampOf(now.Add(-began)), To: evcp.StampOf(now.Add(lasts)), Reason: reason})
		return err
	})
}

// take has somebody take the open incident of a charge point.
func (s *scene) take(who, cp, note string) {
	s.t.Helper()
	v, _ := s.central.CP(evcp.CPID(cp))
	s.enter(who, func(c *audit.BoardChange) error {
		_, err := s.people.operations.Take(c, evcp.CPID(cp), incidentSince(v), who, note, 0)
		return err
	})
}

// bays enters where the charge points stand.
func (s *scene) bays() {
	s.t.Helper()
	var lines []ledger.PortCells
	at := map[string]int{}
	for i, c := range s.cps {
		at[c.site]++
		lines = append(lines, ledger.PortCells{Line: i + 2, Cells: map[string]string{"port": c.id, "cp_id": c.id, "site": c.site, "bay": strconv.Itoa(at[c.site])}})
	}
	s.enter("ana", func(c *audit.BoardChange) error { return s.people.operations.ReplacePorts(c, lines) })
}

// tell tells everything that is new, and lets each Monitor be heard.
func (s *scene) tell() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.cps {
		c := &s.cps[i]
		name := cmp.Or(c.connection, c.site)
		m := s.conns[name]
		if m == nil {
			conn := s.monitor()
			m = &teller{func(messages ...string) { s.send(conn, messages...) }}
			s.conns[name] = m
		}
		switch {
		case c.told.IsZero():
			c.told = time.Now()
			m.send("EV_CP_M " + c.id + " registration request")
			if c.heartbeat != "OK" {
				m.send("EV_CP_M " + c.id + " ENGINE_FAILURE")
			}
			s.events.past(c)
			s.events.checks(evcp.CPID(c.id), c.site, c.checks)
			m.send("EV_CP_M " + c.id + " heartbeat " + c.heartbeat)
			if c.goes != "" {
				m.send("EV_CP_M " + c.id + " " + c.goes)
			}
			continue
		case c.goes != "":
			continue
		}
		next := "O"
		if c.heartbeat != "OK" {
			next = c.checks[len(c.checks)-1:]
		}
		passed := time.Since(c.told).Round(time.Second) // a check each second, as of its Monitor
		c.told = c.told.Add(passed)
		s.events.checksUntil(c.told, evcp.CPID(c.id), c.site, strings.Repeat(next, int(passed/time.Second)))
		m.send("EV_CP_M " + c.id + " heartbeat " + c.heartbeat)
	}
}

// live tells what is new each second, until the function that it returns is called.
func (s *scene) live() (end func()) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		second := time.NewTicker(time.Second)
		defer second.Stop()
		for {
			s.tell()
			select {
			case <-stop:
				return
			case <-second.C:
			}
		}
	}()
	end = sync.OnceFunc(func() { close(stop); <-done })
	s.t.Cleanup(end)
	return end
}

// past tells the checks of two months before those of the scene, one each 15 min.
func (s *eventSource) past(c *sceneCP) {
	s.t.Helper()
	if c.past == nil {
		return
	}
	to := evcp.StampOf(time.Now().Add(-time.Duration(len(c.checks)) * time.Second))
	begin := time.Date(to.Time().Year(), to.Time().Month()-1, 0, 0, 0, 0, 0, time.UTC)
	w := generator.Watch{
		CP: evcp.CPID(c.id), From: evcp.StampOf(begin), To: to, Down: c.past,
		Policy: evcp.Policy{Fall: 1, Rise: 1, Instance: "x", Interval: 15 * time.Minute, Timeout: 9 * time.Second, Site: c.site},
	}
	var batch kafka.ReadBatch
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := range w.Events() {
		batch.Records = append(batch.Records, kafka.TopicRecord{Offset: s.offset, Value: e.AppendJSON(nil)})
		s.offset++
	}
	if err := s.archive.Take(batch); err != nil {
		s.t.Fatal(err)
	}
}

// ago is an outage that began so many hours ago, and lasted.
func ago(hours float64, lasted time.Duration, o evcp.Outcome) generator.Outage {
	from := time.Now().Add(-time.Duration(hours * float64(time.Hour))).Truncate(15 * time.Minute)
	return generator.Outage{From: evcp.StampOf(from), To: evcp.StampOf(from.Add(lasted)), Outcome: o}
}

var (
	timedOut = evcp.Outcome{Status: evcp.ConnectionError, Cause: evcp.Timeout, Latency: 900 * time.Millisecond}
	tripped  = evcp.Outcome{Status: evcp.KO, Cause: evcp.SaidKO, Response: "KO: RCD tripped", Latency: 2 * time.Millisecond}
	refused  = evcp.Outcome{Status: evcp.ConnectionError, Cause: evcp.Refused, Latency: time.Millisecond}
)

// pastOfScene is what the nth charge point of a scene went through, oldest first.
func pastOfScene(n int) []generator.Outage {
	all := []generator.Outage{}
	for _, o := range []struct {
		every, is int
		outage    generator.Outage
	}{
		{7, 3, ago(1060, 75*time.Minute, timedOut)}, {11, 5, ago(700, 3*time.Hour, tripped)}, {31, 0, ago(330, 3*time.Hour+15*time.Minute, refused)}, {31, 0, ago(214, time.Hour, tripped)},
		{13, 4, ago(98, 30*time.Minute, refused)}, {5, 3, ago(11, 15*time.Minute, timedOut)}, {8, 7, ago(6, 15*time.Minute, tripped)},
	} {
		if n%o.every == o.is {
			all = append(all, o.outage)
		}
	}
	return all
}

func (s *scene) six() {
	const site, well = "Alicante, P2", 300
	for n := 1; n <= 6; n++ {
		c := sceneCP{id: fmt.Sprintf("CP_%03d", n), site: site, checks: strings.Repeat("O", well), heartbeat: "OK", past: pastOfScene(n)}
		switch n {
		case 2:
			c.checks += "T"
		case 3:
			c.checks = strings.Repeat("O", 100) + strings.Repeat("C", 44) + strings.Repeat("O", 156)
		case 4:
			c.checks, c.heartbeat = c.checks+strings.Repeat("K", 42), "KO"
		}
		s.add(c)
	}
	s.bays()
	s.tell()
	s.maintain("M. Ferrer", "CP_006", "new cable, ticket 4711", 86*time.Minute, 2*time.Hour)
}

func (s *scene) forty() {
	n := 0
	for _, site := range []struct {
		name string
		cps  int
	}{{"Alicante Sur", 10}, {"Elche Parque", 10}, {"Gandía Puerto", 12}, {"Xàbia Centro", 8}} {
		for range site.cps {
			n++
			c := sceneCP{id: fmt.Sprintf("CP_%03d", n), site: site.name, checks: strings.Repeat("O", 900), heartbeat: "OK", past: pastOfScene(n)}
			switch n {
			case 5:
				c.checks, c.heartbeat = c.checks+strings.Repeat("T", 780), "CONNECTION_ERROR"
			case 12:
				c.checks += strings.Repeat("O", 40)
			case 28:
				c.checks, c.heartbeat = c.checks+strings.Repeat("C", 41), "CONNECTION_ERROR"
			case 30:
				c.checks += strings.Repeat("K", 70) + strings.Repeat("O", 200)
			case 31:
				c.checks, c.heartbeat = c.checks+"T"+strings.Repeat("O", 60)+strings.Repeat("K", 30)+"UUUU"+strings.Repeat("K", 60), "KO"
			case 36:
				c.connection, c.goes = "of its own", "disconnect"
			}
			s.add(c)
		}
	}
	s.bays()
	s.tell()
	s.maintain("M. Ferrer", "CP_012", "new cable, ticket 4711", 86*time.Minute, 2*time.Hour)
	s.take("M. Ferrer", "CP_005", "on my way")
}

func (s *scene) thousands(n int) {
	provinces := []string{"ALB", "ALC", "BCN", "BIL", "CAS", "COR", "CUE", "GRA", "MAD", "MAL", "MUR", "SEV", "TAR", "TOL", "VLC", "ZAR"}
	for i, left := 0, n; left > 0; i++ {
		size := min(left, 30+i*37%45)
		left -= size
		site := fmt.Sprintf("%s-%02d", provinces[i%len(provinces)], i/len(provinces)+1)
		for bay := 1; bay <= size; bay++ {
			c := sceneCP{id: fmt.Sprintf("%s-%03d", site, bay), site: site, checks: "OO", heartbeat: "OK"}
			switch k := (i*131 + bay*17) % 290; {
			case k == 7:
				c.checks, c.heartbeat = strings.Repeat("O", 20)+strings.Repeat("C", 30+i), "CONNECTION_ERROR"
			case k == 11:
				c.checks, c.heartbeat = strings.Repeat("O", 20)+strings.Repeat("K", 30+bay), "KO"
			case k == 13:
				c.checks = "OOOC"
			case k == 17:
				c.connection, c.goes = "gone", "disconnect"
			}
			s.add(c)
		}
	}
}
