package testbed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"evcp/internal/wait"
)

// inNamespace is set in the process of a test that runs in a network namespace.
const inNamespace = "EVCP_TEST_NAMESPACE"

// InNamespace runs a test once more, in a process with a network of its own in which lo
// alone is up, and reports what came of it. It returns true in that process. It skips the
// test where the kernel does not allow it, or iproute2 is not installed.
func InNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inNamespace) != "" {
		IP(t, "link set lo up")
		return true
	}
	if _, err := exec.LookPath("ip"); err != nil {
		SkipMissing(t, "ip (iproute2)")
	}
	if err := namespaced(exec.Command("true")).Run(); err != nil {
		SkipMissing(t, "network namespace: "+err.Error())
	}
	cmd := namespaced(exec.Command(os.Args[0], "-test.v", "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$"))
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("in a network namespace: %v\n%s", err, out)
	}
	return false
}

// namespaced makes a command run as root of a new user and network namespace.
func namespaced(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return cmd
}

// IP runs ip(8), one command for each line.
func IP(t *testing.T, commands string) {
	t.Helper()
	for line := range strings.Lines(commands) {
		if args := strings.Fields(line); len(args) > 0 {
			if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
				t.Fatalf("ip %s: %v\n%s", line, err, out)
			}
		}
	}
}

// Namespace is a network namespace beside that of the test, which a process holds.
type Namespace struct {
	PID int
	t   *testing.T
}

// NewNamespace makes a Namespace until the end of the test, which runs InNamespace.
func NewNamespace(t *testing.T) Namespace {
	t.Helper()
	holder := namespaced(exec.Command("sleep", "600"))
	holder.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = holder.Process.Kill() // fails if it has ended
		_ = holder.Wait()
	})
	return Namespace{holder.Process.Pid, t}
}

// NewNeighbour makes a network between the namespace of the test, 10.9.0.1 on veth0, and
// another, 10.9.0.2 on veth1. Packets to others go there by default, and are dropped there.
func NewNeighbour(t *testing.T) Namespace {
	t.Helper()
	n := NewNamespace(t)
	IP(t, fmt.Sprintf(`link add veth0 type veth peer name veth1 netns %d
		addr add 10.9.0.1/24 dev veth0
		link set veth0 up
		route add default via 10.9.0.2`, n.PID))
	n.Run("ip", "addr", "add", "10.9.0.2/24", "dev", "veth1")
	n.Run("ip", "link", "set", "veth1", "up")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if !wait.Until(ctx, time.Millisecond, func() bool { // a refusal comes from there
		_, err := net.DialTimeout("tcp", "10.9.0.2:1", time.Second)
		return errors.Is(err, syscall.ECONNREFUSED)
	}) {
		t.Fatal("the network does not work")
	}
	return n
}

// Run runs a command in the namespace.
func (n Namespace) Run(command ...string) {
	n.t.Helper()
	args := append([]string{"--net=/proc/" + strconv.Itoa(n.PID) + "/ns/net"}, command...)
	if out, err := exec.Command("nsenter", args...).CombinedOutput(); err != nil {
		n.t.Fatalf("%q: %v\n%s", command, err, out)
	}
}

// Enter calls f on a thread in the namespace, to which the sockets belong that f makes. If the thread can't return, it stays locked
// and ends with the goroutine.
func (n Namespace) Enter(f func() error) error {
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		here, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			ended <- err
			return
		}
		defer func() { _ = here.Close() }()
		there, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", n.PID))
		if err != nil {
			ended <- err
			return
		}
		defer func() { _ = there.Close() }()
		if err = unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err == nil {
			err = f()
			if unix.Setns(int(here.Fd()), unix.CLONE_NEWNET) == nil {
				runtime.UnlockOSThread()
			}
		}
		ended <- err
	}()
	return <-ended
}
