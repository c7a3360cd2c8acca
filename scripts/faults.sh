#!/usr/bin/env bash
# Builds the fault campaign and runs it; see docs/RELIABILITY.md and faults/main.go.
# All processes stay on loopback or in network namespaces of their own, write to one folder,
# and end with this script.
#
#   FAULTS=200      number of faults; 200 take about four minutes
#   SEED=           repeats a plan; none: a new seed, which is printed
#   MONITORS=6      number of charge points, with a Monitor each
#   FLEET=          number of charge points that one Monitor watches, instead; in scenarios, too
#   PROBE=auto      or raw, portable: how Monitors ask Engines (--probe)
#   EVERY=          mean time from fault to fault; none: 6s / MONITORS, or / 10 for a fleet
#   KAFKA=fake      or real: Apache Kafka by scripts/kafka.sh
#   TLS=            1: TLS on every connection, and a certificate for every Monitor
#   SCENARIO=       a written scenario, or all, instead of a random plan
#   KILLS=50        in scenario history-kills
#   KEEP=           file for what the oracle read
#
# The campaign mounts a small tmpfs to fill it. Where the system allows, it runs in a
# mount namespace of its own, so that no mount stays whatever ends it.
set -euo pipefail
# shellcheck source=scripts/tools.sh
source "$(dirname "${BASH_SOURCE[0]}")/tools.sh"
cd "$root"

# In the cache and not in /tmp, which may be in memory: state folders must be on a disk.
dir=$(mktemp -d "$cache/faults.XXXXXX")
trap 'rmdir "$dir/run" 2>/dev/null && rm -rf "$dir"' EXIT
mkdir "$dir/bin" "$dir/run"
CGO_ENABLED=0 go build -trimpath -o "$dir/bin/" ./cmd/ev-cp-m ./cmd/ev-central ./faults

wrapper=()
if (($(nice -n -10 nice 2>/dev/null) < $(nice))); then
  wrapper+=(nice -n -10) # Engines and links must not starve beside the Monitors
fi
if unshare --mount --propagation private true 2>/dev/null; then
  wrapper=(unshare --mount --propagation private "${wrapper[@]}")
elif unshare --user --map-root-user --mount true 2>/dev/null; then
  wrapper=(unshare --user --map-root-user --mount "${wrapper[@]}")
fi
"${wrapper[@]}" "$dir/bin/faults" -bin "$dir/bin" -dir "$dir/run" -faults "${FAULTS:-200}" -seed "${SEED:-0}" \
  -monitors "${FLEET:-${MONITORS:-6}}" "-fleet=$([[ -n ${FLEET:-} ]] && echo 1 || echo 0)" -probe "${PROBE:-auto}" -every "${EVERY:-0s}" -kafka "${KAFKA:-fake}" -scenario "${SCENARIO:-}" -kills "${KILLS:-50}" "-tls=${TLS:-0}" -keep "${KEEP:-}"
