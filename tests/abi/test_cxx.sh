#!/bin/sh
# C++'s operators, preloaded; and that it is ours that serve them.
set -u
[ "${HM_OVERRIDE:-1}" = 1 ] || { echo "this build overrides nothing"; exit 77; }
if [ -z "${CXX:-}" ] || ! command -v "${CXX%% *}" >/dev/null; then
	echo "no C++ compiler"
	exit 77
fi
[ -e "${HM_LIB:?}" ] || { echo "no shared library"; exit 77; }
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
status=0

# Optimisation off, so that no pair of new and delete is taken away.
$CXX -std=c++17 -O0 -Wno-alloc-size-larger-than "${HM_SRCDIR:?}/tests/abi/cxx.cc" -o "$tmp/cxx" \
	-pthread || { echo "FAIL: cxx.cc does not compile"; exit 1; }
"$tmp/cxx" >/dev/null 2>&1 || echo "note: fails with glibc's malloc too"
LD_PRELOAD=$HM_LIB "$tmp/cxx" || status=1

# The loader binds each operator that the program uses to the library.
LD_PRELOAD=$HM_LIB LD_DEBUG=bindings LD_BIND_NOW=1 "$tmp/cxx" >/dev/null 2>"$tmp/bindings"
for name in $(nm -D --undefined-only "$tmp/cxx" | awk '{ print $2 }' | sed 's/@.*//' |
	grep -E '^_Z(n[wa]|d[la])'); do
	grep -F "$tmp/cxx [0] to " "$tmp/bindings" | grep -F "symbol \`$name'" |
		grep -qF libhakmem || { echo "FAIL: $name is not ours"; status=1; }
done

# Also where the C++ run-time is in the program, and comes by dlopen.
if $CXX -std=c++17 -O0 -static-libstdc++ -static-libgcc "$HM_SRCDIR/tests/abi/cxx.cc" \
	-o "$tmp/cxx_static" -pthread 2>/dev/null; then
	LD_PRELOAD=$HM_LIB "$tmp/cxx_static" || { echo "FAIL: with -static-libstdc++"; status=1; }
fi
exit $status
