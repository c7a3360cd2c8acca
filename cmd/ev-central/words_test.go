package main

import (
	"bufio"
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"evcp/internal/testbed"
)

// TestBothSourcesOfAnIncident: beside an incident that the events tell of stands what was
// reported of it over TCP, while Central runs and afterwards.
func TestBothSourcesOfAnIncident(t *testing.T) {
	t.Parallel()
	b := testbed.New(t)
	b.StartBroker()
	dir, monitors := t.TempDir(), testbed.FreeAddr(t)
	now := time.Now().Truncate(time.Second)
	produce(t, b.BrokerAddr, recordsOf(generated("CP_001", now.Add(-4*time.Hour), now, outage{now.Add(-time.Hour), now.Add(time.Hour)}))...)
	p := start(t, "--listen", monitors, "--http", "", "--state-dir", dir, "--kafka-brokers", b.BrokerAddr)
	p.Stderr.Line("started")
	conn, err := net.Dial("tcp", monitors)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for _, message := range []string{"registration request", "ENGINE_FAILURE", "heartbeat KO"} {
		fmt.Fprintf(conn, "EV_CP_M CP_001 %s\n", message)
		if _, err := answers.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	said := regexp.MustCompile(`(?m)^  the TCP report said EV_CP_M CP_001 ENGINE_FAILURE at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}, answered Failure report received in (<1|\d+) ms$`)
	var running string
	testbed.Until(t, "both sources", func() bool {
		stdout, _, _ := output(t, "history", "CP_001", "--state-dir", dir)
		running = said.FindString(stdout)
		return strings.Contains(stdout, "refused, first failed check") && running != ""
	})
	p.Terminate()
	if story := answerTo(t, dir, "history", "CP_001"); !strings.Contains(story, running) {
		t.Errorf("on the folder:\n%s\nwant\n%s", story, running)
	}
	if story := answerTo(t, dir, "history", "CP_001", "--lang", "es"); !strings.Contains(story, "el informe por TCP dijo EV_CP_M CP_001 ENGINE_FAILURE a las") {
		t.Errorf("in Spanish:\n%s", story)
	}
}
