package main

import (
	"archive/zip"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"evcp/internal/authority"
	"evcp/internal/testbed"
	"evcp/internal/wait"
)

// secureSite is Central, an Engine and a Monitor that speak TLS with each other, as processes.
type secureSite struct {
	*testing.T
	certificates              *testbed.Certificates
	dir                       string            // state of the Monitor
	secrets                   map[string]string // name and content of every secret file
	engineAddress, central    string
	engine, monitor, centralP *testbed.Subprocess
}

func (s *secureSite) keep(cert, key string) (string, string) {
	s.Helper()
	content, err := os.ReadFile(key)
	if err != nil {
		s.Fatal(err)
	}
	s.secrets[key] = string(content)
	return cert, key
}

// startEngine starts it on the address that it has had, if any.
func (s *secureSite) startEngine(cert, key string) {
	s.Helper()
	cmd := testbed.Built(s.T, "ev-cp-e", "--listen", s.engineAddress, "--tls-cert", cert, "--tls-key", key, "--log-level", "debug")
	s.engine = testbed.StartProcess(s.T, cmd)
	s.engine.Stderr.Line("msg=listening")
}

func startSecure(t *testing.T) *secureSite {
	t.Helper()
	s := &secureSite{
		T: t, certificates: testbed.NewCertificates(t), dir: t.TempDir(), secrets: map[string]string{},
		engineAddress: testbed.FreeAddr(t), central: testbed.FreeAddr(t),
	}
	s.startEngine(s.keep(s.certificates.Server("engine")))
	cert, key := s.keep(s.certificates.Server("central"))
	s.centralP = testbed.StartProcess(t, testbed.Built(t, "ev-central", "--listen", "none", "--tls-listen", s.central, "--tls-cert", cert, "--tls-key", key,
		"--tls-client-ca", s.certificates.CA, "--http", "127.0.0.1:0", "--http-tls-cert", cert, "--http-tls-key", key, "--log-level", "debug", "--state-dir", t.TempDir()))
	s.centralP.Stderr.Line("msg=started")
	cert, key = s.keep(s.certificates.Issue("monitor", authority.CertificateRequest{URI: authority.ChargePointURI("CP_001")}))
	page, pageKey := s.keep(s.certificates.Server("page"))
	password := filepath.Join(t.TempDir(), "password")
	s.secrets[password] = "correct-horse-battery-staple\n"
	if err := os.WriteFile(password, []byte(s.secrets[password]), 0o600); err != nil {
		t.Fatal(err)
	}
	s.monitor = start(t, []string{"GOTRACEBACK=all"}, "--cp-id", "CP_001", "--state-dir", s.dir, "--log-level", "debug",
		"--kafka-brokers", testbed.FreeAddr(t), "--kafka-sasl", "plain", "--kafka-username", "monitor", "--kafka-password-file", password, "--kafka-tls", "--kafka-ca", s.certificates.CA,
		"--central-ip", "127.0.0.1", "--central-port", testbed.Port(s.central), "--central-tls", "--central-ca", s.certificates.CA, "--central-cert", cert, "--central-key", key,
		"--engine-ip", "127.0.0.1", "--engine-port", testbed.Port(s.engineAddress), "--engine-tls", "--engine-ca", s.certificates.CA,
		"--http", "127.0.0.1:0", "--http-tls-cert", page, "--http-tls-key", pageKey)
	return s
}

// eventually waits until a command says something.
func (s *secureSite) eventually(want string, command ...string) (said string) {
	s.Helper()
	if !wait.Until(s.Context(), 0, func() bool {
		_, said, _ = runBeside(s.T, s.dir, command...)
		return strings.Contains(unwrapped(said), want)
	}) {
		s.Fatalf("%v does not say %q: %s", command, want, said)
	}
	return said
}

