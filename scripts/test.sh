#!/usr/bin/env bash
# What `make test` means: vet, lint, then every test once more with the race
# detector, against kfake and, where java and mvn are, against a real Kafka.
#
# Passes on a machine that has only Go; what it then leaves out, it says before
# the tests. With CI=true whatever is missing is a failure. The last lines are
# go test's own.
#
# Tests read EVCP_TEST_KAFKA (bootstrap address of a real broker, theirs to fill
# but not to freeze: packages share it) and EVCP_TEST_PYTHON (a python that has
# kafka-python 2.0.2). Set beforehand, both are used as they are.
set -euo pipefail
# shellcheck source=scripts/tools.sh
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
cd "$root"

# use_kafka starts a broker of this run's own, in a temporary folder and on free
# ports, so that runs do not meet and nobody's data is touched.
use_kafka() {
  [[ -z ${EVCP_TEST_KAFKA:-} ]] || return 0
  if ! have java || ! have mvn; then
    skipped "the real Kafka: java or mvn is not installed"
    return
  fi
  export KAFKA_DIR KAFKA_PORT
  KAFKA_DIR=$(mktemp -d)
  KAFKA_PORT=$(free_port)
  trap 'end_kafka' EXIT
  if EVCP_TEST_KAFKA=$(scripts/kafka.sh start); then
    export EVCP_TEST_KAFKA
    echo "real Kafka at $EVCP_TEST_KAFKA" >&2
  else
    skipped "the real Kafka: it did not start"
  fi
}

# end_kafka need not be polite: the data goes too. Without a broker there is
# nothing to kill.
end_kafka() {
  scripts/kafka.sh kill 2>/dev/null || true
  rm -rf "$KAFKA_DIR"
}

# free_port finds a pair of ports, below the range from which the kernel lends.
free_port() {
  local port
  for port in $(seq 19092 10 19992); do
    if ! taken "$port" && ! taken $((port + 1)); then
      echo "$port"
      return
    fi
  done
  echo "no free pair of ports from 19092 to 19993" >&2
  return 1
}

taken() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

use_python() {
  if [[ -z ${EVCP_TEST_PYTHON:-} && -x $cache/venv/bin/python ]]; then
    export EVCP_TEST_PYTHON=$cache/venv/bin/python
  fi
  [[ -n ${EVCP_TEST_PYTHON:-} ]] || skipped "kafka-python: no EVCP_TEST_PYTHON"
}

race=true
if [[ $(go env CGO_ENABLED) != 1 ]]; then
  skipped "the race detector: it needs a C compiler"
  race=false
fi

echo "go vet" >&2
go vet ./...
scripts/lint.sh
use_python
use_kafka

# Two packages at once suit the smallest machine; deadlines in the tests are
# written for it.
go test -race=$race -count=1 -p 2 -timeout 9m ./...
