#!/usr/bin/env bash
# Runs a command on an emulated processor with AVX-512, AVX512-BF16 and AMX-BF16 (a Sapphire Rapids in Bochs): for
# checking the bf16 kernels on machines that have none of these, where oneDNN refuses bf16. Speed means nothing there:
# it is some hundred times slower than hardware, one core, and a run begins with about half a minute of booting.
#
#   tools/emulate.sh [--onednn 2|3] [--minutes N] CMD [ARG]...
#
# CMD runs in a copy of the checkout (/laurel, made afresh for every run; what it writes there is lost) and has node 24,
# vitest and a busybox shell. --onednn chooses 3.7, the default, or 2.6, for which libdnnl2 must be installed here;
# --minutes (default 60) is when to give up. The environment's ONEDNN_*, OMP_*, VITEST_* and LAUREL_DTYPE variables go in:
# ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16 takes AMX away, AVX512_CORE the bf16 instructions too.
# Output and errors both come out on stdout, and CMD's exit status is passed on.
# The machine is built once, in ${XDG_CACHE_HOME:-~/.cache}/laurel/emulator, from packages of the root that
# tools/debian13.sh makes (five minutes); needs root and debootstrap.
set -euo pipefail

tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
checkout=$(dirname "$tools")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/laurel/emulator

fail() {
  echo "emulate: $1" >&2
  exit "${2:-1}"
}

usage() {
  sed -n 's/^#   //p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

# Builds the machine unless the one in the cache comes from these very files, this node and this oneDNN 2.
build() {
  local onednn2=/usr/lib/x86_64-linux-gnu/libdnnl.so.2 stamp
  stamp=$({
    sha256sum < "$tools/emulator/bochs-3.0.patch"
    sha256sum < "$tools/emulator/build.sh"
    sha256sum < "$tools/emulator/init"
    sha256sum < "$checkout/node_modules/node/package.json"
    if [ -e "$onednn2" ]; then readlink -f "$onednn2"; fi
  })
  exec 9> "$cache/lock"
  flock 9
  if [ "$(cat "$cache/stamp" 2> /dev/null)" != "$stamp" ]; then
    echo "emulate: building the emulated machine (about five minutes); the log is $cache/build.log" >&2
    rm -rf -- "$cache/stamp" "$cache/onednn2"
    if [ -e "$onednn2" ]; then
      mkdir "$cache/onednn2"
      cp -L -- "$onednn2" "$cache/onednn2/"
      # oneDNN 2 of Debian 12 asks for OpenCL's loader; the other libraries are those of the root.
      ldd "$onednn2" | awk '$1 ~ /^libOpenCL/ { print $3 }' | xargs -r cp -L -t "$cache/onednn2"
    fi
    "$tools/debian13.sh" run --bind "$cache" sh tools/emulator/build.sh "$cache" > "$cache/build.log" 2>&1 ||
      fail "the emulated machine could not be built; see $cache/build.log."
    printf '%s\n' "$stamp" > "$cache/stamp"
  fi
  exec 9>&-
}

# The command as a shell script: variables, then the arguments quoted.
command_script() {
  local name argument
  echo "export HOME=/root LANG=C.UTF-8 PATH=/laurel/node_modules/.bin:/usr/bin LD_LIBRARY_PATH=/opt/onednn$onednn"
  for name in $(compgen -e); do
    case $name in
      ONEDNN_* | OMP_* | VITEST_* | LAUREL_DTYPE) printf "export %s='%s'\n" "$name" "${!name//\'/\'\\\'\'}" ;;
    esac
  done
  printf exec
  for argument in "$@"; do printf " '%s'" "${argument//\'/\'\\\'\'}"; done
  echo
}

