#!/bin/bash
# mode = passthrough: the program has glibc's malloc, in all threads and children, whatever of ours
# it holds from before.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
[ "$(getconf LONG_BIT)" = 64 ] || skip "the sizes of glibc's blocks are those of 64 bits"

export HM_GUARDS

compile_life
$CC -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -fno-builtin -shared -fPIC \
	-o "$tmp/libpassthrough_early.so" "$src/passthrough_early.c" -pthread ||
	hard_error "passthrough_early.c does not compile"
compile passthrough -Wl,--no-as-needed "$tmp/libpassthrough_early.so" -Wl,-rpath,"$tmp"

run "$tmp/passthrough" glibc
expect "without the library it is glibc's" 0
[ "$status" = 0 ] || finish
run_preloaded "$tmp/passthrough" hakmem
expect "with it, it is not" 0
run_preloaded HAKMEM_MODE=passthrough "$tmp/passthrough" glibc
expect "passthrough: it is glibc's, in threads and children" 0
run_preloaded HAKMEM_MODE=passthrough "$tmp/passthrough" early
expect "passthrough: blocks from before are still ours" 0
# What else is asked for has nothing to do then.
for option in CHECK=1 PREWARM=4 BACKGROUND=1 LIMIT_HARD=1M PRESET=debug PRESET=latency; do
	run_preloaded HAKMEM_MODE=passthrough HAKMEM_$option "$tmp/passthrough" early
	expect "passthrough with $option" 0
done
run_preloaded HAKMEM_MODE=through HAKMEM_VERBOSE=1 "$tmp/passthrough" hakmem
grep -q '^hakmem: HAKMEM_MODE=through: not one of hakmem, passthrough; ignored$' "$tmp/err" &&
	: >"$tmp/err"
expect "a bad mode is none" 0

# For one program, by the file.
cat >"$tmp/conf" <<END
verbose = on
[proc:passthrough]
mode = passthrough
END
run_preloaded HAKMEM_CONFIG_FILE="$tmp/conf" "$tmp/passthrough" glibc
expect "by a section of a file" 0
ln -s passthrough "$tmp/other_name"
run_preloaded HAKMEM_CONFIG_FILE="$tmp/conf" "$tmp/other_name" hakmem
expect "a program of another name" 0
cat >"$tmp/conf" <<END
[proc:$tmp/passthrough]
mode = passthrough
END
run_preloaded HAKMEM_CONFIG_FILE="$tmp/conf" "$tmp/other_name" glibc
expect "by a section with a path, under another name" 0

try_life HAKMEM_MODE=passthrough

# C++: glibc's sizes behind new.
cat >"$tmp/new.cc" <<'END'
#include <malloc.h>
#include <new>
#include <thread>
static int bad()
{
	char *volatile p = new char[100];
	int n = malloc_usable_size(p) % 16 != 8;
	delete[] p;
	struct alignas(128) wide { char c[1]; } *w = new wide;
	n += (unsigned long)w % 128 != 0;
	delete w;
	try { p = new char[(size_t)1 << 60]; n++; } catch (const std::bad_alloc &) { }
	p = new (std::nothrow) char[(size_t)1 << 60];
	return n + (p != nullptr);
}
int main()
{
	int n = bad();
	std::thread t([&] { n += bad(); });
	t.join();
	return n;
}
END
if command -v "$CXX" >/dev/null && $CXX -std=c++17 -O1 -fno-builtin -o "$tmp/new" "$tmp/new.cc" \
	-pthread 2>/dev/null; then
	run_preloaded HAKMEM_MODE=passthrough "$tmp/new"
	expect "C++ new and delete" 0
else
	left_out "C++ new and delete" "no C++ compiler"
fi

for program in "bash -c 'for i in 1 2 3; do ls / | sort | wc -l; done'" "sed --version" \
	"python3 -c 'print(sum(len(str(i)) for i in range(100000)))'"; do
	command -v "${program%% *}" >/dev/null || continue
	run bash -c "$program"
	cp "$tmp/out" "$tmp/expected"
	run_preloaded HAKMEM_MODE=passthrough bash -c "$program"
	cmp -s "$tmp/out" "$tmp/expected" || echo "other output" >>"$tmp/err"
	expect "${program%% *}" 0
done

# A static program has no other malloc.
if [ -e "$HM_STATIC_LIB" ] && $CC -static -o "$tmp/static" "$src/static_program.c" -D_GNU_SOURCE \
	-I"$HM_SRCDIR/include" -fno-builtin "$HM_STATIC_LIB" -pthread >"$tmp/log" 2>&1; then
	run env HAKMEM_MODE=passthrough "$tmp/static"
	expect "static: passthrough is nothing" 0
	run env HAKMEM_MODE=passthrough HAKMEM_VERBOSE=1 "$tmp/static"
	grep -q '^hakmem: mode=passthrough: there is no malloc but this one; ignored$' "$tmp/err" &&
		: >"$tmp/err"
	expect "static: it says so" 0
else
	left_out "a static program" "it does not link"
fi
finish
