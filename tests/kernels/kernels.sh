#!/bin/sh
# SPDX-License-Identifier: MIT
#
# kernels.sh - the test programs on Debian's kernels, under QEMU.
#
# Usage: kernels.sh BUILD WORKDIR [VERSION...]
#
# BUILD is a build without shared libraries whose test programs have been made.
# A VERSION is 6.1 or 5.10; each kernel is taken from its release's packages,
# and boots into an initramfs that holds the programs and the C library.
# Environment: KERNELS_TESTS, a pattern of their paths ('tests/mod/*');
# KERNELS_LIMIT, seconds for each kernel, instead of 3600; KERNELS_ACCEL=kvm
# where that works: /dev/kvm of a machine that is virtual itself may boot none.
set -u

build=$(cd "$1" && pwd) || exit 2
mkdir -p "$2" || exit 2
work=$(cd "$2" && pwd)
shift 2
[ $# -gt 0 ] || set -- 6.1 5.10
mirror=${DEBIAN_MIRROR-http://deb.debian.org/debian}
limit=${KERNELS_LIMIT-3600}
passed=0 failed=0 skipped=0

# skip WHAT WHY
skip() {
	echo "skipped: $1: $2"
	skipped=$((skipped + 1))
}

release_of() {
	case $1 in
	5.10) echo bullseye ;;
	6.1) echo bookworm ;;
	esac
}

# apt CONFIG-DIRECTORY COMMAND...: with lists of its own
apt() {
	dir=$1
	command=$2
	shift 2
	"$command" -qq -o "Dir::State=$dir" -o "Dir::Cache=$dir/cache" \
		-o "Dir::Etc::SourceList=$dir/sources.list" \
		-o "Dir::Etc::SourceParts=/dev/null" \
		-o APT::Sandbox::User=root "$@"
}

# fetch VERSION: leaves vmlinuz-VERSION
fetch() {
	[ ! -f "$work/vmlinuz-$1" ] || return 0
	dir=$work/apt-$1
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	printf 'deb [signed-by=%s] %s %s main\n' \
		/usr/share/keyrings/debian-archive-keyring.gpg "$mirror" \
		"$(release_of "$1")" >"$dir/sources.list"
	apt "$dir" apt-get update || return 1
	package=$(apt "$dir" apt-cache search --names-only \
		"^linux-image-$1\.[0-9]*-[0-9]*-cloud-amd64\$" |
		sed 's/ .*//' | sort -V | tail -n 1)
	[ -n "$package" ] || return 1
	(cd "$dir" && apt "$dir" apt-get download "$package") || return 1
	rm -rf "$dir/root"
	dpkg-deb -x "$dir/$package"_*.deb "$dir/root" &&
	cp "$dir/root/boot"/vmlinuz-* "$work/vmlinuz-$1"
}

# with_libraries ROOT FILE...: what they are linked with
with_libraries() {
	root=$1
	shift
	ldd "$@" 2>/dev/null | sed -n 's/.*[[:space:]]\(\/[^ ]*\) (0x.*/\1/p' |
	sort -u | while read -r file; do
		mkdir -p "$root$(dirname "$file")"
		cp -L "$file" "$root$file"
	done
}

make_initramfs() {
	root=$work/root
	rm -rf "$root"
	mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys" \
		"$root/tmp" "$root/etc" "$root/usr"
	cp "$(command -v busybox)" "$root/bin/busybox"
	busybox --list | while read -r name; do
		[ "$name" = busybox ] || ln -s busybox "$root/bin/$name"
	done
	# Busybox's know less of sessions, and of several files; its shell
	# would run them without looking for others.
	for name in sh ps readlink; do
		cp --remove-destination -L "$(command -v $name)" \
			"$root/bin/$name" &&
			with_libraries "$root" "$root/bin/$name"
	done
	programs=$(cd "$build" && find tests -name '*.t' ! -name '*.emu.t' \
		! -path '*/model/*' -path "${KERNELS_TESTS-*}" | sort)
	for program in $programs; do
		mkdir -p "$root/$(dirname "$program")"
		cp "$build/$program" "$root/$program"
		strip "$root/$program"
	done
	# shellcheck disable=SC2086 # words
	(cd "$root" && with_libraries "$root" $programs)
	# glibc loads it for thread cancellation.
	for file in /lib/*/libgcc_s.so.1; do
		mkdir -p "$root$(dirname "$file")"
		cp -L "$file" "$root$file"
	done
	echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
	cat >"$root/init" <<'END'
#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm /dev/pts
mount -t tmpfs tmp /tmp
mount -t tmpfs shm /dev/shm
mount -t devpts pts /dev/pts
ip link set lo up
export PATH=/bin TMPDIR=/tmp IV_TEST_TIME_SCALE=8 IV_TEST_MAY_SET_CLOCK=1
cd /
for program in $(cat /programs); do
	echo "# program $program"
	$program </dev/null 2>&1
done
echo '# all programs have run'
echo o >/proc/sysrq-trigger
sleep 60
END
	chmod +x "$root/init"
	echo "$programs" | sed 's|^|/|' >"$root/programs"
	(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) \
		>"$work/initramfs"
}

boot() {
	# Nested virtual machines are not always able to; emulation is, but
	# may be too slow for the kernel's look at its timer.
	accel=${KERNELS_ACCEL-tcg}
	timeout "$limit" qemu-system-x86_64 -machine "accel=$accel" \
		-m 3072 -smp 2 -nographic -no-reboot -nic none \
		-kernel "$work/vmlinuz-$1" -initrd "$work/initramfs" \
		-append 'console=ttyS0 quiet panic=-1 nokaslr no_timer_check' \
		</dev/null >"$work/log-$1" 2>&1
	tr -d '\r' <"$work/log-$1" >"$work/tap-$1"
}

# count VERSION
count() {
	bad=$(grep -c '^not ok' "$work/tap-$1")
	none=$(grep -c '^ok .*# SKIP' "$work/tap-$1")
	good=$(($(grep -c '^ok' "$work/tap-$1") - none))
	if ! grep -q '^# all programs have run' "$work/tap-$1"; then
		tail -n 5 "$work/tap-$1"
		echo "Linux $1 did not get to the end"
		bad=$((bad + 1))
	fi
	grep -B 3 '^not ok' "$work/tap-$1"
	echo "Linux $1: $good passed, $bad failed, $none skipped"
	passed=$((passed + good)) failed=$((failed + bad))
	skipped=$((skipped + none))
}

for command in qemu-system-x86_64 busybox cpio apt-get dpkg-deb; do
	command -v $command >/dev/null 2>&1 || {
		skip 'other kernels' "there is no $command"
		echo "0 passed, 0 failed, $skipped skipped"
		exit 0
	}
done
make_initramfs || exit 2
for version; do
	if fetch "$version" >"$work/fetch-$version.log" 2>&1; then
		boot "$version"
		count "$version"
	else
		skip "Linux $version" "no such package: $work/fetch-$version.log"
	fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
