package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"evcp/internal/cli"
	"evcp/internal/testbed"
)

// authoritySite is a person in one folder, with a home of their own.
type authoritySite struct {
	*testing.T
	dir string
}

// in makes a call run in the folder.
func (s authoritySite) in(cmd *exec.Cmd) *exec.Cmd {
	cmd.Dir, cmd.Env = s.dir, append(cmd.Env, "HOME="+s.dir)
	return cmd
}

func (s authoritySite) run(args ...string) (stdout, stderr string, code int) {
	s.Helper()
	return testbed.RunProcess(s.T, s.in(testbed.Self(s.T, args...)))
}

// ok runs a command that must succeed.
func (s authoritySite) ok(args ...string) (stdout string) {
	s.Helper()
	stdout, stderr, code := s.run(args...)
	if code != cli.ExitOK || stderr != "" {
		s.Fatalf("%q: exit %d, %s", args, code, stderr)
	}
	return stdout
}

// printed is the command line of a program in an output, without the program.
func (s authoritySite) printed(stdout, program string) []string {
	s.Helper()
	for line := range strings.Lines(stdout) {
		if words := strings.Fields(line); len(words) > 0 && words[0] == program && !slices.Contains(words, "ca") {
			return words[1:]
		}
	}
	s.Fatalf("no command of %s in\n%s", program, stdout)
	return nil
}

// TestThreeCommandsToMTLS types the three commands of both READMEs, and then the two command
// lines that they print, but for the ports; then it revokes the Monitor.
func TestThreeCommandsToMTLS(t *testing.T) {
	t.Parallel()
	block := regexp.MustCompile("(?s)```sh\n((?:ev-central ca [^\n]*\n){3})```")
	var commands string
	for _, page := range []string{"README.md", "README.es.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", page))
		if err != nil {
			t.Fatal(err)
		}
		found := block.FindStringSubmatch(string(text))
		if len(found) != 2 {
			t.Fatalf("%s has no three commands", page)
		}
		if commands != "" && found[1] != commands {
			t.Fatalf("%s has other commands: %s", page, found[1])
		}
		commands = found[1]
	}
	s := authoritySite{t, t.TempDir()}
	last := ""
	for line := range strings.Lines(strings.ReplaceAll(commands, "central.example", "localhost")) {
		last += s.ok(strings.Fields(line)[1:]...)
	}
	g := testbed.New(t)
	g.StartEngine("ok")
	_, enginePort, _ := strings.Cut(g.EngineAddr, ":")
	secure, pages := testbed.FreeAddr(t), testbed.FreeAddr(t)
	_, port, _ := strings.Cut(secure, ":")
	withPorts := func(words []string) []string {
		text := strings.Join(words, "\n")
		return strings.Split(strings.NewReplacer("\n:5443", "\n"+secure, "\n5443", "\n"+port).Replace(text), "\n")
	}
	central := testbed.StartProcess(t, s.in(testbed.Self(t, append(withPorts(s.printed(last, name)), "--listen", "none", "--http", pages)...)))
	central.Stderr.Line("started")
	monitor := testbed.StartProcess(t, s.in(testbed.Built(t, "ev-cp-m", append(withPorts(s.printed(last, "ev-cp-m")),
		"--heartbeat", "1s", "--engine-ip", "127.0.0.1", "--engine-port", enginePort)...)))
	monitor.Stderr.Line("accepted by Central")
	testbed.Until(t, "CP_001 with a certificate", func() bool { return certified(t, pages)["CP_001"] })

	serial := regexp.MustCompile(`(?m)^([0-9a-f]+) .* urn:evcp:cp:CP_001$`).FindStringSubmatch(s.ok("ca", "list"))
	if serial == nil {
		t.Fatal("ca list does not have the certificate")
	}
	revoked := time.Now()
	s.ok("ca", "revoke", serial[1])
	central.Stderr.Line("cut the connection of urn:evcp:cp:CP_001: the certificate is revoked")
	t.Logf("cut %v after the command began", time.Since(revoked).Round(time.Millisecond))
	central.Stderr.Line("no TLS with 127.0.0.1: the certificate is revoked")
	if out := s.ok("ca", "list"); !strings.Contains(out, serial[1]) || !strings.Contains(out, "CP_001  revoked") {
		t.Errorf("ca list: %s", out)
	}
	monitor.Terminate()
	central.Terminate()
}

// TestAuthorityErrors: each names the input, and what to do.
func TestAuthorityErrors(t *testing.T) {
	s := authoritySite{t, t.TempDir()}
	try := func(want string, code int, args ...string) {
		t.Helper()
		if _, stderr, got := s.run(args...); got != code || !strings.Contains(unwrapped(stderr), want) {
			t.Errorf("%q: exit %d, %s, want %q", args, got, stderr, want)
		}
	}
	for _, args := range [][]string{{"ca", "issue", "CP_001"}, {"ca", "revoke", "12"}, {"ca", "list"}} {
		try("no authority is there; make one with ev-central ca init", cli.ExitFailed, args...)
	}
	s.ok("ca", "init")
	try("an authority is there already", cli.ExitFailed, "ca", "init")
	try("the command takes no argument", cli.ExitUsage, "ca", "init", "here")
	try("the command takes no argument", cli.ExitUsage, "ca", "list", "here")
	try("ca issue for whom?", cli.ExitUsage, "ca", "issue")
	try("ca issue for whom?", cli.ExitUsage, "ca", "issue", "CP_001", "--fleet", "NORTH")
	try(`ca issue "CP/1": a charge point id is 1 to 64 of`, cli.ExitUsage, "ca", "issue", "CP/1")
	try(`--fleet "a b": "a b": a fleet name has 1 to 64`, cli.ExitUsage, "ca", "issue", "--fleet", "a b")
	try(`--server "no host!"`, cli.ExitUsage, "ca", "issue", "--server", "no host!")
	try("--server: it goes with ca issue", cli.ExitUsage, "ca", "list", "--server", "x")
	try("--fleet: it goes with ca issue", cli.ExitUsage, "--fleet", "NORTH")
	try("ca revoke which serial number?", cli.ExitUsage, "ca", "revoke")
	try(`ca revoke "12": this authority has not issued it`, cli.ExitFailed, "ca", "revoke", "12")
	try("The commands are ca init, ca issue, ca revoke, ca list, forget, ", cli.ExitUsage, "ca")
	s.ok("ca", "issue", "CP_001")
	try("CP_001.pem is there already, and is not overwritten", cli.ExitFailed, "ca", "issue", "CP_001")
	try("no such file or directory", cli.ExitFailed, "ca", "issue", "CP_001", "--out", "nowhere")
}

