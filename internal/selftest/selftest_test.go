package selftest_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/central"
	"evcp/internal/kafka"
	"evcp/internal/language"
	"evcp/internal/link"
	"evcp/internal/selftest"
	"evcp/internal/testbed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// try runs the self-test of CP_001 on the testbed.
func try(t *testing.T, g *testbed.Testbed, change ...func(*selftest.Options)) (well bool, lines []string) {
	t.Helper()
	o := selftest.Options{
		CP: "CP_001", Central: g.CentralAddr, Engines: []selftest.EngineToTest{{CP: "CP_001", Address: g.EngineAddr, Timeout: 900 * time.Millisecond}}, Kafka: kafka.Options{Topic: g.Topic}, Dialers: link.OneDialer(link.NewDialer()),
		Slept: func() time.Duration { return 0 },
	}
	if g.BrokerAddr != "" {
		o.Kafka.Brokers = []string{g.BrokerAddr}
	}
	for _, f := range change {
		f(&o)
	}
	well = selftest.Run(t.Context(), o, func(line string) { lines = append(lines, line) })
	return well, lines
}

var latency = regexp.MustCompile(` +(<1|\d+) ms$`)

// row is what is said under the title of one peer: its shape, and what came of it.
func row(lines []string, peer, address string) string {
	for _, line := range lines[1:] {
		if shape, rest, found := strings.Cut(strings.TrimSpace(line), " "+peer); found {
			rest = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(rest), address))
			return shape + " " + latency.ReplaceAllString(rest, "")
		}
	}
	return ""
}

// TestEachVerdict puts every pair of a Central and an Engine on loopback, each
// with a broker, and without one.
func TestEachVerdict(t *testing.T) {
	deny := func(g *testbed.Testbed) {
		g.CentralAddr = answeringCentral(g.T, "Authentication denied: unknown charging point CP_001")
	}
	for name, c := range map[string]struct {
		set             func(g *testbed.Testbed)
		well            bool
		central, engine string
		last            string
	}{
		"all well": {func(g *testbed.Testbed) { g.StartCentral(central.Options{}); g.StartEngine("ok") }, true,
			"● accepted CP_001", "● answered OK", "All well. The same command without --test starts the watch."},
		"a sick Engine": {func(g *testbed.Testbed) { g.StartCentral(central.Options{}); g.StartEngine("ko") }, false,
			"● accepted CP_001", "▲ says KO", "1 problem. A Monitor started now would report CP_001 as faulted."},
		"no Central": {func(g *testbed.Testbed) { g.StartEngine("ok") }, false,
			"▲ connection refused", "● answered OK", "1 problem. A Monitor started now would watch, and go on asking for Central."},
		"neither": {func(*testbed.Testbed) {}, false,
			"▲ connection refused", "▲ connection refused", "2 problems. A Monitor started now would report CP_001 as faulted once Central is there."},
		"a refusal": {func(g *testbed.Testbed) { deny(g); g.StartEngine("ok") }, false,
			"▲ refused CP_001", "● answered OK", "1 problem. A Monitor started now would stop with exit code 3."},
		"a refusal and a sick Engine": {func(g *testbed.Testbed) { deny(g); g.StartEngine("ko") }, false,
			"▲ refused CP_001", "▲ says KO", "2 problems. A Monitor started now would stop with exit code 3."},
		"not Central": {func(g *testbed.Testbed) { g.CentralAddr = answeringCentral(g.T, "220 mail ready"); g.StartEngine("ok") }, false,
			`▲ answered, but not as EV_Central: "220 mail ready"`, "● answered OK", "1 problem. A Monitor started now would watch, and go on asking for Central."},
	} {
		t.Run(name, func(t *testing.T) {
			g := testbed.New(t)
			c.set(g)
			g.StartBroker()
			well, lines := try(t, g)
			if well != c.well {
				t.Errorf("well: %v", well)
			}
			if got := row(lines, "Central", g.CentralAddr); got != c.central {
				t.Errorf("Central: %q, want %q", got, c.central)
			}
			if got := row(lines, "Engine", g.EngineAddr); got != c.engine {
				t.Errorf("Engine: %q, want %q", got, c.engine)
			}
			if got := row(lines, "Kafka", g.BrokerAddr); got != "● topic "+g.Topic+" exists" {
				t.Errorf("Kafka: %q", got)
			}
			if got := end(lines); got != c.last {
				t.Errorf("ends %q, want %q", got, c.last)
			}
		})
	}
}

