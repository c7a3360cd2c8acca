package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"evcp"
)

// drain takes all complete requests.
func drain(r *RequestDecoder) []Request {
	var all []Request
	for {
		one, ok := r.Next()
		if !ok {
			return all
		}
		all = append(all, one)
	}
}

// summary is all requests in short: id and verb, | for a line, ? for no message.
func summary(all []Request) string {
	var words []string
	for _, r := range all {
		word := "?"
		if r.Err == nil {
			word = string(r.CP) + ":" + r.Verb.String()
		}
		if r.Framing == Line {
			word += "|"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

const (
	check   = "EV_CP_M A health_check"
	failure = "EV_CP_M A ENGINE_FAILURE"

	quiet   = 20 * time.Millisecond // the end of raw text
	partial = time.Second           // for the rest of a message
)

func TestRequests(t *testing.T) {
	for _, c := range []struct {
		in      string
		at      string        // at once
		wait    time.Duration // then
		flushed string        // and after it
	}{
		{"", "", 0, ""},
		{check, "A:health_check", 0, ""},
		{check + "\n", "A:health_check|", 0, ""},
		{check + "\r\n", "A:health_check|", 0, ""},
		{check + " \r\n", "A:health_check|", 0, ""},
		{check + "\x00", "A:health_check", 0, ""},
		{"\r\n \x00" + check, "A:health_check", 0, ""},
		{check + check, "A:health_check A:health_check", 0, ""},
		{check + failure + "\n" + check, "A:health_check A:ENGINE_FAILURE| A:health_check", 0, ""},
		{check + "\n\n" + failure + "\n", "A:health_check| A:ENGINE_FAILURE|", 0, ""},
		{check + "E", "A:health_check", partial, "?"},
		{check[:10], "", partial, "?"},
		{check[:1], "", partial, "?"},
		{"EV_CP_M A heartbeat ", "", partial, "?"},
		{"EV_CP_M A heartbeat OK", "A:heartbeat", 0, ""},
		{"EV_CP_M ", "", partial, "?"},
		{"EV_CP_M A", "", partial, "?"},
		{"EV_CP_M \x1b health", "", quiet, "?"},
		{"GET / HTTP/1.1", "", quiet, "?"},
		{"\x02EV_CP_M A", "", partial, "?"},
		{check + "\x02", "A:health_check", partial, "?"},
		{check + "\v", "", quiet, "A:health_check"}, // a blank of another alphabet
		{check + "\v\n", "A:health_check|", 0, ""},
		{"hello", "", quiet, "?"},
		{"hello\n", "?|", 0, ""},
		{"hello\n" + check, "?| A:health_check", 0, ""},
		{check + "s", "", quiet, "?"},
		{check + "s\n", "?|", 0, ""},
		{"EV_CP_M A B health_check", "", quiet, "?"},
		{"EV_CP_M A\x1b", "", quiet, "?"},
		{"\xff\xfe", "", quiet, "?"},
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "?| ?|", 0, ""},
		{"\n\n\n", "", 0, ""},
	} {
		var r RequestDecoder
		if !r.Feed([]byte(c.in)) {
			t.Errorf("%q is too long", c.in)
		}
		if got := summary(drain(&r)); got != c.at {
			t.Errorf("%q: %s, want %s", c.in, got, c.at)
		}
		if got := r.Wait(); got != c.wait {
			t.Errorf("%q: wait %s, want %s", c.in, got, c.wait)
		}
		one, ok := r.Flush()
		if got := summary([]Request{one}[:count(ok)]); got != c.flushed {
			t.Errorf("%q: flushed %s, want %s", c.in, got, c.flushed)
		}
		if r.Wait() != 0 {
			t.Errorf("%q: bytes are held after Flush", c.in)
		}
	}
}

func count(ok bool) int {
	if ok {
		return 1
	}
	return 0
}

// TestBlanksAreNoRequest, and nothing to wait for after Flush: a server would wake every
// 20 ms for as long as the connection lasts.
func TestBlanksAreNoRequest(t *testing.T) {
	for _, s := range []string{" ", "\v", "\f", "\u00a0", "\u2028", "\x00", " \v\x00"} {
		var r RequestDecoder
		r.Feed([]byte(s))
		drain(&r)
		r.Flush()
		if r.Wait() != 0 {
			t.Errorf("%q: a server would wait for ever", s)
		}
	}
}

func TestRequestsTooLong(t *testing.T) {
	var r RequestDecoder
	if !r.Feed(bytes.Repeat([]byte("x"), MaxMessage)) {
		t.Error("MaxMessage bytes are not too long")
	}
	if r.Feed([]byte("x")) {
		t.Error("one more is")
	}
	if got := summary(drain(&r)); got != "" {
		t.Errorf("read as %s", got)
	}
	one, ok := r.Flush()
	if !ok || !errors.Is(one.Err, ErrUnknownMessage) {
		t.Errorf("flushed %+v", one)
	}
	checkLine(t, one.Err.Error())
	if !errors.Is(ErrTooLong, ErrUnknownMessage) {
		t.Error("too long is unknown too")
	}
}

// TestRequestsAnySplit: the same bytes give the same messages however they are cut.
func TestRequestsAnySplit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, want := anyRequests(t)
		var r RequestDecoder
		var got []Request
		for _, part := range parts(t, []byte(text)) {
			for len(part) > 0 { // a server reads at most half of what is held
				n := min(len(part), MaxMessage/2)
				if !r.Feed(part[:n]) {
					t.Fatalf("%q is too long", part)
				}
				got = append(got, drain(&r)...)
				part = part[n:]
			}
		}
		if r.Wait() != 0 {
			t.Fatalf("%q: %q stays", text, r.held)
		}
		if a, b := withoutLines(summary(got)), withoutLines(want); a != b {
			t.Fatalf("%q: %s, want %s", text, a, b)
		}
	})
}

