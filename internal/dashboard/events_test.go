package dashboard

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"evcp/internal/bubble"
	"evcp/internal/central"
	"evcp/internal/simnet"
)

// frameReader reads server-sent events.
type frameReader struct {
	t    *testing.T
	resp *http.Response
	text *bufio.Reader
}

func (s *testServer) frames() *frameReader {
	s.t.Helper()
	resp, err := http.Get(s.url + "api/v1/events")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { resp.Body.Close(); http.DefaultClient.CloseIdleConnections() })
	return &frameReader{t: s.t, resp: resp, text: bufio.NewReader(resp.Body)}
}

type frame struct {
	Now     float64
	Started float64
	Listen  string
	CPs     []struct {
		CP       string `json:"cp_id"`
		State    string
		Reported string `json:"reported_state"`
	}
	Changes []struct {
		CP string `json:"cp_id"`
		To string
	}
}

func (f *frameReader) next() (event string, data frame) {
	f.t.Helper()
	for {
		line, err := f.text.ReadString('\n')
		if err != nil {
			f.t.Fatal(err)
		}
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			event = strings.TrimSpace(name)
		}
		if body, ok := strings.CutPrefix(line, "data: "); ok {
			if err := json.Unmarshal([]byte(body), &data); err != nil {
				f.t.Fatal(err)
			}
		}
		if line == "\n" {
			return event, data
		}
	}
}

// waitFor reads frames until one fits.
func (f *frameReader) waitFor(what string, right func(event string, data frame) bool) frame {
	f.t.Helper()
	for range 200 { // a frame comes at least once a second
		if event, data := f.next(); right(event, data) {
			return data
		}
	}
	f.t.Fatal("not among 200 frames: " + what)
	return frame{}
}

func TestStreamBeginsWithEverythingAndGoesOn(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	conn := s.monitor("EV_CP_M CP_001 registration request")
	f := s.frames()
	event, first := f.next()
	if event != "snapshot" || len(first.CPs) != 1 || first.Listen != s.monitors || first.Started == 0 {
		t.Fatalf("began with %s %+v", event, first)
	}
	s.send(conn, "EV_CP_M CP_001 ENGINE_FAILURE")
	fault := f.waitFor("the fault", func(event string, d frame) bool { return event == "delta" && len(d.Changes) > 0 })
	if fault.CPs[0].State != "faulted" || fault.Changes[0].To != "faulted" {
		t.Errorf("%+v", fault)
	}
	f.waitFor("a beat when nothing happens", func(event string, d frame) bool { return event == "beat" && d.Now > 0 })
}

// A browser that stopped reading gets one snapshot when it reads again, not all frames in
// between.
func TestSlowBrowserGetsASnapshot(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	conn := s.monitor("EV_CP_M CP_001 registration request")
	d := New(Options{Central: s.central, Version: "test", Access: AccessRules{PublicBoard: true}})
	w := &recordingWriter{header: http.Header{}}
	st := &eventStream{cache: d.frames, w: w, control: http.NewResponseController(w)}
	if _, err := st.next(); err != nil {
		t.Fatal(err)
	}
	const many = 8200 // twice as many changes, more than Central holds
	for range many {
		s.send(conn, "EV_CP_M CP_001 ENGINE_FAILURE", "EV_CP_M CP_001 ENGINE_RECOVERED")
	}
	s.send(conn, "EV_CP_M CP_001 ENGINE_FAILURE")
	w.frames = nil
	for len(w.frames) < 2 { // the second comes after keepAlive without a change
		again, err := st.next()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(max(again, frameInterval))
	}
	if !strings.HasPrefix(w.frames[0], "event: snapshot\n") || !strings.Contains(w.frames[0], `"state":"faulted"`) || len(w.frames[0]) > 40_000 {
		t.Errorf("%d bytes after many changes: %.300s", len(w.frames[0]), w.frames[0])
	}
	if !strings.HasPrefix(w.frames[1], "event: beat\n") {
		t.Errorf("then %.80s", w.frames[1])
	}
}

type recordingWriter struct {
	header http.Header
	frames []string
}

func (w *recordingWriter) Header() http.Header              { return w.header }
func (w *recordingWriter) WriteHeader(int)                  {}
func (w *recordingWriter) FlushError() error                { return nil }
func (w *recordingWriter) SetWriteDeadline(time.Time) error { return nil }
func (w *recordingWriter) Write(b []byte) (int, error) {
	w.frames = append(w.frames, string(b))
	return len(b), nil
}

func TestTooManyPages(t *testing.T) {
	s := startTestServer(t, central.Options{}, anyPort, anyPort)
	d := New(Options{Central: s.central, Version: "test", Access: AccessRules{PublicBoard: true}})
	for range maxStreams {
		d.streams <- struct{}{}
	}
	w := &recordingWriter{header: http.Header{}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	d.ServeHTTP(w, req)
	if got := fmt.Sprint(w.frames); !strings.Contains(got, "too many pages") || w.header.Get("Retry-After") == "" {
		t.Errorf("answered %s", got)
	}
}

// timedWriter is a recordingWriter that sends the time of each frame with a text.
type timedWriter struct {
	recordingWriter
	text  string
	times chan time.Time
}

func (w *timedWriter) Write(b []byte) (int, error) {
	if strings.Contains(string(b), w.text) {
		w.times <- time.Now()
	}
	return w.recordingWriter.Write(b)
}

// However soon after the frame before a fault comes, it is sent within frameInterval.
func TestFaultIsSentWithinAFrameInterval(t *testing.T) {
	for _, after := range []time.Duration{0, time.Millisecond, 99 * time.Millisecond, 100 * time.Millisecond, time.Second, 90 * time.Second} {
		bubble.Run(t, func(t *testing.T) {
			c, err := central.New(central.Options{})
			if err != nil {
				t.Fatal(err)
			}
			network := &simnet.Net{}
			ln, err := network.Listen("central:5000")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var serving sync.WaitGroup
			serving.Go(func() {
				if err := c.Serve(ctx, ln); err != nil {
					t.Error(err)
				}
			})
			conn, err := network.DialContext(ctx, "tcp", "central:5000")
			if err != nil {
				t.Fatal(err)
			}
			s := &testServer{t: t}
			w := &timedWriter{recordingWriter{header: http.Header{}}, "event: delta", make(chan time.Time, 100)}
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/events", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			serving.Go(func() {
				New(Options{Central: c, Version: "test", Access: AccessRules{PublicBoard: true}}).ServeHTTP(w, req)
			})
			synctest.Wait()
			s.send(conn, "EV_CP_M CP_001 registration request")
			frame := <-w.times
			time.Sleep(after)
			reported := time.Now()
			s.send(conn, "EV_CP_M CP_001 ENGINE_FAILURE")
			if took := (<-w.times).Sub(reported); took > frameInterval || frame.After(reported) {
				t.Errorf("%s after a frame a fault was reported, and sent %s later", after, took)
			}
			cancel()
			serving.Wait()
		})
	}
}
