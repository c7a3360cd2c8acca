package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"evcp/internal/process"
	"evcp/internal/wait"
)

// Patience bounds every wait of this package. It is for what must come, however slow
// the machine: a test that needs it all has failed.
const Patience = 60 * time.Second

// selfVariable makes the test binary run its program instead of its tests.
const selfVariable = "EVCP_TEST_RUN_AS_PROGRAM"

// Main is the body of TestMain in a package that uses Self or Built:
//
//	func TestMain(m *testing.M) { testbed.Main(m, main) }
//
// In the child process of a Self it calls program, which is nil where there is no Self.
// Otherwise it runs the tests and exits.
//
// Child processes inherit that SIGHUP is ignored, as under nohup, but not a handler. So
// where it is ignored, the tests handle it.
func Main(m *testing.M, program func()) {
	if os.Getenv(selfVariable) != "" {
		program()
		os.Exit(0)
	}
	if signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	os.Exit(m.Run())
}

// Self is a call of the program that Main was given, in the running test binary. It
// needs no build, and its coverage is not counted.
func Self(tb testing.TB, args ...string) *exec.Cmd {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := command(tb, self, args)
	cmd.Env = append(cmd.Env, selfVariable+"=1", "GORACE="+os.Getenv("GORACE"))
	return cmd
}

// Built is a call of the program evcp/cmd/name, built static, as it is shipped.
func Built(tb testing.TB, name string, args ...string) *exec.Cmd {
	tb.Helper()
	once, _ := built.LoadOrStore(name, sync.OnceValues(func() (string, error) { return Build("evcp/cmd/" + name) }))
	dir, err := once.(func() (string, error))() //nolint:errcheck // nothing else is stored
	if err != nil {
		tb.Fatal(err)
	}
	return command(tb, filepath.Join(dir, name), args)
}

// command runs file in a new folder that is also its HOME, and with no variable that
// configures a program of ours. The caller may change all of it before the start; in
// Env the last value of a variable counts, and an empty one is as good as none.
func command(tb testing.TB, file string, args []string) *exec.Cmd {
	cmd := exec.Command(file, args...)
	cmd.Dir = tb.TempDir()
	cmd.Env = append(process.Env(cmd.Dir), "TERM=xterm")
	return cmd
}

var built sync.Map // from a program's name to its build, which is checked once

// Build builds main packages static, and gives the folder that has the programs. All test
// binaries share it, so that a program is linked once while its sources stay as they are:
// go build compares them.
func Build(packages ...string) (dir string, err error) {
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("folder of the module: %w", err)
	}
	dir = filepath.Join(filepath.Dir(strings.TrimSpace(string(mod))), ".cache", "test-programs")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	unlock, err := lockBuilds(filepath.Join(dir, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	cmd := exec.Command("go", append([]string{"build", "-o", dir + string(filepath.Separator)}, packages...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %v: %w\n%s", packages, err, out)
	}
	return dir, nil
}

// lockBuilds waits for other builds to end: two at once would both link.
func lockBuilds(file string) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, unix.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", file, err), f.Close())
		}
	}
}

// Subprocess is a program that a test has started. It is killed when the test ends;
// its output is then logged, if the test has failed. Any goroutine may call its
// methods; those that fail the test, only the test's own.
type Subprocess struct {
	Stdout, Stderr *Output // nil if the command had its own

	tb    testing.TB
	child *process.Child
}

// StartProcess starts cmd, which Self, Built or the test itself has made. Stdout and
// Stderr are collected unless cmd has its own, such as a terminal.
func StartProcess(tb testing.TB, cmd *exec.Cmd) *Subprocess {
	tb.Helper()
	p := &Subprocess{tb: tb}
	if cmd.Stdout == nil {
		p.Stdout = &Output{process: p}
		cmd.Stdout = p.Stdout
	}
	if cmd.Stderr == nil {
		p.Stderr = &Output{process: p}
		cmd.Stderr = p.Stderr
	}
	group := process.NewGroup()
	tb.Cleanup(func() {
		group.Close()
		if tb.Failed() {
			tb.Logf("output of %v:\n%s%s", cmd.Args, p.Stdout, p.Stderr)
		}
	})
	child, err := group.Start(filepath.Base(cmd.Path), "", cmd)
	if err != nil {
		tb.Fatal(err)
	}
	p.child = child
	return p
}

