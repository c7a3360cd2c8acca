package notify_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"evcp/internal/alert"
	"evcp/internal/bubble"
	"evcp/internal/central"
	"evcp/internal/notify"
	"evcp/internal/testbed"
)

// startAlertmanager starts the real one, which tells a webhook; "" is an environment without it.
func startAlertmanager(t *testing.T, hook string) (address string) {
	t.Helper()
	binary, err := exec.LookPath("prometheus-alertmanager") // Debian's name
	if err != nil {
		if binary, err = exec.LookPath("alertmanager"); err != nil {
			testbed.SkipMissing(t, "prometheus-alertmanager")
		}
	}
	dir := t.TempDir()
	config := fmt.Sprintf("route: {receiver: hook, group_wait: 100ms, group_interval: 500ms, group_by: [incident]}\nreceivers:\n- name: hook\n  webhook_configs: [{url: %q, send_resolved: true}]\n", hook)
	if err := os.WriteFile(filepath.Join(dir, "config.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	address = testbed.FreeAddr(t)
	cmd := exec.Command(binary, "--config.file="+filepath.Join(dir, "config.yml"), "--storage.path="+dir, "--web.listen-address="+address, "--cluster.listen-address=")
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	until := time.Now().Add(testbed.Patience)
	for {
		resp, err := http.Get("http://" + address + "/-/ready")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return address
			}
		}
		if time.Now().After(until) {
			t.Fatalf("Alertmanager does not start: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// What a real Alertmanager tells: an incident when it opens, and its end; and it takes the
// test message.
func TestRealAlertmanager(t *testing.T) {
	told := make(chan string, 100)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var n struct {
			Status string
			Alerts []struct {
				Status              string
				Labels, Annotations map[string]string
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			t.Error(err)
		}
		for _, a := range n.Alerts {
			told <- a.Status + " " + a.Labels["alertname"] + " " + a.Labels["severity"] + ": " + a.Annotations["summary"]
		}
	}))
	t.Cleanup(hook.Close)
	list := receivers(t, "alertmanager+http://"+startAlertmanager(t, hook.URL))
	locale := func(string) alert.Locale { return alert.Locale{Zone: time.UTC} }
	await := func(want string) {
		t.Helper()
		select {
		case got := <-told:
			if !strings.HasPrefix(got, want) {
				t.Fatalf("told %q, want %q", got, want)
			}
		case <-time.After(testbed.Patience):
			t.Fatalf("not told: %s", want)
		}
	}
	if results := notify.SendTest(t.Context(), list(), locale, nil); len(results) != 1 || results[0].Error != "" {
		t.Fatalf("%+v", results)
	}
	await("firing ChargePointsTest info: Test: ")

	c, err := central.New(central.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := notify.New(notify.Options{Central: c, Receivers: list, Delays: alert.Delays{DisconnectedAfter: time.Hour, Repeat: time.Hour}, Locale: locale})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := c.Serve(ctx, ln); err != nil {
			t.Error(err)
		}
	})
	running.Go(func() { n.Run(ctx) })
	defer running.Wait()
	defer cancel()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	say := func(message string) {
		t.Helper()
		fmt.Fprintf(conn, "EV_CP_M CP_001 %s\n", message)
		if _, err := conn.Read(make([]byte, 200)); err != nil {
			t.Fatal(err)
		}
	}
	say("registration request")
	say("heartbeat KO")
	await("firing ChargePointsFaulted critical: CP_001 faulted: says KO")
	say("heartbeat OK")
	await("resolved ChargePointsFaulted critical: CP_001 well again")
}

// Alertmanager hears of what lasts each minute, under the same labels, and of its end once.
// One that is away hears the end when it is back.
func TestAlertmanagerIsToldAnew(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := newSite(t, func(o *notify.Options) { o.Receivers = receivers(t, "alertmanager+http://am/prefix") })
		var mu sync.Mutex
		var posts []string
		take := func() (all string) {
			mu.Lock()
			defer mu.Unlock()
			all, posts = strings.Join(posts, "\n"), nil
			return all
		}
		am := s.listen("am:80")
		handler := func(_ http.ResponseWriter, r *http.Request) bool {
			var alerts []struct {
				Labels           map[string]string
				StartsAt, EndsAt time.Time
			}
			if err := json.NewDecoder(r.Body).Decode(&alerts); err != nil || r.URL.Path != "/prefix/api/v2/alerts" {
				t.Errorf("%s: %v", r.URL, err)
			}
			line := ""
			for _, a := range alerts {
				line += fmt.Sprintf("%s from %s to %s;", a.Labels["alertname"], a.StartsAt.Format(time.TimeOnly), a.EndsAt.Format(time.TimeOnly))
			}
			mu.Lock()
			defer mu.Unlock()
			posts = append(posts, line)
			return false
		}
		am.set(handler)
		a := s.watchOne("CP_001")
		defer a.stop()
		time.Sleep(12 * time.Second)
		a.status.Store("KO")
		time.Sleep(150 * time.Second)
		if got, want := take(), "ChargePointsFaulted from 00:00:15 to 00:04:45;\nChargePointsFaulted from 00:00:15 to 00:05:45;"; got != want {
			t.Errorf("while it lasts:\n%s\nwant\n%s", got, want)
		}
		a.status.Store("OK")
		time.Sleep(3 * time.Minute)
		if got, want := take(), "ChargePointsFaulted from 00:00:15 to 00:06:45;\nChargePointsFaulted from 00:00:15 to 00:02:45;"; got != want {
			t.Errorf("at its end:\n%s\nwant\n%s", got, want)
		}
		a.status.Store("KO")
		time.Sleep(time.Minute)
		take()
		if err := am.server.Close(); err != nil {
			t.Fatal(err)
		}
		a.status.Store("OK")
		time.Sleep(time.Hour)
		am = s.listen("am:80")
		defer am.server.Close()
		am.set(handler)
		time.Sleep(2 * time.Minute)
		if got := take(); strings.Count(got, "ChargePointsFaulted") != 1 || s.notify.Report().Receivers[0].Waiting != 0 {
			t.Errorf("when it is back:\n%s", got)
		}
	})
}
