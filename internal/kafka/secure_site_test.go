package kafka

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"evcp/internal/authority"
	"evcp/internal/credentials"
	"evcp/internal/link"
	"evcp/internal/testbed"
)

// The listeners of scripts/kafka.sh with KAFKA_SECURE, by the distance of their ports.
const (
	loginListener   = 2
	certListener    = 3
	expiredListener = 4
	openListener    = 5
)

// reauthentication is after what time the broker asks for a login again.
const reauthentication = 4 * time.Second

// secureSite is an Apache Kafka with TLS and logins, its authority and its token server.
type secureSite struct {
	t      *testing.T
	broker *ownBroker
	ca     *authority.Authority
	folder string            // for certificates and secrets, also the Monitors'
	signer *ecdsa.PrivateKey // of tokens

	tokens        *httptest.Server
	tokenLifetime atomic.Int64 // in seconds

	mu     sync.Mutex
	served []string // tokens
}

func newSecureSite(t *testing.T) *secureSite {
	t.Helper()
	if os.Getenv("EVCP_TEST_KAFKA") == "" {
		testbed.SkipMissing(t, "real Kafka (EVCP_TEST_KAFKA)")
	}
	s := &secureSite{t: t, folder: t.TempDir()}
	var err error
	if s.ca, err = authority.New("site", time.Now()); err != nil {
		t.Fatal(err)
	}
	if s.signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	s.write("server.pem", s.pemOf(s.ca, authority.CertificateRequest{Names: []string{"127.0.0.1"}}))
	s.write("expired.pem", s.pemOf(s.ca, authority.CertificateRequest{Names: []string{"127.0.0.1"}, Now: time.Now().Add(-48 * time.Hour), Lifetime: time.Hour}))
	s.write("clients.pem", s.ca.CertPEM())
	s.write("ca.pem", s.ca.CertPEM())
	s.write("jwks.json", s.jwks())
	s.broker = startBroker(t, "KAFKA_SECURE="+s.folder)
	s.tokenLifetime.Store(3600)
	s.tokens = httptest.NewTLSServer(http.HandlerFunc(s.serveToken))
	t.Cleanup(s.tokens.Close)
	return s
}

