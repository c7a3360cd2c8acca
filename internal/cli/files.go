package cli

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	"evcp/internal/console"
	"evcp/internal/credentials"
	"evcp/internal/display"
	"evcp/internal/language"
	"evcp/internal/status"
)

// WatchFiles reads files again when they change, until end is called, and logs what people
// should know of them in a language, each once. Call end before the log's console is closed.
func WatchFiles(ctx context.Context, files *credentials.Store, log *slog.Logger, said language.Language) (end func()) {
	ctx, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		files.Watch(ctx, func(n credentials.Notice) { logNotice(log, said, n, time.Now()) })
	})
	return func() { stop(); watching.Wait() }
}

// fileWords are the sentences about files. Each begins with the setting that names the file.
var fileWords = struct {
	replaced, rejected, expires, expired, readable, unverified string
	fix, renew, protect, verify                                string // what to do
}{
	replaced:   "--%s: the file has changed, and what it holds now is in use",
	rejected:   "--%s: the file has changed, and can't be used; the old content stays in use: %s",
	expires:    "--%s: the certificate expires on %s, in %s",
	expired:    "--%s: the certificate expired on %s",
	readable:   "--%s: other users of this machine can read %s",
	unverified: "--%s: any certificate is accepted: anybody can pretend to be the other side",
	verify:     "Leave it out, and trust the right authority by the setting that ends in -ca.",
	fix:        "Correct the file: it is read again when it changes.",
	renew:      "Put a new certificate in its place: it is read again when it changes.",
	protect:    "Take the right from them: chmod o= %s",
}

func logNotice(log *slog.Logger, said language.Language, n credentials.Notice, now time.Time) {
	var text, do string
	level, shape := slog.LevelWarn, display.Note
	switch left := n.Until.Sub(now); {
	case n.Kind == credentials.Replaced:
		level, text = slog.LevelInfo, said.Sprintf(fileWords.replaced, n.Use)
	case n.Kind == credentials.Rejected:
		text, do, shape = said.Sprintf(fileWords.rejected, n.Use, n.Err), said.Text(fileWords.fix), display.Gone
	case n.Kind == credentials.Unverified:
		text, do, shape = said.Sprintf(fileWords.unverified, n.Use), said.Text(fileWords.verify), display.Failed
	case n.Kind == credentials.ReadableByOthers:
		text, do = said.Sprintf(fileWords.readable, n.Use, n.Path), said.Sprintf(fileWords.protect, n.Path)
	case left > 0:
		text, do = said.Sprintf(fileWords.expires, n.Use, n.Until.UTC().Format(time.DateOnly), display.Duration(left)), said.Text(fileWords.renew)
	default:
		text, do, shape = said.Sprintf(fileWords.expired, n.Use, n.Until.UTC().Format(time.DateOnly)), said.Text(fileWords.renew), display.Failed
	}
	attrs := []slog.Attr{console.Shape(shape)}
	if n.Path != "" {
		attrs = append(attrs, slog.String("file", n.Path))
	}
	if do != "" {
		attrs = append(attrs, slog.String("do", do))
	}
	log.LogAttrs(context.Background(), level, text, attrs...)
}

// ListenHTTP listens on the address of --http, by TLS if t asks for it; nil without one.
func ListenHTTP(ctx context.Context, address string, t *ServerTLS, files *credentials.Store) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	secure, err := t.Open(files)
	if err != nil {
		return nil, err
	}
	ln, err := Listen(ctx, address, "--http")
	if err != nil || secure == nil {
		return ln, err
	}
	return status.WithTLS(ln, secure.Config()), nil
}
