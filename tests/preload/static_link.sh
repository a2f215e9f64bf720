#!/bin/bash
# A static program with libhakmem.a: all of malloc is ours, nothing of glibc's came in.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
[ -e "$HM_STATIC_LIB" ] || skip "no static library was built"
echo 'int main(void) { return 0; }' >"$tmp/try.c"
$CC -static -o "$tmp/try" "$tmp/try.c" 2>/dev/null || skip "no static libc"
: "${NM:=nm}"

# build NAME COMPILER FILE FLAG...
build() {
	local name=$1 compiler=$2 file=$3
	shift 3
	# shellcheck disable=SC2086
	$compiler -D_GNU_SOURCE -O1 -g -Wall -fno-builtin -I"$HM_SRCDIR/include" -o "$tmp/$name" \
		"$file" "$@" "$HM_STATIC_LIB" -pthread >"$tmp/why" 2>&1 && return
	bad "$name: does not link" "$tmp/why"
	return 1
}

# Is malloc there once, and glibc's inner one not at all?
check_symbols() { # NAME
	$NM "$tmp/$1" >"$tmp/symbols"
	if [ "$(grep -c ' [TtWw] malloc$' "$tmp/symbols")" = 1 ] &&
		grep -q ' T hak_version$' "$tmp/symbols" &&
		! grep -E ' (_int_malloc|_int_free|ptmalloc_init|sysmalloc)$' "$tmp/symbols" >"$tmp/why"
	then ok "$1: all of malloc is ours"; else bad "$1: glibc's malloc came in" "$tmp/why"; fi
}

try() { # NAME COMPILER FILE FLAG...
	build "$@" || return
	check_symbols "$1"
	run "$tmp/$1"
	expect "$1: runs" 0
	run env HAKMEM_VERBOSE=1 HAKMEM_NOSUCH=1 "$tmp/$1"
	if [ "$status" = 0 ] && grep -q '^hakmem: HAKMEM_NOSUCH' "$tmp/err"; then
		ok "$1: reads its options"
	else
		bad "$1: reads its options" "$tmp/err"
	fi
}

try static "$CC" "$src/static_program.c" -static
if $CC -static-pie -o "$tmp/try" "$tmp/try.c" 2>/dev/null; then
	try static_pie "$CC" "$src/static_program.c" -static-pie -fPIE
else
	left_out static_pie "no static-pie here"
fi

# One of the rare members alone pulls in the rest with it.
for member in mallinfo2 malloc_trim malloc_usable_size __libc_memalign; do
	cat >"$tmp/only.c" <<-END
		#include <stddef.h>
		size_t $member(size_t);
		int main(int argc, char **argv) { (void)argv; return argc > 5 && $member(8) != 0; }
	END
	[ $member != mallinfo2 ] || cat >"$tmp/only.c" <<-END
		#include <malloc.h>
		int main(int argc, char **argv)
		{ (void)argv; return argc > 5 && mallinfo2().arena != 0; }
	END
	build "only_$member" "$CC" "$tmp/only.c" -static || continue
	run "$tmp/only_$member"
	expect "only_$member: links and runs" 0
done

if command -v "$CXX" >/dev/null && echo 'int main() { }' >"$tmp/try.cc" &&
	$CXX -static -o "$tmp/try" "$tmp/try.cc" 2>/dev/null; then
	try static_cxx "$CXX" "$src/static_program.cc" -static
	# The throw is in a member of libstdc++ that a program without strings need not have.
	cat >"$tmp/throws.cc" <<-'END'
		#include <cstdio>
		#include <new>
		int main()
		{
			try {
				std::printf("%p\n", (void *)new char[(size_t)1 << 60]);
			} catch (...) {
				return 0;
			}
			return 1;
		}
	END
	build throws "$CXX" "$tmp/throws.cc" -static -Wl,-u,_ZSt17__throw_bad_allocv &&
		run "$tmp/throws" && expect "throws: a small program's bad_alloc" 0
else
	left_out static_cxx "no static libstdc++"
fi
finish
