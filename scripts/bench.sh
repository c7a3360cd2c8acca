#!/usr/bin/env bash
# Measures the figures of docs/BENCHMARKS.md and rewrites its tables: about ten
# minutes on loopback. BENCH_QUICK=1 takes under two and only prints, and so does
# BENCH_ONLY=start,lateness (see bench/main.go for the names).
#
# A bound that is missed is shown in its table. The exit code is 0 unless something
# could not be measured.
set -euo pipefail
# shellcheck source=scripts/tools.sh
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
cd "$root"

have cc || { echo "bench.sh: cc is missing; it compiles bench/peers (Debian: apt-get install gcc libc6-dev)" >&2; exit 1; }

# In the cache and not in /tmp, which may be in memory: state has to be written to a disk.
dir=$(mktemp -d "$cache/bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/bin" "$dir/run"

echo "building" >&2
CGO_ENABLED=0 go build -trimpath -o "$dir/bin/" ./cmd/ev-cp-m ./cmd/ev-central ./cmd/ev-cp-e ./bench
for peer in engine floor limit closing; do
  cc -O2 -o "$dir/bin/$peer" "bench/peers/$peer.c"
done
cp bench/peers/haproxy.sh "$dir/bin/"

how=(-bin "$dir/bin" -dir "$dir/run" -only "${BENCH_ONLY:-}")
[[ -z ${BENCH_FLEET:-} ]] || how+=(-fleet "$BENCH_FLEET")
[[ -z ${BENCH_ROUNDS:-} ]] || how+=(-rounds "$BENCH_ROUNDS")
[[ -z ${BENCH_KAFKA:-} ]] || how+=(-kafka "$BENCH_KAFKA")
if [[ ${BENCH_QUICK:-} == 1 ]]; then
  how+=(-quick)
elif [[ -z ${BENCH_ONLY:-} ]]; then
  how+=(-document docs/BENCHMARKS.md)
fi
"$dir/bin/bench" "${how[@]}"
