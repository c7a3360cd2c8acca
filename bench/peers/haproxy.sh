#!/bin/sh
# Writes an HAProxy configuration with the Monitor's checks of one engine: every second,
# three failures in a row, "OK" expected. HAProxy does not run without a listener; an
# abstract Unix socket takes no port.
#   sh haproxy.sh PORT > haproxy.cfg && haproxy -db -f haproxy.cfg
port=${1:?port of the engine}
cat <<CFG
global
    maxconn 2000
    nbthread 1
defaults
    mode tcp
    timeout connect 900ms
    timeout check 900ms
    timeout client 1s
    timeout server 1s
frontend unused
    bind abns@ev-cp-m-bench-$port
    default_backend engines
backend engines
    option tcp-check
    tcp-check connect
    tcp-check send "EV_CP_M CP_001 health_check"
    tcp-check expect min-recv 2 rstring ^OK
    server CP_1 127.0.0.1:$port check inter 1s fall 3 rise 1
CFG
