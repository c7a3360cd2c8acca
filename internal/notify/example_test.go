package notify_test

import (
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"evcp/internal/alert"
	"evcp/internal/notify"
	"evcp/internal/testbed"
)

// The receiver that docs/OPERATIONS.md shows takes what is genuine, and nothing else.
func TestExampleReceiver(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		testbed.SkipMissing(t, "python3")
	}
	page, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	script := regexp.MustCompile("(?s)```python\n(.*?)```").FindSubmatch(page)
	if script == nil {
		t.Fatal("there is no example")
	}
	address := testbed.FreeAddr(t)
	_, port, _ := strings.Cut(address, ":")
	cmd := exec.Command(python, "-c", string(script[1]), port)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	end := func() {
		if !ended {
			ended = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // it was killed
		}
	}
	t.Cleanup(end)
	for until := time.Now().Add(testbed.Patience); ; time.Sleep(50 * time.Millisecond) {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			break
		} else if time.Now().After(until) {
			t.Fatal(err)
		}
	}
	list := receivers(t, "webhook+http://"+address+"/#0123456789abcdef\nwebhook+http://"+address+"/#another key, as long")
	results := notify.SendTest(t.Context(), list(), func(string) alert.Locale { return alert.Locale{Zone: time.UTC} }, nil)
	end()
	if results[0].Error != "" || results[1].Error != "401 Unauthorized" || said.String() != "Test: EV_Central can reach you\n" {
		t.Errorf("%+v, said %q", results, said.String())
	}
}