// write replaces a file, as careful programs do, and returns its path.
func (s *secureSite) write(name string, content []byte) (path string) {
	s.t.Helper()
	path = filepath.Join(s.folder, name)
	if err := errors.Join(os.WriteFile(path+".new", content, 0o600), os.Rename(path+".new", path)); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func (s *secureSite) issue(of *authority.Authority, r authority.CertificateRequest) authority.Issued {
	s.t.Helper()
	issued, err := of.Issue(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return issued
}

// writePair writes a certificate and its key to two files, as Monitors read them.
func (s *secureSite) writePair(name string, r authority.CertificateRequest) (certificate, key string) {
	s.t.Helper()
	issued := s.issue(s.ca, r)
	return s.write(name+".pem", issued.CertPEM), s.write(name+".key", issued.KeyPEM)
}

// pair opens such files.
func (s *secureSite) pair(files *credentials.Store, name string, r authority.CertificateRequest) *credentials.KeyPair {
	s.t.Helper()
	certificate, key := s.writePair(name, r)
	pair, err := files.KeyPair("kafka-cert", certificate, key)
	if err != nil {
		s.t.Fatal(err)
	}
	return pair
}

// watchedFiles are read again when they change, until the test ends.
func watchedFiles(t *testing.T) *credentials.Store {
	t.Helper()
	files := &credentials.Store{}
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { files.Watch(ctx, func(credentials.Notice) {}) })
	t.Cleanup(func() {
		cancel()
		watching.Wait()
	})
	return files
}

// linkDialer is a function as a link.Dialer.
type linkDialer func(ctx context.Context, network, address string) (net.Conn, error)

func (d linkDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return d(ctx, network, address)
}

// finish wants all events on the topic, once no more come.
func (s *senderHarness) finish(stop func() (rounds int)) {
	s.t.Helper()
	rounds := stop()
	s.waitUntil("delivery", s.delivered)
	s.checkComplete(s.seqs(3 * rounds))
}

// configureBroker changes a setting of the broker while it runs.
func (s *senderHarness) configureBroker(name, value string) {
	s.t.Helper()
	req := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r := kmsg.NewIncrementalAlterConfigsRequestResource()
	r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeBroker, "1"
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name, c.Value = name, &value
	r.Configs = append(r.Configs, c)
	req.Resources = append(req.Resources, r)
	s.administer(req)
}

// safeBuffer is what several goroutines write.
type safeBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// pemOf is a certificate and its key in one file, as Kafka reads them.
func (s *secureSite) pemOf(of *authority.Authority, r authority.CertificateRequest) []byte {
	s.t.Helper()
	issued := s.issue(of, r)
	return append(issued.KeyPEM, issued.CertPEM...)
}

// address is that of a listener.
func (s *secureSite) address(listener int) string {
	host, port, _ := net.SplitHostPort(s.broker.address)
	n, _ := strconv.Atoi(port)
	return net.JoinHostPort(host, strconv.Itoa(n+listener))
}

// tls is a dialer for TLS with the files of a client.
func (s *secureSite) tls(tcp link.Dialer, c *credentials.Client) *link.TLSDialer {
	return &link.TLSDialer{Dialer: tcp, Config: c.Config}
}

// trusting is the client of the site's authority without a certificate of its own.
func (s *secureSite) trusting() *credentials.Client {
	s.t.Helper()
	var files credentials.Store
	roots, err := files.Roots("kafka-ca", filepath.Join(s.folder, "ca.pem"))
	if err != nil {
		s.t.Fatal(err)
	}
	return &credentials.Client{Roots: roots}
}

// monitor is a sender for a principal that may describe and write its own topic, and nothing
// else.
func (s *secureSite) monitor(t *testing.T, principal string) *senderHarness {
	t.Helper()
	h := newFixture(t, s.broker.address)
	topic := newTopic(h.topic, nil)
	topic.NumPartitions, topic.ReplicationFactor = 2, 1
	h.createTopic(topic)
	for _, o := range []kmsg.ACLOperation{kmsg.ACLOperationDescribe, kmsg.ACLOperationWrite} {
		rule := access(kmsg.ACLResourceTypeTopic, h.topic, o, kmsg.ACLPermissionTypeAllow)
		rule.Principal = "User:" + principal
		h.addRules(rule)
	}
	return h
}

// setPassword sets the SCRAM password of a user (RFC 5802).
func (s *senderHarness) setPassword(user, mechanism, password string) {
	s.t.Helper()
	const iterations = 4096
	number, size, algorithm := int8(1), sha256.Size, sha256.New
	if mechanism == ScramSHA512 {
		number, size, algorithm = 2, sha512.Size, sha512.New
	}
	u := kmsg.NewAlterUserSCRAMCredentialsRequestUpsertion()
	u.Name, u.Mechanism, u.Iterations, u.Salt = user, number, iterations, []byte(rand.Text())
	var err error
	if u.SaltedPassword, err = pbkdf2.Key(algorithm, password, u.Salt, iterations, size); err != nil {
		s.t.Fatal(err)
	}
	req := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	req.Upsertions = append(req.Upsertions, u)
	s.administer(req)
	cl := s.client()
	defer cl.Close()
	s.waitUntil("password", func() bool {
		req := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
		of := kmsg.NewDescribeUserSCRAMCredentialsRequestUser()
		of.Name = user
		req.Users = append(req.Users, of)
		resp, err := req.RequestWith(s.t.Context(), cl)
		has := func(c kmsg.DescribeUserSCRAMCredentialsResponseResultCredentialInfo) bool {
			return c.Mechanism == number
		}
		return err == nil && len(resp.Results) == 1 && slices.ContainsFunc(resp.Results[0].CredentialInfos, has)
	})
}

// jwks is the public key of the tokens (RFC 7517).
func (s *secureSite) jwks() []byte {
	point, err := s.signer.PublicKey.Bytes()
	if err != nil {
		s.t.Fatal(err)
	}
	x, y := point[1:33], point[33:]
	text, _ := json.Marshal(map[string]any{"keys": []any{map[string]string{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1", "x": base64url(x), "y": base64url(y),
	}}})
	return text
}

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// token is a signed one (RFC 7519).
func (s *secureSite) token(subject, audience string, lifetime time.Duration) string {
	now := time.Now()
	claims, _ := json.Marshal(map[string]any{"sub": subject, "aud": audience, "iat": now.Unix(), "exp": now.Add(lifetime).Unix(), "scope": "write"})
	text := base64url([]byte(`{"alg":"ES256","kid":"1"}`)) + "." + base64url(claims)
	digest := sha256.Sum256([]byte(text))
	r, v, err := ecdsa.Sign(rand.Reader, s.signer, digest[:])
	if err != nil {
		panic(err)
	}
	return text + "." + base64url(append(r.FillBytes(make([]byte, 32)), v.FillBytes(make([]byte, 32))...))
}

// tokenSecret is the client secret of every client.
const tokenSecret = "client-secret-1"

// serveToken answers with a token whose subject is the client. A scope is its audience.
func (s *secureSite) serveToken(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	w.Header().Set("Content-Type", "application/json")
	if secret != tokenSecret {
		w.WriteHeader(http.StatusUnauthorized)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_client"})
		return
	}
	audience := r.FormValue("scope")
	if audience == "" {
		audience = "kafka"
	}
	lifetime := s.tokenLifetime.Load()
	token := s.token(id, audience, time.Duration(lifetime)*time.Second)
	s.mu.Lock()
	s.served = append(s.served, token)
	s.mu.Unlock()
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": lifetime})
}

func (s *secureSite) tokensServed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.served)
}

// tokenClient is the client robot of the token server.
func (s *secureSite) tokenClient(secret string) *TokenClient {
	roots := x509.NewCertPool()
	roots.AddCert(s.tokens.Certificate())
	return &TokenClient{URL: s.tokens.URL, ClientID: "robot", Secret: func() string { return secret }, TLS: func() (*tls.Config, error) {
		return &tls.Config{RootCAs: roots}, nil
	}}
}

func (c *TokenClient) login() *Login {
	return &Login{Mechanism: OAuthBearer, Token: c.Token, Refused: c.Forget}
}

func withPassword(mechanism, user, password string) *Login {
	return &Login{Mechanism: mechanism, Username: user, Password: func() string { return password }}
}