// end is the verdict, however it was wrapped.
func end(lines []string) string {
	return strings.Join(lines[slices.Index(lines[2:], "")+3:], " ")
}

// answeringCentral is a Central with one answer to everything.
func answeringCentral(tb testing.TB, reply string) (address string) {
	tb.Helper()
	address = testbed.FreeAddr(tb)
	testbed.NewTextPeer(tb, address, false, func(string) string { return reply })
	return address
}

// TestKafkaIsNoCondition: a Monitor does without, so the self-test is well without.
func TestKafkaIsNoCondition(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(t *testing.T, g *testbed.Testbed)
		row  string
		last string
	}{
		"none wanted": {func(*testing.T, *testbed.Testbed) {}, "· events stay on disk", "All well. The same command without --test starts the watch."},
		"absent": {func(t *testing.T, g *testbed.Testbed) { g.BrokerAddr = testbed.FreeAddr(t) }, "○ connection refused",
			"Ready, without Kafka. The same command without --test starts the watch."},
		"without the topic": {func(t *testing.T, g *testbed.Testbed) {
			c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.AllowAutoTopicCreation())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			g.BrokerAddr = c.ListenAddrs()[0]
		}, "● topic monitor-events would be created", "All well. The same command without --test starts the watch."},
	} {
		t.Run(name, func(t *testing.T) {
			g := testbed.New(t)
			g.StartCentral(central.Options{})
			g.StartEngine("ok")
			c.set(t, g)
			for range 2 { // the second finds what the first has left behind: nothing
				well, lines := try(t, g, func(o *selftest.Options) { o.Kafka.Topic = "monitor-events" })
				if !well {
					t.Error("not well")
				}
				address := g.BrokerAddr
				if address == "" {
					address = "none"
				}
				if got := row(lines, "Kafka", address); got != c.row {
					t.Errorf("Kafka: %q, want %q", got, c.row)
				}
				if got := end(lines); got != c.last {
					t.Errorf("ends %q, want %q", got, c.last)
				}
			}
		})
	}
}

// TestWhatPeersReceive: Central gets a registration and, on the same connection, a goodbye,
// by which it knows a trial; the Engine gets one check.
func TestWhatPeersReceive(t *testing.T) {
	g := testbed.New(t)
	c := testbed.NewTextPeer(t, g.CentralAddr, false, func(string) string { return "OK" })
	e := testbed.NewTextPeer(t, g.EngineAddr, false, func(string) string { return "OK" })
	if well, lines := try(t, g); !well {
		t.Error(lines)
	}
	if got := c.Received(); !slices.Equal(got, []string{"EV_CP_M CP_001 registration request", "EV_CP_M CP_001 disconnect"}) {
		t.Errorf("Central received %q", got)
	}
	if got := e.Received(); !slices.Equal(got, []string{"EV_CP_M CP_001 health_check"}) {
		t.Errorf("the Engine received %q", got)
	}
}

// TestAdvertisedAddress: Kafka answers, but the events would go to an address that leads
// nowhere. The test goes there too, and names it.
func TestAdvertisedAddress(t *testing.T) {
	names := testbed.NewNameServer(t, testbed.NameAnswer{Code: testbed.NXDomain})
	for advertised, c := range map[string]struct{ row, meaning, do string }{
		"broker.test.:9092": {"the name has no address", "a name that has no address.", "or make that name known to this machine (DNS, /etc/hosts)."},
		testbed.FreeAddr(t): {"connection refused", "where nothing listens.", "if BROKER is right, start that broker."},
	} {
		g := testbed.New(t)
		g.StartCentral(central.Options{})
		g.StartEngine("ok")
		g.StartAdvertisedBroker(advertised)
		well, lines := try(t, g, func(o *selftest.Options) { o.Dialers = link.OneDialer(&link.TCPDialer{Resolver: names.Resolver}) })
		if !well {
			t.Error("not well")
		}
		said := strings.Join(strings.Fields(strings.Join(lines, " ")), " ")
		for _, want := range []string{
			"it sends clients to " + advertised + ": " + c.row,
			"Kafka answers at " + g.BrokerAddr + ", but tells clients to go to " + advertised + " (advertised.listeners), " + c.meaning,
			"Correct advertised.listeners at the broker; " + strings.ReplaceAll(c.do, "BROKER", advertised),
			"Ready, without Kafka.",
		} {
			if !strings.Contains(latencyInText.ReplaceAllString(said, ""), want) {
				t.Errorf("%s lacks %q", said, want)
			}
		}
	}
}

