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

// ErrNobody is a folder in which no process answers.
var ErrNobody = errors.New("no process answers")

// AskLimit is how long an answer is awaited.
const AskLimit = 5 * time.Second

const bodyLimit = 4 << 20 // with its headers

// Answer is what a process said.
type Answer struct {
	Code int // of HTTP
	Body []byte
}

// Ask asks the process that has the folder dir for one of Paths. ErrNobody means
// that there is none; any other error, that there is one and it did not answer
// as it should; os.ErrDeadlineExceeded, not within AskLimit.
//
// It speaks HTTP/1.0 by hand: net/http's own client would double what a Monitor
// pays for being asked (docs/decisions/0014), and none of it is needed for one
// question on one connection.
func Ask(ctx context.Context, dir, path string) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, AskLimit)
	defer cancel()
	c, err := Dial(ctx, dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return Answer{}, ErrNobody
	case err != nil:
		return Answer{}, fmt.Errorf("ask for %s: %w", path, err)
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	a, err := question(c, path)
	if err != nil {
		return Answer{}, fmt.Errorf("ask for %s: %w", path, err)
	}
	return a, nil
}

func question(c net.Conn, path string) (Answer, error) {
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.0\r\nHost: monitor\r\n\r\n"); err != nil {
		return Answer{}, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.LimitReader(c, bodyLimit)), nil)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return Answer{Code: resp.StatusCode, Body: body}, err
}
