package notify_test

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"evcp/internal/bubble"
	"evcp/internal/notify"
)

// mailServer speaks as much SMTP as is needed.
type mailServer struct {
	ln    net.Listener
	mu    sync.Mutex
	rcpt  string // the answer to RCPT TO; "" = it is taken; "hang" = none
	mails []string
}

func (s *site) listenMail(address string) *mailServer {
	s.t.Helper()
	ln, err := s.net.Listen(address)
	if err != nil {
		s.t.Fatal(err)
	}
	m := &mailServer{ln: ln}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go m.serve(conn)
		}
	}()
	return m
}

func (m *mailServer) serve(conn net.Conn) {
	defer conn.Close()
	fmt.Fprintf(conn, "220 mail ESMTP\r\n")
	in := bufio.NewReader(conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		switch verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " "); verb {
		case "EHLO":
			fmt.Fprintf(conn, "250-mail\r\n250 8BITMIME\r\n")
		case "RCPT":
			m.mu.Lock()
			answer := m.rcpt
			m.mu.Unlock()
			if answer == "hang" {
				_, _ = in.ReadString('\n') // until the other side ends it
				return
			}
			if answer == "" {
				answer = "250 OK"
			}
			fmt.Fprintf(conn, "%s\r\n", answer)
		case "DATA":
			fmt.Fprintf(conn, "354 go on\r\n")
			var mail strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				mail.WriteString(line)
			}
			m.mu.Lock()
			m.mails = append(m.mails, mail.String())
			m.mu.Unlock()
			fmt.Fprintf(conn, "250 queued\r\n")
		case "QUIT":
			fmt.Fprintf(conn, "221 bye\r\n")
			return
		default:
			fmt.Fprintf(conn, "250 OK\r\n")
		}
	}
}

func (m *mailServer) set(rcpt string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rcpt = rcpt
}

func (m *mailServer) got() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mails)
}

// A mail server that stops in the middle, and one that refuses an address, delay the mail and
// do not lose it.
func TestMail(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := newSite(t, func(o *notify.Options) {
			o.Receivers = receivers(t, "smtp://mail:25/?from=central@example.com&to=ana@example.com,eva@example.com&tls=none")
		})
		m := s.listenMail("mail:25")
		defer m.ln.Close()
		m.set("hang")
		a := s.watchOne("CP_001")
		defer a.stop()
		time.Sleep(12 * time.Second)
		a.status.Store("KO")
		time.Sleep(2 * time.Minute)
		if r := s.notify.Report().Receivers[0]; r.LastError != "no answer in 10s" || r.Waiting != 1 || r.Failed < 2 {
			t.Errorf("%+v", r)
		}
		m.set("550 no such user here")
		time.Sleep(2 * time.Minute)
		if r := s.notify.Report().Receivers[0]; !strings.HasSuffix(r.LastError, `550 "no such user here", 550 "no such user here"`) || r.Waiting != 1 || strings.Contains(r.LastError, "ana@example.com") {
			t.Errorf("%+v", r)
		}
		m.set("")
		time.Sleep(2 * time.Minute)
		mails := m.got()
		if len(mails) != 1 {
			t.Fatalf("%d mails", len(mails))
		}
		for _, want := range []string{"Subject: CP_001 faulted: says KO\r\n", "From: <central@example.com>\r\n", "To: <ana@example.com>, <eva@example.com>\r\n", "Message-ID: <946684845000000-1@example.com>\r\n", "Auto-Submitted: auto-generated\r\n", "Since 2000-01-01 00:00:15 UTC."} {
			if !strings.Contains(mails[0], want) {
				t.Errorf("no %q in\n%s", want, mails[0])
			}
		}
	})
}

// The address of a mail that TLS protects from the first byte, and a server without it.
func TestMailNeedsTLS(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := newSite(t, func(o *notify.Options) {
			o.Receivers = receivers(t, "smtps://mail:465/?from=central@example.com&to=ana@example.com\nsmtp://ana:S3CR3Tpw@mail:465/?from=central@example.com&to=ana@example.com")
		})
		m := s.listenMail("mail:465")
		defer m.ln.Close()
		for _, r := range s.notify.SendTest(t.Context()) {
			if r.Error == "" || strings.Contains(r.Error, "S3CR3T") {
				t.Errorf("%+v", r)
			}
			t.Log(r.Error)
		}
		if len(m.got()) != 0 {
			t.Error("a mail went without TLS")
		}
	})
}
