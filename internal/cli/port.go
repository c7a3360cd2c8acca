package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"syscall"
)

// Listen opens the TCP port that a flag names. The error says what to do first.
func Listen(ctx context.Context, address, flag string) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, PortError(err, address, flag)
	}
	return ln, nil
}

// PortError says why a program can't listen on the address that a flag names, and
// on a second line what to do first.
func PortError(err error, address, flag string) error {
	port := address[strings.LastIndexByte(address, ':')+1:]
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && port == "5000" && runtime.GOOS == "darwin":
		return fmt.Errorf("port 5000 is taken, most likely by macOS itself (AirPlay Receiver).\nSwitch that off in System Settings, or choose another port with %s", flag)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("port %s is taken by another program.\nStop that program, or choose another port with %s", port, flag)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("port %s is not allowed to this user.\nChoose one from 1024 on with %s", port, flag)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s is no address of this machine.\nListen on all of them: %s :%s", address, flag, port)
	}
	return fmt.Errorf("listen on %s (%s): %w", address, flag, err)
}
