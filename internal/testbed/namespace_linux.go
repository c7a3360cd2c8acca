package testbed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
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
// test where NamespaceMissing says so.
func InNamespace(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inNamespace) != "" {
		IP(t, "link set lo up")
		return true
	}
	if err := NamespaceMissing(); err != nil {
		SkipMissing(t, err.Error())
	}
	cmd := Namespaced(exec.Command(os.Args[0], "-test.v", "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$"))
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("in a network namespace: %v\n%s", err, out)
	}
	return false
}

// NamespaceMissing says what this machine lacks for a network namespace; nil is nothing.
func NamespaceMissing() error {
	for _, program := range []string{"ip", "nsenter"} {
		if _, err := exec.LookPath(program); err != nil {
			return errors.New(program + " (iproute2, util-linux)")
		}
	}
	if err := Namespaced(exec.Command("true")).Run(); err != nil {
		return fmt.Errorf("network namespace: %w", err)
	}
	return nil
}

// Namespaced makes a command run as root of a new user, network and mount namespace.
func Namespaced(cmd *exec.Cmd) *exec.Cmd {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWNET | syscall.CLONE_NEWNS
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return cmd
}

// IP is RunIP in a test.
func IP(t *testing.T, commands string) {
	t.Helper()
	if err := RunIP(commands); err != nil {
		t.Fatal(err)
	}
}

// RunIP runs ip(8), one command for each line.
func RunIP(commands string) error {
	for line := range strings.Lines(commands) {
		if args := strings.Fields(line); len(args) > 0 {
			if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
				return fmt.Errorf("ip %s: %w\n%s", strings.TrimSpace(line), err, out)
			}
		}
	}
	return nil
}

// UseNameServer makes an address the only name server of the mount namespace of this
// process, which must be a new one: see Namespaced. folder takes a file.
func UseNameServer(address, folder string) error {
	const system = "/etc/resolv.conf"
	file := filepath.Join(folder, "resolv.conf")
	err := os.WriteFile(file, []byte("nameserver "+address+"\n"), 0o600)
	if err == nil {
		err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	}
	if err == nil {
		err = unix.Mount(file, system, "", unix.MS_BIND, "")
	}
	if err != nil {
		return fmt.Errorf("replace %s: %w", system, err)
	}
	return nil
}

// Namespace is a network namespace beside that of this process; another process holds it.
type Namespace struct {
	PID    int
	holder *exec.Cmd
}

// NewNamespace makes a Namespace until the end of the test, which runs InNamespace.
func NewNamespace(t *testing.T) *Namespace {
	t.Helper()
	n, err := openNamespace()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

func openNamespace() (*Namespace, error) {
	holder := Namespaced(exec.Command("sleep", "600"))
	holder.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := holder.Start(); err != nil {
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	return &Namespace{holder.Process.Pid, holder}, nil
}

// Close ends the process that holds the namespace.
func (n *Namespace) Close() {
	_ = n.holder.Process.Kill() // fails if it has ended
	_ = n.holder.Wait()
}

// NewNeighbour is OpenNeighbour until the end of the test, which runs InNamespace.
func NewNeighbour(t *testing.T) *Namespace {
	t.Helper()
	n, err := OpenNeighbour(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// OpenNeighbour makes a network between the namespace of this process, 10.9.0.1 on veth0, and
// another, 10.9.0.2 on veth1. Packets to others go there by default, and are dropped there.
// Close it.
func OpenNeighbour(ctx context.Context) (*Namespace, error) {
	n, err := openNamespace()
	if err != nil {
		return nil, err
	}
	if err := n.connect(ctx); err != nil {
		n.Close()
		return nil, err
	}
	return n, nil
}

func (n *Namespace) connect(ctx context.Context) error {
	err := RunIP(fmt.Sprintf(`link add veth0 type veth peer name veth1 netns %d
		addr add 10.9.0.1/24 dev veth0
		link set veth0 up
		route add default via 10.9.0.2`, n.PID))
	for _, command := range []string{"addr add 10.9.0.2/24 dev veth1", "link set veth1 up"} {
		if err == nil {
			err = n.Do("ip " + command)
		}
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if !wait.Until(ctx, time.Millisecond, func() bool { // a refusal comes from there
		_, err := net.DialTimeout("tcp", "10.9.0.2:1", time.Second)
		return errors.Is(err, syscall.ECONNREFUSED)
	}) {
		return errors.New("the network between two namespaces does not work")
	}
	return nil
}

// Run is Do in a test.
func (n *Namespace) Run(t *testing.T, command string) {
	t.Helper()
	if err := n.Do(command); err != nil {
		t.Fatal(err)
	}
}

// Do runs a shell command in the namespace.
func (n *Namespace) Do(command string) error {
	out, err := exec.Command("nsenter", "--net=/proc/"+strconv.Itoa(n.PID)+"/ns/net", "sh", "-c", command).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", command, err, out)
	}
	return nil
}

// Enter calls f on a thread in the namespace, to which the sockets belong that f makes. If the thread can't return, it stays locked
// and ends with the goroutine.
func (n *Namespace) Enter(f func() error) error {
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
