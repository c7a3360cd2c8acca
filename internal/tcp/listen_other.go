//go:build !linux

package tcp

import "net"

// stopListening does nothing: only Linux ends listening by shutdown(2).
func stopListening(*net.TCPListener) {}