// RunProcess runs cmd to its end, and gives what it wrote and its exit code.
func RunProcess(tb testing.TB, cmd *exec.Cmd) (stdout, stderr string, code int) {
	tb.Helper()
	p := StartProcess(tb, cmd)
	code = p.Wait()
	return p.Stdout.String(), p.Stderr.String(), code
}

// Signal sends s; a process that has exited gets nothing.
func (p *Subprocess) Signal(s syscall.Signal) { p.child.Signal(s) }

// Wait waits for the exit, at most for Patience, and gives the exit code; -1 means that
// a signal ended the process.
func (p *Subprocess) Wait() (code int) {
	p.tb.Helper()
	select {
	case <-p.child.Exited():
		return p.child.ExitCode()
	case <-time.After(Patience):
		p.tb.Fatalf("%s did not exit within %s", p.child.Name, Patience)
		return -1
	}
}

// Terminate sends SIGTERM and waits. An exit code other than 0 fails the test.
func (p *Subprocess) Terminate() {
	p.tb.Helper()
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(); code != 0 {
		p.tb.Errorf("%s: exit code %d after SIGTERM", p.child.Name, code)
	}
}

// Output collects one stream of a Subprocess. It can be read while the process writes.
type Output struct {
	process *Subprocess

	mu   sync.Mutex
	text strings.Builder
	read int // up to where Line has read
}

// Write is for the process.
func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

// String is all that was written so far; "" for a nil Output.
func (o *Output) String() string {
	if o == nil {
		return ""
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Line waits for a line that contains text, and returns it without its newline. It
// begins behind the line that the last call returned. A text that ends with a newline
// matches the end of a line. The test fails when the process exits without such a
// line, or after Patience.
func (o *Output) Line(text string) string {
	tb := o.process.tb
	tb.Helper()
	line, found, exited := "", false, false
	Until(tb, fmt.Sprintf("a line with %q", text), func() bool {
		select {
		case <-o.process.child.Exited(): // all its output is collected
			exited = true
		default:
		}
		line, found = o.next(text)
		return found || exited
	})
	if !found {
		tb.Fatalf("%s exited, and no line contains %q", o.process.child.Name, text)
	}
	return strings.TrimSuffix(line, "\n")
}

// Lines waits, as Line does, for a line with each of the texts, in whatever order they come.
// The next call begins behind the last of them.
func (o *Output) Lines(texts ...string) {
	o.process.tb.Helper()
	begin, end := o.position(), 0
	for _, text := range texts {
		o.seek(begin)
		o.Line(text)
		end = max(end, o.position())
	}
	o.seek(end)
}

func (o *Output) position() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.read
}

func (o *Output) seek(position int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.read = position
}

// next reads on to the first whole line that contains text.
func (o *Output) next(text string) (line string, found bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for line := range strings.Lines(o.text.String()[o.read:]) {
		if !strings.HasSuffix(line, "\n") {
			break
		}
		o.read += len(line)
		if strings.Contains(line, text) {
			return line, true
		}
	}
	return "", false
}

// Until polls until ok, and fails the test after Patience; what names it in the error.
func Until(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	const every = 5 * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if !wait.Until(ctx, every, ok) {
		tb.Fatalf("%s did not happen in %s", what, Patience)
	}
}

// ForEachLostReader runs a test for each way to lose the reader of a program's output. start
// starts cmd with stdout and stderr on one pipe. Of "reader exited" only the first line is
// read, by head -n 1; of "nobody reads" nothing is, and the pipe is full from the beginning.
func ForEachLostReader(t *testing.T, test func(t *testing.T, start func(*exec.Cmd) *Subprocess)) {
	t.Helper()
	for _, name := range []string{"reader exited", "nobody reads"} {
		t.Run(name, func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _, _ = r.Close(), w.Close() }) // closed already, as a rule
			test(t, func(cmd *exec.Cmd) *Subprocess {
				head := exec.Command("head", "-n", "1")
				head.Stdin = r
				if name == "nobody reads" {
					fill(w)
				} else if err := head.Start(); err != nil {
					t.Fatal(err)
				}
				cmd.Stdout, cmd.Stderr = w, w
				p := StartProcess(t, cmd)
				err := w.Close()
				if name == "reader exited" {
					err = errors.Join(err, r.Close(), head.Wait())
				}
				if err != nil {
					t.Fatal(err)
				}
				return p
			})
		})
	}
}

// fill writes to a pipe that nobody reads until it takes no more.
func fill(w *os.File) {
	_ = w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	for {
		if _, err := w.Write(make([]byte, 512)); err != nil {
			return
		}
	}
}