var latencyInText = regexp.MustCompile(` (<1|\d+) ms`)

// TestRefusalIsExplained: what a broker refuses has the same advice as in the status.
func TestRefusalIsExplained(t *testing.T) {
	g := testbed.New(t)
	g.StartCentral(central.Options{})
	g.StartEngine("ok")
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.ControlKey(int16(kmsg.CreateTopics), func(r kmsg.Request) (kmsg.Response, error, bool) {
		resp := r.ResponseKind().(*kmsg.CreateTopicsResponse)
		denied := kmsg.NewCreateTopicsResponseTopic()
		denied.Topic, denied.ErrorCode = g.Topic, kerr.TopicAuthorizationFailed.Code
		resp.Topics = append(resp.Topics, denied)
		return resp, nil, true
	})
	g.BrokerAddr = c.ListenAddrs()[0]
	_, lines := try(t, g)
	said := strings.Join(strings.Fields(strings.Join(lines, " ")), " ")
	a := advice.ForKafka(language.English, evcp.SaidKO, advice.Details{Reply: "the topic is missing", Topic: g.Topic})
	if !strings.Contains(said, a.Meaning+" "+a.Do) {
		t.Errorf("%s lacks %+v", said, a)
	}
}

// TestManyBrokersDown: each broker has its row, up to a bound.
func TestManyBrokersDown(t *testing.T) {
	g := testbed.New(t)
	var brokers []string
	for range 6 {
		brokers = append(brokers, testbed.FreeAddr(t))
	}
	_, lines := try(t, g, func(o *selftest.Options) { o.Kafka.Brokers = brokers })
	said := strings.Join(lines, "\n")
	for i, broker := range brokers {
		if named := strings.Contains(said, "Kafka    "+broker+"  "); named != (i < 4) {
			t.Errorf("%s has a row: %v", broker, named)
		}
	}
	if !strings.Contains(said, "2 more troubles") {
		t.Error(said)
	}
}

// TestThisMachine: what a Monitor needs of its own machine has a row if it is missing, and is
// a problem.
func TestThisMachine(t *testing.T) {
	g := testbed.New(t)
	g.StartCentral(central.Options{})
	g.StartEngine("ok")
	check := func(name string, stops bool, err error) selftest.LocalCheck {
		return selftest.LocalCheck{Name: name, Address: "here", Meaning: "It matters.", Do: "Mend it.", Stops: stops, Try: func(context.Context) error { return err }}
	}
	for _, c := range []struct {
		local []selftest.LocalCheck
		well  bool
		says  []string
		last  string
	}{
		{[]selftest.LocalCheck{check("State", false, nil), check("Pages", true, nil)}, true, nil, "All well. The same command without --test starts the watch."},
		{[]selftest.LocalCheck{check("State", false, errors.New("permission denied"))}, false,
			[]string{"▲ State here permission denied It matters. Mend it."}, "1 problem. A Monitor started now would watch, and keep its events in memory alone."},
		{[]selftest.LocalCheck{check("State", false, errors.New("no space")), check("Pages", true, errors.New("port 1 is taken\nStop that program"))}, false,
			[]string{"▲ State here no space It matters. Mend it.", "▲ Pages here port 1 is taken It matters. Stop that program"},
			"2 problems. A Monitor started now would stop with exit code 1."},
	} {
		well, lines := try(t, g, func(o *selftest.Options) { o.Local = c.local })
		said := strings.Join(strings.Fields(strings.Join(lines, " ")), " ")
		if well != c.well || end(lines) != c.last {
			t.Errorf("well: %v, ends %q", well, end(lines))
		}
		for _, want := range c.says {
			if !strings.Contains(said, want) {
				t.Errorf("%s lacks %q", said, want)
			}
		}
	}
}

