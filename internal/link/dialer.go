package link

import (
	"net"
	"time"
)

// unacknowledged is how long the other machine may owe the receipt of what was
// sent before its connection counts as broken: a firewall that began to swallow
// everything, a cable that was pulled. No question is answered later than this.
const unacknowledged = 5 * time.Second

// NewDialer makes the Dialer of a program: the operating system's, with
// connections that notice when the other machine is gone.
func NewDialer() *net.Dialer {
	return &net.Dialer{
		Control: limitUnacknowledged,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 2,
		},
	}
}