// anyRequests are messages back to back, raw or as lines, and lines of their own that
// are no message: garbage right behind a raw message is only known at its end.
func anyRequests(t *rapid.T) (text, want string) {
	var b strings.Builder
	var all []Request
	for range rapid.IntRange(1, 40).Draw(t, "messages") {
		if rapid.IntRange(0, 9).Draw(t, "kind") == 0 {
			b.WriteString("\n" + rapid.SampledFrom([]string{"hello", "EV_CP_M", "EV_CP_M A heartbeat", "\xff"}).Draw(t, "garbage") + "\n")
			all = append(all, Request{Framing: Line, Err: ErrUnknownMessage})
			continue
		}
		k := rapid.SampledFrom(knownTexts).Draw(t, "message")
		id := rapid.SampledFrom([]string{"A", "EV_CP_M", "CP_001", "OK"}).Draw(t, "id")
		end := rapid.SampledFrom([]string{"", "\n", "\r\n", " ", "\x00"}).Draw(t, "end")
		fmt.Fprint(&b, sender, id, " ", string(k.text), end)
		all = append(all, Request{Message: Message{CP: evcp.CPID(id), Verb: k.verb, Status: k.status}})
	}
	return b.String(), summary(all)
}

func withoutLines(s string) string { return strings.ReplaceAll(s, "|", "") }

func FuzzRequests(f *testing.F) {
	for _, s := range noMessages {
		f.Add([]byte(s+check), len(s))
	}
	f.Add([]byte(check+failure+"\n"+check), 30)
	f.Add([]byte(strings.Repeat("x", 2*MaxMessage)), 1)
	f.Add([]byte(" \v\x00"), 1)
	f.Fuzz(func(t *testing.T, b []byte, at int) {
		at = max(0, min(at, len(b)))
		var r RequestDecoder
		for _, part := range [][]byte{b[:at], b[at:]} {
			r.Feed(part)
			if len(r.held) > MaxMessage {
				t.Fatalf("%d bytes are held", len(r.held))
			}
			checkRequests(t, drain(&r))
		}
		for range 2 * MaxMessage {
			one, ok := r.Flush()
			if !ok {
				break
			}
			checkRequests(t, append(drain(&r), one))
		}
		if w := r.Wait(); w != 0 {
			t.Errorf("%q: after Flush there is still %q to wait for", b, r.held)
		}
	})
}

func checkRequests(t *testing.T, all []Request) {
	t.Helper()
	for _, r := range all {
		if r.Err != nil {
			if !errors.Is(r.Err, ErrUnknownMessage) || r.Message != (Message{}) {
				t.Errorf("%+v", r)
			}
			checkLine(t, r.Err.Error())
			continue
		}
		if back, err := Parse([]byte(r.Message.String())); back != r.Message || err != nil {
			t.Errorf("%+v reads %+v, %v", r.Message, back, err)
		}
	}
}

func TestAppendReply(t *testing.T) {
	if got := string(AppendReply([]byte("x"), "OK", Request{})); got != "xOK" {
		t.Errorf("%q", got)
	}
	if got := string(AppendReply(nil, "KO unknown message", Request{Framing: Line})); got != "KO unknown message\n" {
		t.Errorf("%q", got)
	}
}