// TestCanBeCancelled ends the context while nobody answers.
func TestCanBeCancelled(t *testing.T) {
	g := testbed.New(t)
	g.CentralAddr, g.EngineAddr, g.BrokerAddr = testbed.SilentServer(t), testbed.SilentServer(t), testbed.SilentServer(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan bool)
	go func() {
		ended <- selftest.Run(ctx, selftest.Options{
			CP: "CP_001", Central: g.CentralAddr, Engines: []selftest.EngineToTest{{CP: "CP_001", Address: g.EngineAddr, Timeout: time.Hour}}, Kafka: kafka.Options{Brokers: []string{g.BrokerAddr}, Topic: g.Topic},
			Dialers: link.OneDialer(link.NewDialer()), Slept: func() time.Duration { return 0 },
		}, func(string) {})
	}()
	stop()
	select {
	case well := <-ended:
		if well {
			t.Error("well, although nobody answered")
		}
	case <-time.After(time.Minute):
		t.Fatal("it did not return within a minute")
	}
}

// TestNoLineIsWiderThanATerminal tries addresses of every length.
func TestNoLineIsWiderThanATerminal(t *testing.T) {
	g := testbed.New(t)
	for _, host := range []string{"::1", "a.example", "central-with-a-long-name.of-a-site.example.invalid"} {
		_, lines := try(t, g, func(o *selftest.Options) {
			o.CP = "ALB-04-001"
			o.Central, o.Engines[0].Address = net.JoinHostPort(host, "1"), net.JoinHostPort(host, "1")
		})
		for _, line := range lines[2:] {
			if n := utf8.RuneCountInString(line); n > 80 && (len(host) < 24 || !strings.Contains(line, host)) {
				t.Errorf("%d wide: %s", n, line)
			}
		}
	}
}

// TestOwnTroubleIsNoFault: without a name server the Monitor would report nothing.
func TestOwnTroubleIsNoFault(t *testing.T) {
	g := testbed.New(t)
	names := testbed.NewNameServer(t, testbed.NameAnswer{Code: testbed.ServFail})
	g.CentralAddr, g.EngineAddr = "central.test.:5000", "engine.test.:5001"
	well, lines := try(t, g, func(o *selftest.Options) { o.Dialers = link.OneDialer(&link.TCPDialer{Resolver: names.Resolver}) })
	if well {
		t.Error("well")
	}
	if got := row(lines, "Central", g.CentralAddr); got != "▲ no name server" {
		t.Errorf("Central: %q", got)
	}
	if got := row(lines, "Engine", g.EngineAddr); got != "? not judged: no name server" {
		t.Errorf("Engine: %q", got)
	}
	if got := end(lines); got != "2 problems. A Monitor started now would watch, and report nothing of an Engine that it can't judge." {
		t.Errorf("ends %q", got)
	}
}

// TestFleet asks 250 Engines: what many have in common is one row, each cause is advised
// once, and one refusal of a lone Engine more has a row of its own.
func TestFleet(t *testing.T) {
	g := testbed.New(t)
	g.StartCentral(central.Options{})
	well := testbed.NewTextPeer(t, testbed.FreeAddr(t), false, func(string) string { return "OK" })
	sick := testbed.NewTextPeer(t, testbed.FreeAddr(t), false, func(string) string { return "KO" })
	nobody := testbed.FreeAddr(t)
	for name, c := range map[string]struct {
		address func(i int) string
		well    bool
		says    []string
	}{
		"well": {func(int) string { return well.Address }, true, []string{"● Engine   250 Engines ", " 250 answered OK", "All well. The same command without --test starts the watch."}},
		"sick": {func(i int) string {
			switch {
			case i < 40:
				return nobody
			case i == 41 || i == 240:
				return sick.Address
			}
			return well.Address
		}, false, []string{
			"▲ Engine   250 Engines ", " 208 of 250 answered OK", "▲ 40 of 40  Site 0 ", "connection refused", "Start the Engine (ours: ev-cp-e) or correct its address.",
			"▲ CP_041  ", "▲ CP_240  ", "says KO", "42 problems. A Monitor started now would report 42 charge points as faulted.",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			ok, lines := try(t, g, func(o *selftest.Options) {
				o.Engines, o.Fleet = nil, true
				for i := range 250 {
					o.Engines = append(o.Engines, selftest.EngineToTest{CP: evcp.CPID(fmt.Sprintf("CP_%03d", i)), Address: c.address(i), Site: fmt.Sprintf("Site %d", i/40), Timeout: 5 * time.Second})
				}
			})
			text := strings.Join(lines, "\n")
			if ok != c.well || strings.Count(text, "Go to the charger") > 1 {
				t.Errorf("well: %v\n%s", ok, text)
			}
			for _, want := range c.says {
				if !strings.Contains(text, want) && !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
		})
	}
}
