#!/usr/bin/env bash
# What `make test` does: lint, and meanwhile every test once with the race detector,
# against kfake and, where java and mvn are installed, against a real Apache Kafka.
#
# It passes on a machine that has only Go. What it then skips, it lists at the end,
# on stderr after go test's last lines. With CI=true nothing may be skipped.
#
# Tests read EVCP_TEST_KAFKA (bootstrap address of a real broker; they may write to
# it but not freeze it, since packages share it), EVCP_TEST_PYTHON (a python that has
# kafka-python 2.0.2), EVCP_TEST_NODE (the node_modules of scripts/node) and
# EVCP_TEST_SKIPPED (a file to which they append what they skip). All but the last are used
# as they are if set beforehand.
set -euo pipefail
# shellcheck source=scripts/tools.sh
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
cd "$root"

EVCP_TEST_SKIPPED=$(mktemp)
export EVCP_TEST_SKIPPED
trap finish EXIT

# finish ends the lint of a run that was interrupted and the broker that start_kafka
# started, and lists what was skipped. The broker needs no clean stop, since its data is
# deleted.
finish() {
  if [[ -n ${lint:-} ]]; then
    pkill -P "$lint" || true
  fi
  if [[ -n ${KAFKA_DIR:-} ]]; then
    scripts/kafka.sh kill 2>/dev/null || true
    rm -rf "$KAFKA_DIR"
  fi
  if [[ -s $EVCP_TEST_SKIPPED ]]; then
    printf '\n***** SKIPPED in this run *****\n' >&2
    awk '!seen[$0]++ { print "  " $0 }' "$EVCP_TEST_SKIPPED" >&2
  fi
  rm -f "$EVCP_TEST_SKIPPED"
}

# start_kafka starts a broker for this run only, in a temporary folder and on free
# ports: runs at the same time do not meet, and no other data is touched.
start_kafka() {
  [[ -z ${EVCP_TEST_KAFKA:-} ]] || return 0
  if ! have java || ! have mvn; then
    skipped "the real Kafka: java or mvn is not installed"
    return
  fi
  export KAFKA_DIR KAFKA_PORT
  KAFKA_DIR=$(mktemp -d)
  KAFKA_PORT=$(free_port)
  scripts/kafka.sh start >"$KAFKA_DIR/address" &
  kafka=$!
}

# use_kafka waits for the broker that start_kafka has started.
use_kafka() {
  [[ -n ${kafka:-} ]] || return 0
  if wait "$kafka"; then
    EVCP_TEST_KAFKA=$(<"$KAFKA_DIR/address")
    export EVCP_TEST_KAFKA
    echo "real Kafka at $EVCP_TEST_KAFKA" >&2
  else
    skipped "the real Kafka: it did not start"
  fi
}

# free_port finds two adjacent free ports below the kernel's ephemeral range.
free_port() {
  local port
  for port in $(seq 19092 10 19992); do
    if ! taken "$port" && ! taken $((port + 1)); then
      echo "$port"
      return
    fi
  done
  echo "no two adjacent free ports from 19092 to 19993" >&2
  return 1
}

use_python() {
  if [[ -z ${EVCP_TEST_PYTHON:-} && -x $cache/venv/bin/python ]]; then
    export EVCP_TEST_PYTHON=$cache/venv/bin/python
  fi
  [[ -n ${EVCP_TEST_PYTHON:-} ]] || skipped "kafka-python: no EVCP_TEST_PYTHON"
  if [[ -z ${EVCP_TEST_NODE:-} && -d $cache/node/node_modules ]]; then
    export EVCP_TEST_NODE=$cache/node/node_modules
  fi
}

race=true
if [[ $(go env CGO_ENABLED) != 1 ]]; then
  skipped "the race detector: it needs a C compiler"
  race=false
fi

# golangci-lint runs go vet, too.
golangci >/dev/null || go vet ./...
# Lint takes what the tests leave of the processors: they mostly wait.
nice -n 19 scripts/lint.sh &
lint=$!
start_kafka
use_python
go build -race=$race ./internal/... # while the broker starts
use_kafka

# The race detector keeps each process for a second after its end, a minute over all of them.
export GORACE="atexit_sleep_ms=50 ${GORACE:-}"

# The packages with the longest tests come first, so that none of them runs on alone at the
# end. Three at once suit the smallest machine, as tests mostly wait; with four, two cores are
# late for what the fault campaign measures.
slowest=(./internal/{dashboard,outbox,kafka,simulation} ./cmd/ev-central ./faults
  ./internal/{monitor,probe,central,watch} . ./cmd/ev-cp-m)
failed=0
go test -race=$race -vet=off -count=1 -p 3 -parallel 5 -timeout 9m "${slowest[@]}" ./... || failed=1
wait "$lint" || { echo "FAILED: scripts/lint.sh" >&2; failed=1; }
lint=
((failed == 0)) # the exit code
