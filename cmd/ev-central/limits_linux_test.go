package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"evcp/internal/testbed"
)

// register registers a charge point on a new connection and returns the reply.
func register(address string) (conn net.Conn, reply string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err.Error()
	}
	_ = conn.SetDeadline(time.Now().Add(testbed.Patience))
	fmt.Fprint(conn, "EV_CP_M CP_001 registration request\n")
	buffer := make([]byte, 100)
	n, err := conn.Read(buffer)
	if err != nil {
		conn.Close()
		return nil, err.Error()
	}
	return conn, string(buffer[:n])
}

// TestPageHasDescriptorsLeft: with 64 open files and more Monitors than that, the page still
// answers, and the log says once what happens.
func TestPageHasDescriptorsLeft(t *testing.T) {
	monitors, pages := testbed.FreeAddr(t), testbed.FreeAddr(t)
	self := testbed.Self(t, "--listen", monitors, "--http", pages, "--state-dir", t.TempDir())
	limited := exec.Command("sh", append([]string{"-c", `ulimit -n 64 && exec "$0" "$@"`}, self.Args...)...)
	limited.Args[3] = self.Path
	limited.Env = self.Env
	p := testbed.StartProcess(t, limited)
	p.Stderr.Line("started")
	accepted := 0
	var conns []net.Conn
	defer func() {
		for _, conn := range conns {
			conn.Close()
		}
	}()
	for range 50 {
		conn, reply := register(monitors)
		if conn == nil {
			continue
		}
		conns = append(conns, conn)
		if strings.HasPrefix(reply, "Authentication successful") {
			accepted++
		}
	}
	if accepted != 32 {
		t.Errorf("%d connections of 64 files", accepted)
	}
	browser := http.Client{Timeout: testbed.Patience}
	resp, err := browser.Get("http://" + pages + "/healthz")
	if err != nil {
		t.Fatalf("the page is out of reach: %v", err)
	}
	resp.Body.Close()
	p.Terminate()
	if text := p.Stderr.String(); strings.Count(text, "closes new connections") != 1 || strings.Contains(text, "can't accept") {
		t.Errorf("the log is\n%s", text)
	}
}

// TestGoesOnInTheBackground: "stty tostop; ev-central &". A terminal that takes nothing from
// the background stops who writes to it; Central goes on.
func TestGoesOnInTheBackground(t *testing.T) {
	near, far := openTerminal(t)
	monitors := testbed.FreeAddr(t)
	self := testbed.Self(t, "--listen", monitors, "--http", "", "--state-dir", t.TempDir())
	pidFile := t.TempDir() + "/pid"
	shell := exec.Command("sh", append([]string{"-c", `stty tostop; set -m; "$0" "$@" & echo $! >"$PID_FILE"; read end`}, self.Args...)...)
	shell.Args[3] = self.Path
	shell.Env = append(slices.Clone(self.Env), "PID_FILE="+pidFile)
	shell.Stdin, shell.Stdout, shell.Stderr = far, far, far
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	go func() { // what it prints
		buffer := make([]byte, 4096)
		for {
			if _, err := near.Read(buffer); err != nil {
				return
			}
		}
	}()
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	testbed.Until(t, "a program in the background", func() bool {
		text, _ := os.ReadFile(pidFile)
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return pid > 0
	})
	t.Cleanup(func() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		_ = shell.Process.Kill()
		_ = shell.Wait()
	})
	testbed.Until(t, "an answer from the background", func() bool {
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && strings.Contains(string(stat), ") T ") {
			t.Fatal("Central is stopped, for it has written to the terminal")
		}
		conn, err := net.Dial("tcp", monitors)
		if err != nil {
			return false
		}
		conn.Close()
		conn, reply := register(monitors)
		if conn != nil {
			conn.Close()
		}
		return strings.HasPrefix(reply, "Authentication successful")
	})
}

// openTerminal opens a pseudo-terminal: near is what a person sees and types.
func openTerminal(t *testing.T) (near, far *os.File) {
	t.Helper()
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatalf("open a pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { near.Close() })
	fd := int(near.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if far, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	return near, far
}
