package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"evcp/internal/authority"
	"evcp/internal/cli"
	"evcp/internal/testbed"
)

// TestTLSUsage: settings that need each other.
func TestTLSUsage(t *testing.T) {
	c := testbed.NewCertificates(t)
	cert, key := c.Server("central")
	for want, args := range map[string][]string{
		"--listen none: none needs --tls-listen":            {"--listen", "none"},
		"--tls-listen :0: it goes with --tls-cert":          {"--tls-listen", ":0"},
		"it goes with --tls-listen":                         {"--tls-cert", cert, "--tls-key", key},
		"it goes with --tls-key":                            {"--tls-listen", ":0", "--tls-cert", cert},
		"it goes with --tls-client-ca":                      {"--tls-listen", ":0", "--tls-cert", cert, "--tls-key", key, "--tls-revoked", c.CA},
		"--tls-cert: " + cert + " with key " + c.CA:         {"--tls-listen", ":0", "--tls-cert", cert, "--tls-key", c.CA},
		"--tls-client-ca: " + key + " holds no certificate": {"--tls-listen", ":0", "--tls-cert", cert, "--tls-key", key, "--tls-client-ca", key},
	} {
		if _, stderr, code := output(t, args...); code != cli.ExitUsage || !strings.Contains(unwrapped(stderr), want) {
			t.Errorf("%q: exit %d, stderr %q, want %q", args, code, stderr, want)
		}
	}
}

// certified are the charge points of the API, and whether they need a certificate.
func certified(t *testing.T, pages string) map[string]bool {
	t.Helper()
	resp, err := http.Get("http://" + pages + "/api/v1/cps?state=activated")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list []struct {
		CP        string `json:"cp_id"`
		Certified bool   `json:"certified"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, cp := range list {
		all[cp.CP] = cp.Certified
	}
	return all
}

// TestMoveOneMonitorAtATime: both ports serve real Monitors, of which one moves; then it is
// refused without TLS, and Central can close that port.
func TestMoveOneMonitorAtATime(t *testing.T) {
	t.Parallel()
	g := testbed.New(t)
	g.StartEngine("ok")
	_, enginePort, _ := strings.Cut(g.EngineAddr, ":")
	c := testbed.NewCertificates(t)
	cert, key := c.Server("central")
	plain, secure, pages := testbed.FreeAddr(t), testbed.FreeAddr(t), testbed.FreeAddr(t)
	args := []string{
		"--state-dir", t.TempDir(), "--http", pages, "--heartbeat", "1s",
		"--tls-listen", secure, "--tls-cert", cert, "--tls-key", key, "--tls-client-ca", c.CA,
	}
	central := start(t, append(args, "--listen", plain)...)
	started := central.Stderr.Line("started")
	if !strings.Contains(started, " monitors="+plain) || !strings.Contains(started, " tls_monitors="+secure) {
		t.Errorf("started: %s", started)
	}
	monitor := func(id, address string, more ...string) *testbed.Subprocess {
		_, port, _ := strings.Cut(address, ":")
		return testbed.StartProcess(t, testbed.Built(t, "ev-cp-m", append([]string{
			"--cp-id", id, "--central-ip", "127.0.0.1", "--central-port", port, "--engine-ip", "127.0.0.1", "--engine-port", enginePort, "--heartbeat", "1s",
		}, more...)...))
	}
	secureFlags := func(id string) []string {
		cert, key := c.Issue(id, authority.CertificateRequest{URI: "urn:evcp:cp:" + id})
		return []string{"--central-tls", "--central-ca", c.CA, "--central-cert", cert, "--central-key", key}
	}
	shows := func(want string) {
		t.Helper()
		testbed.Until(t, want, func() bool { return fmt.Sprint(certified(t, pages)) == want })
	}
	first, second := monitor("CP_001", plain), monitor("CP_002", plain)
	shows("map[CP_001:false CP_002:false]")
	first.Terminate()
	first = monitor("CP_001", secure, secureFlags("CP_001")...)
	shows("map[CP_001:true CP_002:false]")

	impostor := monitor("CP_001", plain) // never accepted, so it ends
	if code := impostor.Wait(); code != 3 || !strings.Contains(unwrapped(impostor.Stderr.String()), "a certificate is for one --cp-id") {
		t.Errorf("an old Monitor ended with %d:\n%s", code, impostor.Stderr)
	}
	impostor = monitor("CP_001", secure, secureFlags("CP_009")...)
	if code := impostor.Wait(); code != 3 || !strings.Contains(unwrapped(impostor.Stderr.String()), "the certificate is not for charging point") {
		t.Errorf("a Monitor with another certificate ended with %d:\n%s", code, impostor.Stderr)
	}

	second.Terminate()
	second = monitor("CP_002", secure, secureFlags("CP_002")...)
	shows("map[CP_001:true CP_002:true]")
	central.Terminate()
	central = start(t, append(args, "--listen", "none")...)
	central.Stderr.Line("started")
	shows("map[CP_001:true CP_002:true]")
	for _, p := range []*testbed.Subprocess{first, second, central} {
		p.Terminate()
	}
}

// TestOpenSSLAsMonitor: a client that is not ours connects with a certificate, and verifies
// Central's; without a certificate it is refused.
func TestOpenSSLAsMonitor(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		testbed.SkipMissing(t, "openssl")
	}
	c := testbed.NewCertificates(t)
	cert, key := c.Server("central")
	secure := testbed.FreeAddr(t)
	central := start(t, "--listen", "none", "--http", "", "--state-dir", t.TempDir(),
		"--tls-listen", secure, "--tls-cert", cert, "--tls-key", key, "--tls-client-ca", c.CA)
	central.Stderr.Line("started")
	own, ownKey := c.Issue("CP_001", authority.CertificateRequest{URI: "urn:evcp:cp:CP_001"})
	say := func(more ...string) (out string) {
		for _, version := range []string{"-tls1_2", "-tls1_3"} {
			cmd := exec.CommandContext(t.Context(), "openssl", append([]string{
				"s_client", version, "-quiet", "-no_ign_eof", "-connect", secure, "-CAfile", c.CA, "-verify_return_error", "-verify_hostname", "localhost",
			}, more...)...)
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			var said testbed.Output
			cmd.Stdout, cmd.Stderr = &said, &said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(stdin, "EV_CP_M CP_001 registration request") // a client that was refused has gone
			testbed.Until(t, "an answer to openssl", func() bool {
				text := said.String()
				return strings.Contains(text, "Authentication") || strings.Contains(text, "alert")
			})
			stdin.Close()
			_ = cmd.Wait() // its code says nothing
			out += said.String()
		}
		return out
	}
	if out := say("-cert", own, "-key", ownKey); strings.Count(out, "Authentication successful") != 2 {
		t.Errorf("openssl with a certificate:\n%s", out)
	}
	if out := say(); strings.Contains(out, "Authentication") || !strings.Contains(out, "alert") {
		t.Errorf("openssl without a certificate:\n%s", out)
	}
	for _, version := range []string{"-tls1", "-tls1_1"} {
		out, err := exec.CommandContext(t.Context(), "openssl", "s_client", version, "-cipher", "DEFAULT@SECLEVEL=0", "-connect", secure, "-cert", own, "-key", ownKey).CombinedOutput()
		if err == nil || strings.Contains(string(out), "Authentication") {
			t.Errorf("openssl %s was not refused: %v\n%s", version, err, out)
		}
	}
	central.Terminate()
}
