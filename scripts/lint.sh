#!/usr/bin/env bash
# Lints as CI does: golangci-lint with .golangci.yml, shellcheck over every script.
# golangci-lint is pinned, shellcheck is Debian's; a missing one is skipped.
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
