package kafka

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"evcp"
	"evcp/internal/advice"
	"evcp/internal/authority"
	"evcp/internal/credentials"
	"evcp/internal/language"
	"evcp/internal/link"
	"evcp/internal/testbed"
	"evcp/internal/wait"
)

// TestRealSecurity: Apache Kafka with every kind of secure link.
func TestRealSecurity(t *testing.T) {
	t.Parallel() // it waits
	site := newSecureSite(t)
	t.Run("logins", site.tryLogins)
	t.Run("mistakes", site.tryMistakes)
	t.Run("rotation", func(t *testing.T) {
		t.Run("password", site.tryNewPassword)
		t.Run("certificate", site.tryNewCertificate)
		t.Run("authority", site.tryNewAuthority)
	})
}

// tryLogins delivers with every mechanism, for longer than the broker lets one login last and
// than a token is fresh. The log has no secret.
func (s *secureSite) tryLogins(t *testing.T) {
	tcp := link.NewDialer()
	secure := s.tls(tcp, s.trusting())
	own := s.trusting()
	var files credentials.Store
	own.Pair = s.pair(&files, "monitor", authority.CertificateRequest{URI: authority.ChargePointURI("CP_001")})
	s.tokenLifetime.Store(int64((tokenMargin + 4*time.Second) / time.Second))
	admin := &senderHarness{t: t, broker: s.broker.address}
	admin.setPassword("scram", ScramSHA256, "pass-256")
	admin.setPassword("scram", ScramSHA512, "pass-512")
	var log safeBuffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	links := map[string]struct {
		principal string
		listener  int
		dialer    link.Dialer
		login     *Login
	}{
		"plain":         {"plain", loginListener, secure, withPassword(Plain, "plain", "right")},
		"scram-sha-256": {"scram", loginListener, secure, withPassword(ScramSHA256, "scram", "pass-256")},
		"scram-sha-512": {"scram", loginListener, secure, withPassword(ScramSHA512, "scram", "pass-512")},
		"oauthbearer":   {"robot", loginListener, secure, s.tokenClient(tokenSecret).login()},
		"certificate":   {"CN=" + authority.ChargePointURI("CP_001"), certListener, s.tls(tcp, own), nil},
		"without TLS":   {"scram", openListener, tcp, withPassword(ScramSHA256, "scram", "pass-256")},
	}
	monitors, stops, options := map[string]*senderHarness{}, map[string]func() int{}, map[string]Options{}
	for name, c := range links {
		h := s.monitor(t, c.principal)
		o := Options{Brokers: []string{s.address(c.listener)}, Topic: h.topic, Dial: c.dialer.DialContext, Login: c.login, Logger: logger}
		h.start(func(of *Options) { of.Brokers, of.Dial, of.Login, of.Logger = o.Brokers, o.Dial, o.Login, o.Logger })
		monitors[name], stops[name], options[name] = h, h.appendSteadily(), o
	}
	for name, h := range monitors {
		h.waitUntil(name, h.phase(Connected))
	}
	time.Sleep(reauthentication + 2*time.Second)
	monitors["oauthbearer"].waitUntil("token for a later login", func() bool { return len(s.tokensServed()) > 1 })
	for name, h := range monitors {
		rounds := stops[name]()
		h.waitUntil(name+"'s delivery", h.delivered)
		if r := Probe(t.Context(), options[name]); !r.Exists || r.Troubles != nil {
			t.Errorf("%s: %+v", name, r)
		}
		h.checkComplete(h.seqs(3 * rounds))
		h.checkNeverRefused()
	}
	tokens := s.tokensServed()
	if !strings.Contains(log.String(), "kafka client") {
		t.Error("the client's log is empty")
	}
	for _, secret := range append(tokens, "pass-256", "pass-512", tokenSecret) {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has the secret %q", secret)
		}
	}
}

