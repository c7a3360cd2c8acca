package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"evcp/internal/alert"
)

// dialFunc is how a connection is made; nil is package net's.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// sendMail sends one message to the addresses of a receiver. ctx bounds all of it, also a
// server that stops in the middle.
func sendMail(ctx context.Context, dial dialFunc, r alert.Receiver, m alert.IncidentMessage, s alert.Locale) error {
	msg, err := mailOf(r, m, s)
	if err != nil {
		return fmt.Errorf("%w: %s", errRefused, shown(r, err.Error()))
	}
	host, port, err := net.SplitHostPort(r.Mail.Server)
	if err != nil {
		return err
	}
	var conn net.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close() // the library forgets it after some errors
		}
	}()
	options := []mail.Option{
		mail.WithTimeout(sendTimeout), mail.WithTLSPolicy(mail.TLSMandatory), mail.WithoutNoop(),
		mail.WithDialContextFunc(func(ctx context.Context, network, _ string) (_ net.Conn, err error) {
			conn, err = dialMail(ctx, dial, network, host, port, r.Mail.TLS)
			return conn, err
		}),
	}
	if r.Mail.TLS || r.Mail.Plain { // STARTTLS is neither needed nor there
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	}
	if r.Mail.User != "" {
		how := mail.SMTPAuthAutoDiscover
		if r.Mail.TLS { // the library does not know that the connection is encrypted
			how = mail.SMTPAuthPlain
		}
		options = append(options, mail.WithSMTPAuth(how), mail.WithUsername(r.Mail.User), mail.WithPassword(r.Mail.Password))
	}
	client, err := mail.NewClient(host, options...)
	if err != nil {
		return errors.New(shown(r, err.Error()))
	}
	return mailError(ctx, r, client.DialAndSendWithContext(ctx, msg))
}

// mailError is an error of the library without secrets. What a server will never take is
// errRefused.
func mailError(ctx context.Context, r alert.Receiver, err error) error {
	until, _ := ctx.Deadline()
	text, _, _ := strings.Cut(textOf(err), ", affected ") // addresses follow
	switch refusal := (*mail.SendError)(nil); {
	case err == nil:
		return nil
	case !time.Now().Before(until): // the library may have made any error of it
		return errNoAnswer
	case errors.As(err, &refusal) && !refusal.IsTemp() && refusal.ErrorCode() >= 500:
		return fmt.Errorf("%w: %s", errRefused, shown(r, text))
	}
	return errors.New(shown(r, text))
}

// dialMail connects. Nothing on the connection takes longer than ctx.
func dialMail(ctx context.Context, dial dialFunc, network, host, port string, encrypted bool) (net.Conn, error) {
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	conn, err := dial(ctx, network, net.JoinHostPort(host, port))
	if err != nil {
		return nil, err
	}
	if until, ok := ctx.Deadline(); ok {
		err = conn.SetDeadline(until)
	}
	if err == nil && encrypted {
		secure := tls.Client(conn, &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12})
		if err = secure.HandshakeContext(ctx); err == nil {
			return secure, nil
		}
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func mailOf(r alert.Receiver, m alert.IncidentMessage, s alert.Locale) (*mail.Msg, error) {
	msg := mail.NewMsg()
	if err := errors.Join(msg.From(r.Mail.From), msg.To(r.Mail.To...)); err != nil {
		return nil, err
	}
	_, domain, _ := strings.Cut(r.Mail.From, "@")
	msg.SetMessageIDWithValue(m.ID + "@" + domain) // the same at each attempt
	msg.SetDateWithValue(m.At)
	msg.Subject(m.Title(s.Language))
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(mail.TypeTextPlain, m.Text(s.Language, s.Zone)+"\n")
	return msg, nil
}
