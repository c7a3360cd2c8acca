package testbed

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
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

// Run runs a command in the namespace.
func (n Namespace) Run(command ...string) {
	n.t.Helper()
	args := append([]string{"--net=/proc/" + strconv.Itoa(n.PID) + "/ns/net"}, command...)
	if out, err := exec.Command("nsenter", args...).CombinedOutput(); err != nil {
		n.t.Fatalf("%q: %v\n%s", command, err, out)
	}
}

// Listen listens in the namespace: a socket belongs to the one of the thread that made it.
func (n Namespace) Listen(address string) net.Listener {
	n.t.Helper()
	var l net.Listener
	err := n.enter(func() (err error) {
		l, err = net.Listen("tcp", address)
		return err
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return l
}

// enter calls f on a thread in the namespace. If the thread can't return, it stays locked
// and ends with the goroutine.
func (n Namespace) enter(f func() error) error {
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
