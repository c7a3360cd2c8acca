#!/usr/bin/env bash
# Runs simulated histories of Monitors in virtual time (internal/simulation), and prints
# every broken promise with the command that repeats it.
#
#   SIM_HISTORIES=2000   number of histories
#   SIM_MINUTES=2        virtual length of each
#   SIM_SEED=            of the first; none: a random one, which is printed
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../internal/simulation" # only here does go test show output at once

export SIM_HISTORIES=${SIM_HISTORIES:-2000} SIM_MINUTES=${SIM_MINUTES:-2} SIM_SEED=${SIM_SEED:-$RANDOM}
echo "$SIM_HISTORIES histories of $SIM_MINUTES minutes from seed $SIM_SEED" >&2
go test -count=1 -timeout 0 -run 'TestHistories$'
