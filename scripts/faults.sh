#!/usr/bin/env bash
# The fault campaign: builds what it needs and carries it out; see faults/main.go
# and docs/RELIABILITY.md. Everything stays on loopback and in one folder, and
# ends with this script.
#
#   FAULTS=200      how many; 200 take about four minutes
#   SEED=           repeats a schedule; none: a new one, printed
#   MONITORS=6      how many charge points
#   EVERY=          mean time from fault to fault; none: 6s over the monitors
#   KAFKA=fake      or real: Apache Kafka by scripts/kafka.sh
#   SCENARIO=       a written story, or all, instead of a random schedule
#   KEEP=           file for the record that the oracle read
#
# As root it mounts a small tmpfs to fill, in a mount namespace of its own where
# that can be had, so that nothing is left behind whatever ends it.
set -euo pipefail
# shellcheck source=scripts/tools.sh
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
cd "$root"

# In the cache and not in /tmp: a state folder in memory would write no disk.
dir=$(mktemp -d "$cache/faults.XXXXXX")
trap 'rmdir "$dir/run" 2>/dev/null && rm -rf "$dir"' EXIT
mkdir "$dir/bin" "$dir/run"
CGO_ENABLED=0 go build -trimpath -o "$dir/bin/" ./cmd/ev-cp-m ./cmd/ev-central ./faults

how=()
if (($(nice -n -10 nice 2>/dev/null) < $(nice))); then
  how+=(nice -n -10) # the witnesses must not starve with those whom they watch
fi
if unshare --mount --propagation private true 2>/dev/null; then
  how=(unshare --mount --propagation private "${how[@]}")
elif unshare --user --map-root-user --mount true 2>/dev/null; then
  how=(unshare --user --map-root-user --mount "${how[@]}")
fi
"${how[@]}" "$dir/bin/faults" -bin "$dir/bin" -dir "$dir/run" -faults "${FAULTS:-200}" -seed "${SEED:-0}" \
  -monitors "${MONITORS:-6}" -every "${EVERY:-0s}" -kafka "${KAFKA:-fake}" -scenario "${SCENARIO:-}" -keep "${KEEP:-}"
