#!/bin/sh
# Writes an HAProxy configuration with the Monitor's checks of N engines on one port: every
# INTERVAL, three failures in a row, "OK" expected. HAProxy does not run without a listener; an
# abstract Unix socket takes no port.
#   sh haproxy.sh PORT [N INTERVAL_MS] > haproxy.cfg && haproxy -db -f haproxy.cfg
port=${1:?port of the engine} n=${2:-1} interval=${3:-1000}
cat <<CFG
global
    maxconn 2000
    nbthread 1
defaults
    mode tcp
    timeout connect $((interval * 9 / 10))ms
    timeout check $((interval * 9 / 10))ms
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
    default-server check inter ${interval}ms fall 3 rise 1
CFG
i=1
while [ "$i" -le "$n" ]; do
    echo "    server CP_$i 127.0.0.1:$port"
    i=$((i + 1))
done
