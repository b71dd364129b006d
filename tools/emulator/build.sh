#!/bin/sh
# Builds the emulated machine, inside the Debian 13 root: Bochs, a boot image, and a system disk with node and oneDNN.
#   build.sh CACHE   writes bochs, boot.iso and system.img there; CACHE/onednn2 may hold an oneDNN 2 to put in
set -eu
cache=$1
here=/laurel/tools/emulator
work=$cache/build
rm -rf "$work"
mkdir -p "$work"

export DEBIAN_FRONTEND=noninteractive
if [ ! -e /etc/apt/sources.list.d/laurel-source.list ]; then
  sed -n 's/^deb /deb-src /p' /etc/apt/sources.list > /etc/apt/sources.list.d/laurel-source.list
fi
apt-get -q -y update
apt-get -q -y install --no-install-recommends busybox-static dpkg-dev e2fsprogs g++ isolinux kmod libdnnl-dev make \
  patch seabios syslinux-common xorriso xz-utils

# Bochs, patched; the packaged one is slow too, for it is built for debugging.
if [ ! -x "$cache/bochs" ] || ! cmp -s "$here/bochs-3.0.patch" "$cache/bochs.patch"; then
  cd "$work"
  apt-get -q source --tar-only bochs
  mkdir bochs
  tar -x -f bochs_*.orig.tar.* -C bochs --strip-components=1
  cd bochs
  patch -p1 < "$here/bochs-3.0.patch"
  ./configure --enable-all-optimizations --enable-x86-64 --enable-cpu-level=6 --enable-avx --enable-evex --enable-amx \
    --enable-cet --enable-protection-keys --enable-memtype --enable-uintr --enable-perfmon --enable-pci \
    --disable-docbook --disable-readline --disable-plugins --disable-debugger --with-nogui
  make -j "$(nproc)"
  strip -o "$cache/bochs" bochs
  cp "$here/bochs-3.0.patch" "$cache/bochs.patch"
fi

# Kernel, and an initial file system that finds the disks.
cd "$work"
kernel=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
apt-get -q download "$kernel"
dpkg-deb -x "$kernel"_*.deb kernel
release=$(ls kernel/usr/lib/modules)
depmod -b kernel/usr "$release"
mkdir -p iso first/bin first/dev first/modules first/proc first/root
cp /bin/busybox first/bin/
cp "$here/init" first/init
chmod +x first/init
count=10
for module in $(modprobe -d kernel/usr -S "$release" --show-depends -a ata_piix sd_mod ext4 |
  awk '$1 == "insmod" && !seen[$2]++ { print $2 }'); do
  xz -d -c "$module" > "first/modules/$count-$(basename "$module" .xz)"
  count=$((count + 1))
done
(cd first && find . | busybox cpio -o -H newc) > iso/initrd
cp kernel/boot/vmlinuz-"$release" iso/linux
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 iso/
# The options on timers keep to those that Bochs wakes an idle processor from; the rest shorten the boot.
cat > iso/isolinux.cfg << 'END'
default linux
prompt 0
timeout 0
label linux
  kernel linux
  append initrd=initrd console=ttyS0,115200 loglevel=1 panic=-1 reboot=t acpi=off noapic nolapic nohz=off idle=halt tsc=reliable nowatchdog mitigations=off nokaslr random.trust_cpu=on clearcpuid=aperfmperf
END
xorriso -as mkisofs -quiet -o "$cache/boot.iso" -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 \
  -boot-info-table iso

# The system disk: a shell, node, oneDNN, and the libraries they ask for.
libraries=system/usr/lib/x86_64-linux-gnu
mkdir -p $libraries system/usr/bin system/usr/lib64 system/opt/onednn2 system/opt/onednn3
for folder in dev etc laurel proc root sys tmp; do mkdir "system/$folder"; done
for folder in bin lib lib64; do ln -s "usr/$folder" "system/$folder"; done
cp /bin/busybox system/usr/bin/
for name in $(busybox --list); do [ "$name" = busybox ] || ln -s busybox "system/usr/bin/$name"; done
cp -L /laurel/node_modules/node/bin/node system/usr/bin/
cp -L /lib64/ld-linux-x86-64.so.2 system/usr/lib64/
{
  dpkg -L libc6 | grep -E '^/usr/lib/x86_64-linux-gnu/[^/]+\.so\.[0-9]+$'
  ldd /usr/lib/x86_64-linux-gnu/libdnnl.so system/usr/bin/node | awk '$3 ~ /^\// { print $3 }'
} | xargs cp -L -t $libraries
cp -L /usr/lib/x86_64-linux-gnu/libdnnl.so.3.* system/opt/onednn3/
if [ -d "$cache/onednn2" ]; then cp -L "$cache"/onednn2/* system/opt/onednn2/; fi
echo 'root:x:0:0:root:/root:/bin/sh' > system/etc/passwd
rm -f "$cache/system.img"
mke2fs -q -t ext4 -O ^has_journal -d system "$cache/system.img" 400M
cd /
rm -rf "$work"