# The checkout as a disk: no history, and of node_modules no node (the system disk has it), formatter or type checker.
checkout_disk() {
  mkdir "$run/checkout"
  tar -C "$checkout" -c --exclude=./.git --exclude=./runs --exclude=./shared --exclude=./node_modules/node \
    --exclude=./node_modules/@biomejs --exclude=./node_modules/typescript --exclude=./node_modules/@typescript \
    --exclude=./node_modules/.bin/node --exclude=./node_modules/.vite . | tar -C "$run/checkout" -x
  command_script "$@" > "$run/checkout/.command"
  echo "$marker" > "$run/checkout/.marker"
  # shellcheck disable=SC2016 # expanded by the inner shell
  "$tools/debian13.sh" run --bind "$run" sh -euc 'mke2fs -q -t ext4 -O ^has_journal -m 0 -d "$1/checkout" "$1/checkout.img" "$2"M' \
    sh "$run" $(($(du -sm "$run/checkout" | cut -f 1) + 128))
}

write_settings() {
  cat > "$run/bochsrc" << END
display_library: nogui
config_interface: textconfig
cpu: model=sapphire_rapids, count=1, ips=2200000000, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest=2048, host=2048
romimage: file=/usr/share/seabios/bios.bin
vgaromimage: file=/usr/share/seabios/vgabios-stdvga.bin
boot: cdrom
ata0: enabled=1
ata1: enabled=1
ata0-master: type=disk, path=$cache/system.img, mode=volatile, journal=$run/system
ata0-slave: type=disk, path=$run/checkout.img, mode=flat
ata1-master: type=cdrom, path=$cache/boot.iso, status=inserted
com1: enabled=1, mode=file, dev=$run/serial
clock: sync=none
log: $run/log
error: action=ignore
panic: action=fatal
END
}

# Passes on what lies between the markers; returns the status told there, or 125 where none came. The machine puts one
# line end after the command's output, which is taken off again. (awk would hold lines back: mawk buffers its input.)
relay() {
  local line inside='' ended=''
  while IFS= read -r line; do
    case $line in
      "$marker begin") inside=1 ;;
      "$marker status "*) return "${line##* }" ;;
      *)
        if [ -z "$inside" ]; then continue; fi
        printf "$ended%s" "$line"
        ended='\n'
        ;;
    esac
  done
  return 125
}

onednn=3
minutes=60
while [ $# -gt 0 ]; do
  case $1 in
    --onednn)
      onednn=${2:-}
      [[ "$onednn" =~ ^[23]$ ]] || fail "--onednn is 2 or 3, got '$onednn'." 2
      shift 2
      ;;
    --minutes)
      minutes=${2:-}
      [[ "$minutes" =~ ^[1-9][0-9]*$ ]] || fail "--minutes wants a whole number, got '$minutes'." 2
      shift 2
      ;;
    -*) usage ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || usage
[ "$(id -u)" = 0 ] || fail 'root is needed, for the Debian 13 root in which the emulator is built; run it with sudo.'
[ -e "$checkout/node_modules/node/bin/node" ] || fail 'the checkout has no node_modules; run npm ci first.'
[[ ! "$cache" =~ [[:space:],] ]] || fail "Bochs cannot read paths with spaces or commas, got '$cache'; set XDG_CACHE_HOME." 2

mkdir -p "$cache"
build
if [ "$onednn" = 2 ] && [ ! -d "$cache/onednn2" ]; then
  fail 'oneDNN 2 is not installed here; install it with: apt-get install libdnnl2'
fi

run=$(mktemp -d "$cache/run.XXXXXX")
trap 'rm -rf -- "$run"' EXIT
marker="@@$(basename "$run")"
checkout_disk "$@"
write_settings
touch "$run/serial"
nice -n 19 "$tools/debian13.sh" run --bind "$cache" "$cache/bochs" -q -f "$run/bochsrc" > "$run/console" 2>&1 < /dev/null &
emulator=$!
trap 'kill -KILL "$emulator" 2> /dev/null || true; wait "$emulator" 2> /dev/null || true; rm -rf -- "$run"' EXIT
status=0
relay < <(timeout "${minutes}m" tail -c +1 -f -s 0.2 --pid="$emulator" "$run/serial" 2> /dev/null) || status=$?
if [ "$status" = 125 ]; then
  tail -n 5 "$run/log" >&2 || cat "$run/console" >&2
  fail "the emulated machine ended, or its $minutes minutes did, before the command."
fi
exit "$status"
