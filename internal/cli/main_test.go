package cli_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"evcp/internal/cli"
	"evcp/internal/console"
)

// begun is set in a process that is to be a program and no test.
const begun = "EVCP_TEST_LAUNCH"

func TestMain(m *testing.M) {
	if os.Getenv(begun) != "" {
		cli.Main(patient)
	}
	os.Exit(m.Run())
}

// codeOfThree is what patient ends with.
const codeOfThree = 3

// patient says how far it is, waits for the end, and then for a word on its
// standard input: a second signal must not cut it short.
func patient(ctx context.Context, args []string, stdout, stderr *os.File) int {
	if len(args) > 0 {
		fmt.Fprintln(stdout, strings.Join(args, " "))
		return cli.ExitUsage
	}
	fmt.Fprintln(stdout, "begun")
	<-ctx.Done()
	fmt.Fprintln(stdout, "ending")
	word, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Fprint(stderr, word)
	return codeOfThree
}

// program is this test's own file as another process.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), begun+"=1")
	return cmd
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit == nil {
		return 0
	}
	return exit.ExitCode()
}

// TestASignalEndsAProgramInOrder sends each signal, and once more while the
// program is ending.
func TestASignalEndsAProgramInOrder(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			cmd := program(t)
			in, err1 := cmd.StdinPipe()
			out, err2 := cmd.StdoutPipe()
			var said strings.Builder
			cmd.Stderr = &said
			if err := errors.Join(err1, err2, cmd.Start()); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			hears := func(want string) {
				t.Helper()
				if !lines.Scan() || lines.Text() != want {
					t.Errorf("heard %q, want %q", lines.Text(), want)
				}
			}
			for _, want := range []string{"begun", "ending"} {
				hears(want)
				if err := cmd.Process.Signal(s); err != nil {
					t.Error(err)
				}
			}
			if _, err := io.WriteString(in, "done\n"); err != nil {
				t.Error(err)
			}
			if code := exitCode(t, cmd.Wait()); code != codeOfThree || said.String() != "done\n" {
				t.Errorf("exit %d, said %q", code, said.String())
			}
		})
	}
}

// TestAProgramThatEndsByItself gets its arguments, without its name, and its own
// exit code.
func TestAProgramThatEndsByItself(t *testing.T) {
	out, err := program(t, "--cups", "3").Output()
	if code := exitCode(t, err); code != cli.ExitUsage || string(out) != "--cups 3\n" {
		t.Errorf("exit %d, said %q", code, out)
	}
}

// TestNoKeysAwayFromATerminal: nobody sits at a file.
func TestNoKeysAwayFromATerminal(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	keys, restore := cli.Keys(t.Context(), console.Open(console.Options{Out: f}))
	restore()
	if keys != nil {
		t.Error("keys of a file")
	}
}
