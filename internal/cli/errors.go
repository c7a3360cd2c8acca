package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"

	"evcp/internal/config"
	"evcp/internal/display"
	"evcp/internal/language"
	"evcp/internal/tcp"
)

// ExitError is an error that chooses the exit code. Err is nil if all of it is printed.
type ExitError struct {
	Code int
	Err  error
}

// UsageError is an error of the command line, or of a file that it names, that was found
// after the settings were loaded.
func UsageError(err error) error { return ExitError{ExitUsage, err} }

func (e ExitError) Error() string { return fmt.Sprint(e.Err) }

// In implements language.Translatable.
func (e ExitError) In(l language.Language) string { return l.Error(e.Err) }

// Unwrap is the error itself.
func (e ExitError) Unwrap() error { return e.Err }

// maxLines of an error are printed; more would scroll the first one away.
const maxLines = 20

// PrintError prints the error with which a program ends in l, on lines that fit, and
// returns its exit code.
func PrintError(stderr io.Writer, program string, l language.Language, err error) int {
	exit := exitOf(err)
	if exit.Err == nil {
		return exit.Code
	}
	if load, ok := errors.AsType[*config.LoadError](err); ok { // says all by itself
		fmt.Fprintln(stderr, l.Error(load))
		return exit.Code
	}
	lines := strings.Split(program+": "+l.Error(err), "\n")
	for _, line := range lines[:min(len(lines), maxLines)] {
		fmt.Fprintln(stderr, strings.Join(display.Wrap(line, display.Columns), "\n"))
	}
	if more := len(lines) - maxLines; more > 0 {
		fmt.Fprintln(stderr, l.Sprintf("and %d more.", more))
	}
	return exit.Code
}

// exitOf is the exit code of err, and with what is still to print of it.
func exitOf(err error) ExitError {
	if exit, ok := errors.AsType[ExitError](err); ok || err == nil {
		return exit
	}
	return ExitError{ExitFailed, err}
}

// Listen listens on the TCP address that a flag names. The error says what to do first.
func Listen(ctx context.Context, address, flag string) (net.Listener, error) {
	ln, err := tcp.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, PortError(err, address, flag)
	}
	return ln, nil
}

// PortError explains an error of listening on the address that a flag names; its second
// line is what to do first.
func PortError(err error, address, flag string) error {
	port := address[strings.LastIndexByte(address, ':')+1:]
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && port == "5000" && runtime.GOOS == "darwin":
		return language.Errorf("port 5000 is taken, most likely by macOS itself (AirPlay Receiver).\nSwitch that off in System Settings, or choose another port with %s", flag)
	case errors.Is(err, syscall.EADDRINUSE):
		return language.Errorf("port %s is taken by another program.\nStop that program, or choose another port with %s", port, flag)
	case errors.Is(err, syscall.EACCES):
		return language.Errorf("port %s is not allowed to this user.\nChoose one from 1024 on with %s", port, flag)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return language.Errorf("%s is no address of this machine.\nListen on all of them: %s :%s", address, flag, port)
	}
	return language.Errorf("listen on %s (%s): %w", address, flag, err)
}
