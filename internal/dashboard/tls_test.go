package dashboard

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"evcp/internal/central"
	"evcp/internal/status"
	"evcp/internal/testbed"
)

// TestStreamOverTLS: the page's stream begins with everything and goes on, by TLS too; its
// write deadlines work, and it ends with the server.
func TestStreamOverTLS(t *testing.T) {
	c, err := central.New(central.Options{StateDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	certificates := testbed.NewCertificates(t)
	config := &tls.Config{Certificates: []tls.Certificate{certificates.Pair(certificates.Server("page"))}, MinVersion: tls.VersionTLS12}
	monitors, pages := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.1:0")
	page := New(Options{Central: c, Version: "test", Access: AccessRules{PublicBoard: true}})
	var deadline error
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		deadline = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute))
		page.ServeHTTP(w, r)
	})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var serving sync.WaitGroup
	ended := make([]error, 2)
	serving.Go(func() { ended[0] = c.Serve(ctx, monitors) })
	serving.Go(func() { ended[1] = Serve(ctx, status.WithTLS(pages, config), handler, time.Second) })
	client := http.Client{Transport: &http.Transport{TLSClientConfig: certificates.Client(), DisableKeepAlives: true}}
	resp, err := client.Get("https://" + pages.Addr().String() + "/api/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	frames := &frameReader{t: t, resp: resp, text: bufio.NewReader(resp.Body)}
	for _, want := range []string{"snapshot", "beat", "beat"} {
		if event, _ := frames.next(); event != want {
			t.Errorf("a frame %q, want %q", event, want)
		}
	}
	if deadline != nil {
		t.Errorf("no write deadline: %v", deadline)
	}
	stop()
	serving.Wait()
	if err := errors.Join(ended[0], ended[1], c.Close()); err != nil {
		t.Error(err)
	}
}
