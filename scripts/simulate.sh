#!/usr/bin/env bash
# Plays random lives of a Monitor in virtual time, and says which promise was broken
# and how to see it again. SIM_HISTORIES, SIM_MINUTES, SIM_SEED.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../internal/simulation" # here go test shows what a test prints

export SIM_HISTORIES=${SIM_HISTORIES:-2000} SIM_MINUTES=${SIM_MINUTES:-2} SIM_SEED=${SIM_SEED:-$RANDOM}
echo "$SIM_HISTORIES histories of $SIM_MINUTES minutes from seed $SIM_SEED" >&2
go test -count=1 -timeout 0 -run 'TestHistories$'
