#!/usr/bin/env bash
# Reads the code as CI does: golangci-lint by .golangci.yml, shellcheck over
# every script. The tools are pinned or Debian's; without them it says so.
set -euo pipefail
# shellcheck source=scripts/tools.sh
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
cd "$root"

if tool=$(golangci); then
  echo "golangci-lint run" >&2
  "$tool" run ./...
else
  skipped "golangci-lint $golangci_version is not installed"
fi

if have shellcheck; then
  echo "shellcheck" >&2
  shellcheck scripts/*.sh .ci/run
else
  skipped "shellcheck is not installed"
fi
