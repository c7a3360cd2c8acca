package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"

	"evcp"

	"evcp/internal/central"
	"evcp/internal/folder"
	"evcp/internal/language"
	"evcp/internal/status"
)

// forgetPath is where a running Central takes forget, by DELETE, on the socket in its state
// folder: only the user of the process can open that. No TCP address serves it.
const forgetPath = "/api/v1/cps/"

// forgetTimeout bounds the request.
const forgetTimeout = 5 * time.Second

// forget removes a charge point: the Central that runs in the state folder does it; where
// none runs, it is removed from the folder.
func forget(ctx context.Context, dir string, id evcp.CPID, said language.Language, stdout io.Writer) error {
	known, err := askToForget(ctx, dir, id)
	if noCentral(err) {
		known, err = central.ForgetOnDisk(dir, id)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return language.Errorf("forget %s: no Central has kept anything in %s", id, dir)
	case errors.Is(err, folder.ErrInUse):
		return language.Errorf("forget %s: %w, and does not answer", id, err)
	case err != nil:
		return language.Errorf("forget %s: %w", id, err)
	case !known:
		return language.Errorf("forget %s: Central does not know it", id)
	}
	fmt.Fprintln(stdout, said.Sprintf("forgot %s and its history", id))
	return nil
}

// noCentral reports whether nobody answers in the folder.
func noCentral(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, status.ErrNotRunning)
}

// answersWithin is how long a Central that does its work needs at most to say that it runs.
const answersWithin = 2500 * time.Millisecond

// awake returns an error where the Central of a folder takes connections and answers none: its
// process is stopped, or hangs. What it answers is not looked at. Where none runs, noCentral is
// true of the error.
func awake(ctx context.Context, dir string) error {
	short, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	_, err := status.Get(short, dir, status.HealthPath)
	late := errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
	switch pid := central.PIDIn(dir); {
	case !late || ctx.Err() != nil:
		return err
	case pid == "":
		return language.Errorf("Central does not answer within %s: it stands still or its disk does", answersWithin.String())
	default:
		return language.Errorf("Central (process %s) does not answer within %s: it stands still or its disk does; %s lets a stopped one go on", pid, answersWithin.String(), "kill -CONT "+pid)
	}
}

func askToForget(ctx context.Context, dir string, id evcp.CPID) (known bool, err error) {
	if err := awake(ctx, dir); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, forgetTimeout)
	defer cancel()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return status.Dial(ctx, dir) },
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, "http://central"+forgetPath+url.PathEscape(string(id)), http.NoBody)
	if err != nil {
		return false, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusNoContent:
		return true, nil
	case http.StatusNotFound:
		return false, nil
	}
	var refusal struct{ Detail string }
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1000)).Decode(&refusal); err != nil {
		return false, fmt.Errorf("Central answers %s", resp.Status)
	}
	return false, errors.New(refusal.Detail)
}

// serveSocket takes commands on the socket in the state folder until ctx ends.
func (p *centralProcess) serveSocket(ctx context.Context) {
	mux := http.NewServeMux()
	mux.HandleFunc("DELETE "+forgetPath+"{id}", func(w http.ResponseWriter, r *http.Request) {
		id, err := evcp.ParseCPID(r.PathValue("id"))
		if err != nil {
			status.WriteProblem(w, http.StatusBadRequest, err)
			return
		}
		switch known, err := p.central.Forget(id); {
		case err != nil:
			status.WriteProblem(w, http.StatusServiceUnavailable, err)
		case !known:
			status.WriteError(w, http.StatusNotFound, "not known")
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	p.handleHistory(mux)
	p.handleStatus(mux)
	p.handleAccounts(mux)
	p.handleList(mux)
	p.handleAlertTest(mux)
	mux.Handle("GET "+status.HealthPath, p.page)
	mux.HandleFunc("/", status.NoSuchPath())
	p.socket.Serve(ctx, mux, func(err error) {
		p.console.Logger().Warn("the commands that ask a running Central do not reach this one; it is tried again", "error", err)
	})
}
