package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"

	"evcp/internal/config"
	"evcp/internal/console"
	"evcp/internal/testbed"
)

func TestMain(m *testing.M) {
	var times int
	testbed.Main(m, func() {
		Main(exampleProgram(&times), func(ctx context.Context, _ config.Invocation) error { return runExample(ctx, times) })
	})
}

// exitSlow is the exit code of a program that had to wait before it could end.
const exitSlow = 3

// runExample runs twice: until ctx ends, and until it has read a line. A second signal
// must not cut that short. Any other number of times is an error.
func runExample(ctx context.Context, times int) error {
	if times != 2 {
		fmt.Println("--times", times)
		return UsageError(errors.New("not twice"))
	}
	fmt.Println("begun")
	<-ctx.Done()
	fmt.Println("ending")
	line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Fprint(os.Stderr, line)
	return ExitError{Code: exitSlow}
}

// TestASignalEndsAProgramInOrder sends each signal, and once more while the
// program is ending.
func TestASignalEndsAProgramInOrder(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			cmd := testbed.Self(t)
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			p := testbed.StartProcess(t, cmd)
			for _, want := range []string{"begun", "ending"} {
				if line := p.Stdout.Line(""); line != want {
					t.Errorf("read %q, want %q", line, want)
				}
				p.Signal(s)
			}
			if _, err := io.WriteString(in, "done\n"); err != nil {
				t.Error(err)
			}
			if code := p.Wait(); code != exitSlow || p.Stderr.String() != "done\n" {
				t.Errorf("exit %d, said %q", code, p.Stderr)
			}
		})
	}
}

// TestAProgramThatEndsByItself gets its arguments, without its name; its error is printed
// and chooses the exit code.
func TestAProgramThatEndsByItself(t *testing.T) {
	out, said, code := testbed.RunProcess(t, testbed.Self(t, "--times", "3"))
	if code != ExitUsage || out != "--times 3\n" || said != "example: not twice\n" {
		t.Errorf("exit %d, said %q, %q", code, out, said)
	}
}

// TestNoKeysAwayFromATerminal: nobody presses keys at a file.
func TestNoKeysAwayFromATerminal(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	keys, restore := Keys(t.Context(), console.Open(console.Options{Out: f}))
	restore()
	if keys != nil {
		t.Error("keys of a file")
	}
}
