//go:build !linux

package link

import "net"

// stopListening does nothing: only Linux ends listening by shutdown(2).
func stopListening(*net.TCPListener) {}