// tryMistakes: each mistake has its own words in --test and in the status, and the flags that
// help.
func (s *secureSite) tryMistakes(t *testing.T) {
	tcp := link.NewDialer()
	secure := s.tls(tcp, s.trusting())
	other, err := authority.New("other", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var files credentials.Store
	roots, err := files.Roots("kafka-ca", s.write("other.pem", other.CertPEM()))
	if err != nil {
		t.Fatal(err)
	}
	named := s.trusting()
	named.ServerName = "kafka.example"
	elsewhere, nobody, silent := s.tokenClient(tokenSecret), s.tokenClient(tokenSecret), s.tokenClient(tokenSecret)
	elsewhere.Scope, nobody.URL, silent.URL = "elsewhere", "https://"+testbed.FreeAddr(t), "https://"+testbed.SilentServer(t)
	mistakes := map[string]struct {
		listener int
		dialer   link.Dialer
		login    *Login
		cause    evcp.Cause
		says, do string
	}{
		"no TLS there":            {0, secure, nil, evcp.Closed, "ended in the TLS handshake", "leave out --kafka-tls"},
		"TLS there":               {certListener, tcp, nil, evcp.TLS, "answers by TLS", "--kafka-tls"},
		"TLS there, with a login": {loginListener, tcp, withPassword(ScramSHA256, "scram", "pass-256"), evcp.TLS, "answers by TLS", "--kafka-tls"},
		"unknown authority":       {loginListener, s.tls(tcp, &credentials.Client{Roots: roots}), nil, evcp.TLS, "certificate is of an authority that is not trusted: CN=site", "--kafka-ca"},
		"wrong name":              {loginListener, s.tls(tcp, named), nil, evcp.TLS, "certificate is not for kafka.example, but for 127.0.0.1", "--kafka-server-name"},
		"expired":                 {expiredListener, secure, nil, evcp.TLS, "certificate expired on ", "Renew"},
		"no certificate":          {certListener, secure, nil, evcp.OwnCertificate, "certificate", "--kafka-cert"},
		"wrong password, plain":   {loginListener, secure, withPassword(Plain, "plain", "wrong"), evcp.SaidKO, "SASL_AUTHENTICATION_FAILED: Authentication failed: Invalid username or password", "--kafka-password-file"},
		"wrong password, scram":   {loginListener, secure, withPassword(ScramSHA256, "scram", "wrong"), evcp.SaidKO, "SASL_AUTHENTICATION_FAILED: ", "--kafka-password-file"},
		"no such user":            {loginListener, secure, withPassword(ScramSHA512, "nobody", "wrong"), evcp.SaidKO, "SASL_AUTHENTICATION_FAILED: ", "--kafka-username"},
		"no such mechanism":       {openListener, tcp, withPassword(ScramSHA512, "scram", "pass-512"), evcp.SaidKO, "UNSUPPORTED_SASL_MECHANISM: the broker has SCRAM-SHA-256", "--kafka-sasl"},
		"login missing":           {loginListener, secure, nil, evcp.Closed, "closed at the first request", "--kafka-sasl"},
		"login missing, no TLS":   {openListener, tcp, nil, evcp.Closed, "closed at the first request", "--kafka-sasl"},
		"login not wanted":        {0, tcp, withPassword(ScramSHA256, "scram", "pass-256"), evcp.SaidKO, "ILLEGAL_SASL_STATE", "Leave out --kafka-sasl"},
		"wrong client secret":     {loginListener, secure, s.tokenClient("wrong").login(), evcp.SaidKO, "token server refuses: 401 Unauthorized, invalid_client", "--kafka-oauth-client-secret-file"},
		"no token server":         {loginListener, secure, nobody.login(), evcp.SaidKO, "token server: dial tcp", "--kafka-oauth-token-url"},
		"silent token server":     {loginListener, secure, silent.login(), evcp.SaidKO, "token server: no answer in 3s", "--kafka-oauth-token-url"},
		"wrong audience":          {loginListener, secure, elsewhere.login(), evcp.SaidKO, "the broker refuses the token: invalid_token", "--kafka-oauth-scope"},
		"no access":               {loginListener, secure, withPassword(Plain, "plain", "right"), evcp.SaidKO, "TOPIC_AUTHORIZATION_FAILED", "kafka-acls.sh"},
	}
	stalls := testbed.MeasureStalls(t)
	monitors := map[string]*senderHarness{}
	for name, c := range mistakes { // all at once: it takes each a while to be away
		h := newFixture(t, s.broker.address)
		h.start(func(o *Options) {
			o.Brokers, o.Dial, o.Login = []string{s.address(c.listener)}, c.dialer.DialContext, c.login
		})
		h.appendChecks(1, 3)
		monitors[name] = h
	}
	for name, c := range mistakes {
		t.Run(name, func(t *testing.T) {
			h := monitors[name]
			r := Probe(t.Context(), Options{Brokers: []string{s.address(c.listener)}, Topic: h.topic, Dial: c.dialer.DialContext, Login: c.login})
			if len(r.Troubles) != 1 {
				t.Fatalf("%+v", r)
			}
			if err := r.Troubles[0]; CauseOf(err) != c.cause || !strings.Contains(ErrorText(err), c.says) {
				t.Errorf("%s, %q (%v)", CauseOf(err), ErrorText(err), err)
			}
			said := advice.ForKafka(language.English, c.cause, advice.Details{Reply: ErrorText(r.Troubles[0]), Topic: h.topic})
			if !strings.Contains(said.Do, c.do) {
				t.Errorf("do %q", said.Do)
			}
			h.waitUntil("the same in the status", func() bool {
				st := h.sender.Status()
				return st.Phase == Away && st.Cause == c.cause && strings.Contains(st.ErrorText(), c.says)
			})
			h.waitUntil("the same in the log", func() bool { return h.last().Cause == c.cause && strings.Contains(h.last().ErrorText(), c.says) })
			for _, secret := range []string{"wrong", tokenSecret} {
				if text := fmt.Sprint(r.Troubles, h.sender.Status().Err); strings.Contains(text, secret) {
					t.Errorf("%s has the secret", text)
				}
			}
			if took := stalls.Time(h.close); took > tokenTimeout-time.Second {
				t.Errorf("stopped after %v", took)
			}
		})
	}
}

// tryNewPassword: a password that was changed at the broker is told as soon as the broker asks
// again, and what the file then holds is used within seconds. Nothing is lost.
func (s *secureSite) tryNewPassword(t *testing.T) {
	files := watchedFiles(t)
	secret, err := files.Secret("kafka-password-file", s.write("password", []byte("first\n")))
	if err != nil {
		t.Fatal(err)
	}
	h := s.monitor(t, "rotated")
	h.setPassword("rotated", ScramSHA512, "first")
	h.start(func(o *Options) {
		o.Brokers, o.Dial = []string{s.address(loginListener)}, s.tls(link.NewDialer(), s.trusting()).DialContext
		o.Login = &Login{Mechanism: ScramSHA512, Username: "rotated", Password: secret.Text}
	})
	stop := h.appendSteadily()
	h.waitUntil("Kafka", h.phase(Connected))
	h.setPassword("rotated", ScramSHA512, "second")
	h.waitUntil("refusal", h.refusedWith(kerr.SaslAuthenticationFailed))
	s.write("password", []byte("second\n"))
	began := time.Now()
	h.waitUntil("return", h.phase(Connected))
	t.Logf("back %v after the file was right", time.Since(began).Round(time.Millisecond))
	h.finish(stop)
}

// tryNewCertificate: a certificate that was replaced is used for the next connection. The old
// one would be refused by then.
func (s *secureSite) tryNewCertificate(t *testing.T) {
	files := watchedFiles(t)
	own := s.trusting()
	const cp = "CP_002"
	const lifetime = 10 * time.Second // to be connected and to be written over
	h := s.monitor(t, "CN="+authority.ChargePointURI(cp))
	own.Pair = s.pair(files, "renewed", authority.CertificateRequest{URI: authority.ChargePointURI(cp), Lifetime: lifetime})
	expired := time.After(lifetime + time.Second)
	first := own.Pair.Certificate()
	g := newBrokerLink(link.NewDialer().DialContext)
	h.start(func(o *Options) {
		o.Brokers, o.Dial = []string{s.address(certListener)}, s.tls(linkDialer(g.Dial), own).DialContext
	})
	stop := h.appendSteadily()
	h.waitUntil("Kafka", h.phase(Connected))
	s.writePair("renewed", authority.CertificateRequest{URI: authority.ChargePointURI(cp)})
	h.waitUntil("the new certificate", func() bool { return own.Pair.Certificate() != first })
	<-expired
	g.cut()
	g.restore()
	h.finish(stop)
	h.checkNeverRefused()
}

// checkNeverRefused wants no outage for a certificate or a login. A busy broker that takes more
// than errorGrace for a handshake is away, too.
func (s *senderHarness) checkNeverRefused() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.statuses {
		if st.Phase == Away && slices.Contains([]evcp.Cause{evcp.SaidKO, evcp.TLS, evcp.OwnCertificate}, st.Cause) {
			s.t.Errorf("%s: away, because of %v", s.topic, st.Err)
		}
	}
}

