# shellcheck shell=bash
# Sourced by the other scripts: finds tools, and reports what is missing.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${EVCP_CACHE:-$root/.cache}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

golangci_version=v2.15.0

# skipped reports what a run leaves out, and appends it to the list that test.sh
# prints at its end. With CI=true it fails instead.
skipped() {
  if [[ ${CI:-} == true ]]; then
    echo "FAILED: $1. CI skips nothing; .ci/run installs it." >&2
    exit 1
  fi
  printf '\n***** SKIPPED: %s *****\n\n' "$1" >&2
  if [[ -n ${EVCP_TEST_SKIPPED:-} ]]; then
    echo "$1" >>"$EVCP_TEST_SKIPPED"
  fi
}

# taken succeeds if something listens on a port of 127.0.0.1.
taken() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

have() {
  command -v "$1" >/dev/null
}

# golangci prints the path of golangci-lint in the pinned version: in the cache, or in
# PATH. Other versions have other rules.
golangci() {
  local tool
  for tool in "$cache/bin/golangci-lint" "$(command -v golangci-lint || true)"; do
    if go version -m "$tool" 2>/dev/null | grep "golangci-lint/v2[[:space:]]$golangci_version" >/dev/null; then
      echo "$tool"
      return
    fi
  done
  return 1
}
