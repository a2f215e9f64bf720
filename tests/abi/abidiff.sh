#!/bin/bash
# The binary interface: what the last release had is still there as it was, and the variants of this
# tree have the same one, each under its own soname.
# usage: abidiff.sh            (HM_* as `make check` sets them)
#        abidiff.sh --write    makes libhakmem.abi anew, which a release does
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
set -u
export LC_ALL=C
: "${HM_SRCDIR:=$(cd "$(dirname "$0")/../.." && pwd)}" "${HM_BUILDDIR:=$HM_SRCDIR/build}"
lib=$HM_BUILDDIR/.libs/libhakmem.so.1
baseline=$HM_SRCDIR/tests/abi/libhakmem.abi
status=0
complain() { echo "FAIL: $*"; status=1; }
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT

[ "${HM_OVERRIDE:-1}" = 1 ] || { echo "this build overrides nothing"; exit 77; }
[ -e "$lib" ] || { echo "no $lib: built without a shared library"; exit 77; }

interface() { # LIBRARY: as text, without where it was compiled
	abidw --exported-interfaces-only --no-comp-dir-path --no-corpus-path --no-show-locs \
		--no-elf-needed "$1" | sed -E "s|path='[^']*/src/|path='src/|"
}

if [ "${1-}" = --write ]; then
	interface "$lib" >"$tmp/abi" && cp "$tmp/abi" "$baseline"
	exit
fi

# Needs no tool but nm: names and their versions.
names() { ${NM:-nm} -D --defined-only "$1" | awk '$2 != "A" { print $2, $3 }' | sort; }
names "$lib" >"$tmp/names"
for variant in ${HM_VARIANTS-}; do
	file=$HM_BUILDDIR/.libs/libhakmem-$variant.so.1
	names "$file" | diff -u "$tmp/names" - || complain "$variant: other names"
	readelf -dW "$file" | grep -q "(SONAME).*\[libhakmem-$variant.so.1\]" ||
		complain "$variant: not its own soname"
	echo "$variant: $(wc -l <"$tmp/names") names"
done

command -v abidiff >/dev/null || {
	echo "no abidiff (Debian: abigail-tools)"
	[ $status = 0 ] && exit 77
	exit 1
}
same() { # WHAT ARGUMENT...
	local what=$1
	shift
	if abidiff "$@" >"$tmp/diff" 2>&1; then
		echo "$what: the same interface"
	else
		cat "$tmp/diff"
		complain "$what: another interface"
	fi
}
for variant in ${HM_VARIANTS-}; do
	same "$variant" --ignore-soname "$lib" "$HM_BUILDDIR/.libs/libhakmem-$variant.so.1"
done
# Names may come; what a program was linked with may not go or change.
if [ "$(uname -m)" = x86_64 ] && readelf -h "$lib" | grep -q 'X86-64'; then
	same "the last release's" --no-added-syms "$baseline" "$lib"
else
	echo "the last release's: not compared, its file is for x86-64"
fi
exit $status