// TestTLSOfAllLinks goes through the life of an Engine's certificate: good, its process
// stopped, expired.
func TestTLSOfAllLinks(t *testing.T) {
	t.Parallel()
	s := startSecure(t)
	s.monitor.Stderr.Lines("OK: the Engine answers in", "accepted by Central")
	said := unwrapped(s.eventually("Certificates and secrets", "explain"))
	for _, want := range []string{"--central-ca expires on 20", "--central-cert expires on 20", "--engine-ca expires on 20", "--http-tls-cert expires on 20"} {
		if !strings.Contains(said, want) {
			t.Errorf("explain lacks %q:\n%s", want, said)
		}
	}
	s.engine.Signal(syscall.SIGSTOP)
	s.monitor.Stderr.Line("CONNECTION_ERROR: no answer in 900ms, 3 checks")
	s.engine.Signal(syscall.SIGCONT)
	s.monitor.Stderr.Line("OK after")
	s.engine.Signal(syscall.SIGTERM)
	s.engine.Wait()
	cert, key, day := s.certificates.Expired("engine")
	s.startEngine(cert, key)
	warned := func() bool { // before its first line or after it
		return strings.Contains(s.engine.Stderr.String(), "--tls-cert: the certificate expired on "+day)
	}
	if !wait.Until(s.Context(), time.Millisecond, warned) {
		t.Fatal("the Engine does not warn of its certificate")
	}
	s.monitor.Stderr.Line("TLS failed: certificate expired on " + day)
	s.eventually("TLS failed: certificate expired on "+day, "status")
	s.eventually("Renew the certificate of the Engine; nothing else need be wrong.", "status")
	if _, said, _ := runBeside(t, s.dir, "events", "--json"); !strings.Contains(said, `"cause":"tls"`) || !strings.Contains(said, `"engine_response":"certificate expired on `+day) {
		t.Error("no event has the text")
	}
}