// TestAuthorityElsewhere: --ca-dir and --out, also with names that a shell would break, stand
// in the commands to type next; a fleet's line for the registry is shown.
func TestAuthorityElsewhere(t *testing.T) {
	s := authoritySite{t, t.TempDir()}
	if err := os.Mkdir(filepath.Join(s.dir, "the keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	if out := s.ok("ca", "init", "--ca-dir", "it's here"); !strings.Contains(out, `  ev-central ca issue --server central.example --ca-dir 'it'\''s here'`+"\n") {
		t.Errorf("ca init: %s", out)
	}
	out := s.ok("ca", "issue", "--fleet", "NORTH", "--ca-dir", "it's here", "--out", "the keys")
	for _, want := range []string{"  CP_001 fleet=NORTH\n", "--central-cert 'the keys/NORTH.pem'", `--central-ca 'it'\''s here/ca.pem'`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	content, err := os.ReadFile(filepath.Join(s.dir, "the keys", "NORTH.pem"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(content)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil || len(c.URIs) != 1 || c.URIs[0].String() != "urn:evcp:fleet:NORTH" {
		t.Errorf("%v, %v", c.URIs, err)
	}
	if found, _ := filepath.Glob(filepath.Join(s.dir, ".local", "*")); found != nil {
		t.Errorf("wrote to %q, too", found)
	}
}

// TestOpenSSLVerifies: a verifier that is not ours takes what the authority issued, each for
// its own purpose.
func TestOpenSSLVerifies(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		testbed.SkipMissing(t, "openssl")
	}
	s := authoritySite{t, t.TempDir()}
	s.ok("ca", "init", "--ca-dir", "ca")
	s.ok("ca", "issue", "CP_001", "--ca-dir", "ca")
	s.ok("ca", "issue", "--server", "central.example,10.0.0.5,::1", "--ca-dir", "ca")
	verify := func(args ...string) string {
		out, _ := s.in(exec.CommandContext(t.Context(), "openssl", append([]string{"verify", "-x509_strict", "-CAfile", "ca/ca.pem"}, args...)...)).CombinedOutput() // the text says it all
		return string(out)
	}
	for _, tc := range []struct {
		ok   bool
		args []string
	}{
		{true, []string{"-purpose", "sslclient", "CP_001.pem"}},
		{false, []string{"-purpose", "sslserver", "CP_001.pem"}},
		{true, []string{"-purpose", "sslserver", "-verify_hostname", "central.example", "central.example.pem"}},
		{true, []string{"-purpose", "sslserver", "-verify_ip", "::1", "central.example.pem"}},
		{false, []string{"-purpose", "sslserver", "-verify_hostname", "other.example", "central.example.pem"}},
		{false, []string{"-purpose", "sslclient", "central.example.pem"}},
	} {
		if out := verify(tc.args...); strings.Contains(out, ": OK\n") != tc.ok {
			t.Errorf("openssl verify %q: %s", tc.args, out)
		}
	}
}

// TestFilesInMetrics: Central's metrics have the ends of its certificates.
func TestFilesInMetrics(t *testing.T) {
	c := testbed.NewCertificates(t)
	cert, key := c.Server("central")
	pages := testbed.FreeAddr(t)
	p := start(t, "--listen", "none", "--tls-listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key, "--tls-client-ca", c.CA, "--http", pages, "--state-dir", t.TempDir())
	p.Stderr.Line("started")
	text := body(t, "http://"+pages+"/metrics")
	for _, use := range []string{"tls-cert", "tls-client-ca"} {
		if !regexp.MustCompile(`(?m)^evcp_certificate_expiry_timestamp_seconds\{use="` + use + `"\} [0-9.e+]+$`).MatchString(text) {
			t.Errorf("no end of %s in\n%s", use, text)
		}
	}
	var about struct {
		Listens    string `json:"listens"`
		TLSListens string `json:"tls_listens"`
	}
	if err := json.Unmarshal([]byte(body(t, "http://"+pages+"/api/v1/status")), &about); err != nil || about.Listens != "" || !strings.HasPrefix(about.TLSListens, "127.0.0.1:") {
		t.Errorf("%+v, %v", about, err)
	}
	resp, err := http.Get("http://" + pages + "/readyz")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("not ready: %v, %v", resp, err)
	}
	resp.Body.Close()
	p.Terminate()
}

// body is what a GET returns.
func body(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
