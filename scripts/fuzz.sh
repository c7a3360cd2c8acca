#!/usr/bin/env bash
# Runs every fuzz target of the tree for FUZZTIME (1m each). The first failure ends it;
# go test writes the failing input to testdata/fuzz: commit it with the fix.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

found=$(grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sort) || {
  echo "no fuzz targets yet" >&2
  exit 0
}

while IFS=: read -r file target; do
  name=${target#func }
  echo "$name in $(dirname "$file")" >&2
  go test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-1m}" "$(dirname "$file")"
done <<<"$found"