// TestNoSecretIsWritten runs all programs with keys, at debug level and through failures, and
// searches everything that they write. A secret of another kind has its place in
// secureSite.secrets.
func TestNoSecretIsWritten(t *testing.T) {
	t.Parallel()
	s := startSecure(t)
	address := regexp.MustCompile(`https=(127\.0\.0\.1:\d+)`).FindStringSubmatch(s.monitor.Stderr.Line("msg=watching"))
	if address == nil {
		t.Fatal("the Monitor does not say where its pages are")
	}
	s.monitor.Stderr.Line("accepted by Central")
	written := map[string]string{}
	client := http.Client{Transport: &http.Transport{TLSClientConfig: s.certificates.Client(), DisableKeepAlives: true}}
	for _, path := range []string{"", "metrics", "healthz", "api/v1/status", "api/v1/support"} {
		resp, err := client.Get("https://" + address[1] + "/" + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		written["GET /"+path] = string(body)
		if path == "api/v1/support" && resp.StatusCode != http.StatusNotFound {
			t.Errorf("everybody can read %s: %s", path, resp.Status)
		}
	}
	// A key that does not belong to its certificate is rejected, with an error.
	_, other := s.keep(s.certificates.Issue("other", authority.CertificateRequest{URI: authority.ChargePointURI("CP_002")}))
	if err := os.Rename(other, strings.Replace(other, "other.key", "monitor.key", 1)); err != nil {
		t.Fatal(err)
	}
	s.monitor.Stderr.Line("--central-cert: the file has changed, and can't be used")
	for _, command := range [][]string{{"status"}, {"explain"}, {"status", "--json"}, {"events", "--json"}, {"--test"}} {
		_, stdout, stderr := runBeside(t, s.dir, command...)
		written["ev-cp-m "+strings.Join(command, " ")] = stdout + stderr
	}
	if !strings.Contains(written["ev-cp-m status"], "the old content stays in use") {
		t.Errorf("status does not say that a file was rejected: %s", written["ev-cp-m status"])
	}
	file := filepath.Join(t.TempDir(), "support.zip")
	if code, out, said := runBeside(t, s.dir, "support", file); code != 0 {
		t.Fatalf("support: exit %d: %s%s", code, out, said)
	}
	for name, content := range unzip(t, file) {
		written["support.zip: "+name] = content
	}
	s.monitor.Signal(syscall.SIGQUIT)
	s.monitor.Wait()
	for name, p := range map[string]*testbed.Subprocess{"ev-cp-m": s.monitor, "ev-cp-e": s.engine, "ev-central": s.centralP} {
		written[name] = p.Stdout.String() + p.Stderr.String()
	}
	if !strings.Contains(written["ev-cp-m"], "goroutine ") {
		t.Error("SIGQUIT made no dump")
	}
	if err := filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		written[path] = string(content)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for name, content := range written {
		for _, secret := range s.secretLines() {
			if strings.Contains(content, secret) {
				t.Errorf("%s holds a secret", name)
			}
		}
	}
	t.Logf("searched %d outputs for %d lines", len(written), len(s.secretLines()))
}

// secretLines are what must stand nowhere: the lines of the secret files but their frames.
func (s *secureSite) secretLines() (lines []string) {
	for _, content := range s.secrets {
		for line := range strings.Lines(content) {
			if line = strings.TrimSpace(line); len(line) > 20 && !strings.HasPrefix(line, "-----") {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

func unzip(t *testing.T, file string) map[string]string {
	t.Helper()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	contents := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if r.Close(); err != nil {
			t.Fatal(err)
		}
		contents[f.Name] = string(b)
	}
	return contents
}

// TestSupport: the file holds what the manual says, is for its user alone, replaces nothing,
// and is made without a Monitor too.
func TestSupport(t *testing.T) {
	t.Parallel()
	g, dir := testbed.Start(t), t.TempDir()
	manual, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	if code, _, said := runBeside(t, dir, "support"); code != 2 || !strings.Contains(said, "ev-cp-m support FILE.zip") {
		t.Errorf("without a name: exit %d: %s", code, said)
	}
	if code, out, said := runBeside(t, dir, "support", file("before.zip")); code != 0 || !strings.Contains(out, "No Monitor of CP_001 answers") {
		t.Errorf("without a Monitor: exit %d: %s%s", code, out, said)
	}
	if got := unzip(t, file("before.zip")); !strings.Contains(got["settings.txt"], "--cp-id CP_001  (--cp-id)\n") || got["facts.txt"] == "" {
		t.Errorf("without a Monitor: %v", got)
	}
	p := start(t, []string{"CP_ID=CP_001"}, flags(g, dir)[2:]...)
	p.Stderr.Line("OK: the Engine answers")
	if code, out, said := runBeside(t, dir, "support", file("now.zip")); code != 0 || !strings.Contains(out, "without secrets") {
		t.Fatalf("exit %d: %s%s", code, out, said)
	}
	got := unzip(t, file("now.zip"))
	var names []string
	for name := range got {
		names = append(names, name)
		if !strings.Contains(string(manual), "| `"+name+"` |") {
			t.Errorf("OPERATIONS.md does not name %s", name)
		}
	}
	slices.Sort(names)
	if want := []string{"events.ndjson", "explain.txt", "facts.txt", "log.txt", "metrics.txt", "settings.txt", "status.json"}; !slices.Equal(names, want) {
		t.Errorf("it holds %v, want %v", names, want)
	}
	for name, want := range map[string]string{
		"log.txt": `msg="OK: the Engine answers`, "settings.txt": "--cp-id CP_001  (CP_ID)\n", "metrics.txt": "evcp_checks_total",
		"events.ndjson": `"action":"monitor_started"`, "explain.txt": "The last ", "status.json": `"program": "ev-cp-m"`, "facts.txt": "outbox.db",
	} {
		if !strings.Contains(got[name], want) {
			t.Errorf("%s lacks %q:\n%s", name, want, got[name])
		}
	}
	if info, err := os.Stat(file("now.zip")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if code, _, said := runBeside(t, dir, "support", file("now.zip")); code != 1 || !strings.Contains(said, "is there already") {
		t.Errorf("twice: exit %d: %s", code, said)
	}
	if code, _, said := runBeside(t, dir, "status", "now.zip"); code != 2 || !strings.Contains(said, "unexpected argument now.zip") {
		t.Errorf("status with an argument: exit %d: %s", code, said)
	}
}
