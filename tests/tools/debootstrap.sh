#!/bin/bash
# hakmem-preload in a whole Debian, made by debootstrap: enabled, tried, refused, disabled. Part of
# `make check-long`: it is fetched by the machine's own way to Debian packages, or from
# HM_DEBIAN_MIRROR.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../preload/lib.sh"
tool=$HM_BUILDDIR/hakmem-preload
[ "$(id -u)" = 0 ] || skip "needs root"
command -v debootstrap >/dev/null || skip "needs debootstrap"
mirror=${HM_DEBIAN_MIRROR:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
	sed -n 's|^[^#]*\(https\?://[^ ]*/debian\)/\{0,1\}\( .*\)\{0,1\}$|\1|p' | head -n 1)}
system=$tmp/system
# shellcheck disable=SC2086
debootstrap --variant=minbase stable "$system" $mirror >"$tmp/log" 2>&1 || {
	tail -n 3 "$tmp/log"
	skip "debootstrap could not make a system"
}
chmod 755 "$tmp"
clean() {
	umount "$system/proc" 2>/dev/null
	rm -rf --one-file-system "$tmp"
}
trap clean EXIT
mount -t proc proc "$system/proc" || skip "cannot mount proc"
list=$system/etc/ld.so.preload
triplet=$(basename "$(dirname "$(readlink -f "$(find "$system/usr/lib" -name libc.so.6 | head -n 1)")")")
entry=/usr/lib/$triplet/libhakmem.so.1
cp "$lib" "$system$entry"
cp "$tool" "$system/usr/sbin/"
for how in 0 1 4; do
	$CC -shared -fPIC -fno-builtin -DHOW=$how -o "$system/usr/lib/broken$how.so" \
		"$HM_SRCDIR/tests/tools/broken.c" || exit 99
done

inside() { run chroot "$system" "$@"; }
well() { # NAME: the last run exited with 0 and wrote nothing to stderr
	if [ "$status" = 0 ] && [ ! -s "$tmp/err" ]; then ok "$1"; else
		cat "$tmp/out" >>"$tmp/err"
		bad "$1: exit status $status" "$tmp/err"
	fi
}
# Which of the loaded files serves malloc: the first that the loader has.
on_hakmem() {
	[ "$(chroot "$system" /bin/grep -c 'libhakmem\.so' /proc/self/maps)" != 0 ]
}
before=$(cd "$system/etc" && find . -type f -exec cksum {} + | sort)

! on_hakmem && ok "a new system" || bad "a new system"
for how in 0 1 4; do
	run "$tool" --root "$system" --library /usr/lib/broken$how.so enable
	[ "$status" = 1 ] && grep -q refused "$tmp/err" && [ ! -e "$list" ] && ok "broken $how is refused" ||
		bad "broken $how is refused" "$tmp/err"
done
run "$tool" --root "$system" --library "$entry" enable
well "enable"
grep -qxF "/usr/\$LIB/libhakmem.so.1" "$list" && ok "by \$LIB" || bad "by \$LIB" "$list"
on_hakmem && ok "programs run on it" || bad "programs run on it"
inside /bin/bash -c 'for i in {1..20}; do ls /usr/bin | sort | uniq | wc -l; done | sort -u | wc -l'
well "a shell and its children"
inside /usr/bin/perl -e 'my %h; $h{$_} = "x" x ($_ % 100) for 1 .. 100000; print scalar(keys %h)'
well "perl"
inside /usr/bin/dpkg --audit
well "dpkg"
inside /usr/bin/apt-get -s install base-files
well "apt-get"
inside /usr/bin/passwd --status root
well "a set-user-ID program"
inside /bin/su -s /bin/sh -c 'grep -c libhakmem /proc/self/maps' nobody
well "another user, by su"
inside /usr/sbin/hakmem-preload --library "$entry" enable
grep -q already "$tmp/out" && ok "from within: it is enabled" || bad "from within" "$tmp/err"
inside /usr/sbin/hakmem-preload status
well "from within: status"
inside /usr/sbin/hakmem-preload disable
well "from within: disable"
! on_hakmem && [ ! -e "$list" ] && ok "programs run without it" || bad "programs run without it" "$list"

inside /usr/sbin/hakmem-preload --library "$entry" --seconds 3 try
well "try"
on_hakmem && ok "which is in force" || bad "which is in force"
for i in $(seq 300); do [ -e "$list.hakmem-trial" ] || break; sleep 0.1; done
! on_hakmem && [ ! -e "$list" ] && ok "and rolls back" || bad "and rolls back" "$list"
# A library that breaks every program: the static one takes it out all the same.
if ! readelf -lW "$tool" | grep -q INTERP; then
	cp "$system/usr/lib/broken0.so" "$system/usr/lib/libhakmem-broken.so"
	echo /usr/lib/libhakmem-broken.so >"$list"
	inside /bin/true
	[ "$status" != 0 ] && ok "a broken entry, put in by hand" || bad "a broken entry, put in by hand"
	inside /usr/sbin/hakmem-preload disable
	well "is taken out though no program runs"
	inside /bin/true
	well "and programs run"
else
	left_out "disable when no program runs" "this build of it is dynamic"
fi
rm -f "$list".hakmem-*
[ "$(cd "$system/etc" && find . -type f -exec cksum {} + | sort)" = "$before" ] &&
	ok "nothing else has changed in /etc" || bad "nothing else has changed in /etc"
finish
