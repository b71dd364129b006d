#!/usr/bin/env bash
# Trains ResNet-50 on the machines of a hostfile, one rank on each: mpirun.sh HOSTFILE DATA OUT
# The batch is that of all ranks together; the same command goes on after a stop when --resume is added.
set -euo pipefail
hostfile=$1 data=$2 out=$3
ranks=$(grep -cv '^ *\(#\|$\)' "$hostfile")
exec mpirun --hostfile "$hostfile" -n "$ranks" --map-by node --bind-to none \
  npx laurel train resnet50 --recipe resnet-2015 --data "$data" --out "$out" "${@:4}"
