# shellcheck shell=bash
# Sourced by the other scripts: where the tools are, and what to do without one.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${EVCP_CACHE:-$root/.cache}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

golangci_version=v2.15.0

# skipped says loudly what a run leaves out. CI leaves out nothing, so that there
# it is the end.
skipped() {
  if [[ ${CI:-} == true ]]; then
    echo "FAILED: $1. CI skips nothing; .ci/run installs it." >&2
    exit 1
  fi
  printf '\n***** SKIPPED: %s *****\n\n' "$1" >&2
}

have() {
  command -v "$1" >/dev/null
}

# golangci prints the path of the pinned golangci-lint: the one in the cache, else
# the one in PATH. Another version has other rules and would find other things.
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
