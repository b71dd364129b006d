#!/usr/bin/env bash
# Trains AlexNet as in 2012, a tower on each of two machines: towers.sh HOSTFILE DATA OUT
# What the towers hand to each other is waited for, so that latency and bandwidth between the two count.
set -euo pipefail
export OMPI_MCA_odls_base_sigkill_timeout=10
hostfile=$1 data=$2 out=$3
exec mpirun --hostfile "$hostfile" -n 2 --map-by node --bind-to none \
  npx laurel train alexnet --towers 2 --data "$data" --out "$out" "${@:4}"
