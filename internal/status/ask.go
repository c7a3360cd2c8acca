package status

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"
	"time"
)

// ErrNotRunning is a folder in which no process answers.
var ErrNotRunning = errors.New("no process answers")

// GetTimeout is how long an answer is awaited.
const GetTimeout = 5 * time.Second

const bodyLimit = 4 << 20 // with its headers

// HTTPResponse is what a process said.
type HTTPResponse struct {
	Code int // of HTTP
	Body []byte
}

// Get asks the process that has the folder dir for one of Paths. ErrNotRunning means
// that there is none; any other error, that there is one and it did not answer
// as it should; os.ErrDeadlineExceeded, not within GetTimeout.
//
// It speaks HTTP/1.0 by hand: net/http's own client would double what a Monitor
// pays for being asked (docs/decisions/0014), and none of it is needed for one
// question on one connection.
func Get(ctx context.Context, dir, path string) (HTTPResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, GetTimeout)
	defer cancel()
	c, err := Dial(ctx, dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return HTTPResponse{}, ErrNotRunning
	case err != nil:
		return HTTPResponse{}, fmt.Errorf("ask for %s: %w", path, err)
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	a, err := question(c, path)
	if err != nil {
		return HTTPResponse{}, fmt.Errorf("ask for %s: %w", path, err)
	}
	return a, nil
}

func question(c net.Conn, path string) (HTTPResponse, error) {
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.0\r\nHost: monitor\r\n\r\n"); err != nil {
		return HTTPResponse{}, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.LimitReader(c, bodyLimit)), nil)
	if err != nil {
		return HTTPResponse{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return HTTPResponse{Code: resp.StatusCode, Body: body}, err
}
