#!/usr/bin/env bash
# Trains ResNet-50 on the machines of a hostfile, one rank on each: mpirun.sh HOSTFILE DATA OUT
# The batch is that of all ranks together; the same command goes on after a stop when --resume is added.
set -euo pipefail
# A stop (Ctrl-C, SIGTERM) reaches the ranks after so many seconds, which then have as many to save in.
export OMPI_MCA_odls_base_sigkill_timeout=10
# A host that is gone is missed after about ten seconds.
export OMPI_MCA_oob_tcp_keepalive_time=5 OMPI_MCA_oob_tcp_keepalive_intvl=2 OMPI_MCA_oob_tcp_keepalive_probes=3
hostfile=$1 data=$2 out=$3
ranks=$(grep -cv '^ *\(#\|$\)' "$hostfile")
exec mpirun --hostfile "$hostfile" -n "$ranks" --map-by node --bind-to none \
  npx laurel train resnet50 --recipe resnet-2015 --data "$data" --out "$out" "${@:4}"
