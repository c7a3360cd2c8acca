#!/usr/bin/env bash
# Lints as CI does: golangci-lint with .golangci.yml, shellcheck over every script, promtool
# over the alert rules and their tests. golangci-lint is pinned, the others are Debian's; a
# missing one is skipped.
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

if have promtool; then
  echo "promtool" >&2
  promtool check rules packaging/prometheus/*.rules.yml >&2
  (cd packaging/prometheus && promtool test rules ./*.rules.test.yml) >&2
else
  skipped "promtool (Debian: prometheus) is not installed: the alert rules are not checked"
fi
