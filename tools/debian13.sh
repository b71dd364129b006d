#!/usr/bin/env bash
# A Debian 13 root beside this system, for what Debian 12 cannot show: oneDNN 3.x (another ABI than 2.6) and PyTorch 2.6
# as a rival in benchmarks.
#
#   tools/debian13.sh [--torch]                        make the root, or complete it; says where it is
#   tools/debian13.sh run [--bind DIR]... CMD [ARG]... run CMD inside, in the checkout
#
# The root lies in $LAUREL_DEBIAN13 (default: ${XDG_CACHE_HOME:-~/.cache}/laurel/debian13); --torch adds PyTorch and
# torchvision (1.5 GB). The mirror and the proxy are those of this machine's own apt; LAUREL_DEBIAN_MIRROR names another
# mirror. Inside, the checkout is /laurel and its own node comes first in PATH; --bind shows a folder at its own path.
# Mounts live in a private namespace and end with CMD, and CMD's exit status is passed on. Needs root and debootstrap.
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
root=${LAUREL_DEBIAN13:-${XDG_CACHE_HOME:-$HOME/.cache}/laurel/debian13}

fail() {
  echo "debian13: $1" >&2
  exit "${2:-1}"
}

usage() {
  sed -n 's/^#   //p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

# The address from which this machine's apt takes its own Debian release.
mirror() {
  if [ -n "${LAUREL_DEBIAN_MIRROR:-}" ]; then
    echo "$LAUREL_DEBIAN_MIRROR"
    return
  fi
  local codename
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  [ "$(. /etc/os-release && echo "$ID")" = debian ] ||
    fail 'this system is not Debian, so its apt knows no Debian mirror; name one in LAUREL_DEBIAN_MIRROR.'
  # shellcheck disable=SC2016 # apt-get itself fills in $(...)
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' |
    awk -v codename="$codename" '$2 == codename && $3 == "main" { print $1; found = 1; exit } END { exit !found }' ||
    fail "apt's sources name no mirror for $codename main; name one in LAUREL_DEBIAN_MIRROR."
}

# What the machine's apt needs to reach the mirror: proxies and the like, and name resolution.
copy_network_settings() {
  apt-config dump | grep -E '^Acquire::(https?|Retries|Check-Date|Check-Valid-Until|ForceIPv[46])\b' |
    grep -v -i 'auto-detect' > "$1/etc/apt/apt.conf.d/01machine" || true
  for file in /etc/resolv.conf /etc/hosts; do
    if [ -e "$file" ]; then cat "$file" > "$1$file"; fi
  done
}

# Runs a command inside the root: in_root FOLDER CMD...; folders in the array `shown` appear at their own paths.
# With `replace=exec` it takes this shell's place, so that signals reach it.
shown=()
replace=
in_root() {
  mkdir -p "$root/laurel"
  # shellcheck disable=SC2016 # expanded by the inner shell
  exec_in_namespace='
    set -eu
    root=$1 checkout=$2 folder=$3 count=$4
    shift 4
    mount --bind "$checkout" "$root/laurel"
    for name in proc sys dev; do mount --rbind "/$name" "$root/$name"; done
    while [ "$count" -gt 0 ]; do
      mkdir -p "$root$1"
      mount --bind "$1" "$root$1"
      shift
      count=$((count - 1))
    done
    exec chroot "$root" /usr/bin/env -C "$folder" -u TMPDIR -u XDG_CACHE_HOME HOME=/root LANG=C.UTF-8 \
      PATH=/laurel/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"'
  $replace unshare --mount --propagation private sh -c "$exec_in_namespace" sh \
    "$root" "$checkout" "$1" "${#shown[@]}" ${shown[@]+"${shown[@]}"} "${@:2}"
}

installed() {
  local states
  # shellcheck disable=SC2016 # dpkg-query fills in ${...}
  states=$(chroot "$root" dpkg-query -W -f '${db:Status-Status}\n' "$@" 2> /dev/null) || return 1
  ! grep -q -v '^installed$' <<< "$states"
}

install() {
  if installed "$@"; then return; fi
  copy_network_settings "$root"
  in_root / apt-get -q -y update >&2
  in_root / env DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends "$@" >&2
  in_root / apt-get clean
}

make_root() {
  mkdir -p "$(dirname "$root")"
  exec 9> "$root.lock"
  flock 9
  if [ ! -x "$root/usr/bin/dpkg" ]; then
    command -v debootstrap > /dev/null || fail 'debootstrap is missing; install it with: apt-get install debootstrap'
    if [[ "$root" =~ [[:space:]] ]]; then
      fail "debootstrap cannot work in a path with spaces, got '$root'; name another in LAUREL_DEBIAN13." 2
    fi
    local address
    address=$(mirror)
    rm -rf --one-file-system -- "$root.partial"
    debootstrap --variant=minbase --include=ca-certificates trixie "$root.partial" "$address" >&2 ||
      fail "debootstrap did not finish; its log is $root.partial/debootstrap/debootstrap.log."
    mv -T -- "$root.partial" "$root"
  fi
  install libdnnl-dev
  if [ "${1:-}" = torch ]; then
    # torch.compile writes C++ and builds it.
    install python3-torch python3-torchvision python3-setuptools python3-dev libtorch-dev g++
  fi
  exec 9>&-
}

case "${1:-}" in
  '' | --torch | run) ;;
  *) usage ;;
esac
[ "$(id -u)" = 0 ] || fail 'root is needed, to make a chroot and mount into it; run it with sudo.'

case "${1:-}" in
  run)
    shift
    while [ "${1:-}" = --bind ]; do
      [ -d "${2:-}" ] || fail "--bind wants a folder, got '${2:-}'." 2
      shown+=("$(cd "$2" && pwd -P)")
      shift 2
    done
    [ $# -gt 0 ] || usage
    make_root
    replace='exec'
    in_root /laurel "$@"
    ;;
  --torch)
    make_root torch
    echo "$root"
    ;;
  *)
    make_root
    echo "$root"
    ;;
esac