// tryNewAuthority: the broker's certificate has expired, and another authority renews it. While
// it does, the Monitor trusts both, afterwards only the new one.
func (s *secureSite) tryNewAuthority(t *testing.T) {
	files := watchedFiles(t)
	renewer, err := authority.New("next site", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	path := s.write("trusted.pem", s.ca.CertPEM())
	roots, err := files.Roots("kafka-ca", path)
	if err != nil {
		t.Fatal(err)
	}
	trust := func(content []byte) {
		old := roots.Pool()
		s.write("trusted.pem", content)
		if !wait.Until(t.Context(), 20*time.Millisecond, func() bool { return roots.Pool() != old }) {
			t.Fatal("the file is not read")
		}
	}
	h := s.monitor(t, "ANONYMOUS")
	g := newBrokerLink(link.NewDialer().DialContext)
	h.start(func(o *Options) {
		o.Brokers, o.Dial = []string{s.address(expiredListener)}, s.tls(linkDialer(g.Dial), &credentials.Client{Roots: roots}).DialContext
	})
	stop := h.appendSteadily()
	h.waitUntil("refusal", func() bool { return strings.Contains(h.sender.Status().ErrorText(), "expired on") })
	trust(append(s.ca.CertPEM(), renewer.CertPEM()...))
	s.write("renewed.pem", s.pemOf(renewer, authority.CertificateRequest{Names: []string{"127.0.0.1"}}))
	h.configureBroker("listener.name.expired.ssl.keystore.location", filepath.Join(s.folder, "renewed.pem"))
	h.waitUntil("return", h.phase(Connected))
	trust(renewer.CertPEM())
	h.mu.Lock()
	h.statuses = nil // of the certificate that had expired
	h.mu.Unlock()
	g.cut()
	g.restore()
	h.finish(stop)
	h.checkNeverRefused()
}
