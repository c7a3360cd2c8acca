package cli_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"evcp/internal/cli"
	"evcp/internal/console"
	"evcp/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m, func() { cli.Main(patient) }) }

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
			if code := p.Wait(); code != codeOfThree || p.Stderr.String() != "done\n" {
				t.Errorf("exit %d, said %q", code, p.Stderr)
			}
		})
	}
}

// TestAProgramThatEndsByItself gets its arguments, without its name, and its own
// exit code.
func TestAProgramThatEndsByItself(t *testing.T) {
	out, _, code := testbed.RunProcess(t, testbed.Self(t, "--cups", "3"))
	if code != cli.ExitUsage || out != "--cups 3\n" {
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
