#!/bin/bash
# The heap profile of real programs: estimates near the truth, stacks by both ways, what is written
# at exit and what is not, and no hang while libraries come and go (HM_TEST_LONG=1: ten minutes).
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
compile profile -fno-omit-frame-pointer
compile profile_storm
compile profile_plugin -shared -fPIC
program=$tmp/profile
profile=$tmp/profile.heap
seconds=30
[ -z "$fast" ] || seconds=4
[ -z "${HM_TEST_LONG-}" ] || seconds=600

# Sums over the file: samples, and the bytes that they stand for, all and live, as pprof scales them.
sums() { # FILE
	awk '/^MAPPED/ { exit }
		NR == 1 { split($0, h, "heap_v2/"); rate = h[2] + 0 }
		NR > 1 && /@/ {
			gsub(/[:\[\]]/, " ")
			samples += $3
			if ($3) all += $4 * (rate > 1 ? 1 / (1 - exp(-$4 / $3 / rate)) : 1)
			if ($1) live += $2 * (rate > 1 ? 1 / (1 - exp(-$2 / $1 / rate)) : 1)
		}
		END { printf "%d %d %d\n", samples, all, live }' "$1"
}

near() { # NAME GOT TRUTH
	if awk -v a="$2" -v b="$3" 'BEGIN { exit !(a > b * 0.95 && a < b * 1.05) }'; then ok "$1"; else
		bad "$1" "$2, not within 5 % of $3"
	fi
}

# With 10 000 samples and more 5 % are five standard deviations. The program's own figures leave
# out some kilobytes of libc's.
for way in auto frames; do
	run_preloaded HAKMEM_PROFILE=1 HAKMEM_PROFILE_RATE=4K HAKMEM_PROFILE_STACKS=$way \
		HAKMEM_PROFILE_FILE="$profile" "$program" known
	expect "a known heap, $way" 0
	read -r all live <"$tmp/out"
	read -r samples all_bytes live_bytes < <(sums "$profile")
	[ "$samples" -ge 10000 ] && ok "$samples samples" || bad "only $samples samples"
	near "what was allocated, $way" "$all_bytes" "$all"
	near "what lives, $way" "$live_bytes" "$live"
done

# With rate 1 it is exact: one block each, with its caller.
callers() { # FILE: live bytes and names of functions, a line a stack
	local prof=$HM_BUILDDIR/hakmem-prof
	"$prof" -f folded "$1" 2>"$tmp/err"
}
if [ -x "$HM_BUILDDIR/hakmem-prof" ] && ! "$HM_BUILDDIR/hakmem-prof" /dev/null 2>&1 | grep -q elfutils; then
	for way in auto frames; do
		run_preloaded HAKMEM_PROFILE=1 HAKMEM_PROFILE_RATE=1 HAKMEM_PROFILE_STACKS=$way \
			HAKMEM_PROFILE_FILE="$profile" "$program" entries
		expect "each way to allocate, $way" 0
		callers "$profile" >"$tmp/callers"
		for caller in malloc calloc realloc aligned_alloc memalign valloc large small small_calloc; do
			grep -qE "entries;by_$caller [0-9]+$" "$tmp/callers" && ok "by_$caller, $way" ||
				bad "by_$caller, $way" "$tmp/callers"
		done
	done
	run_preloaded "$program" switch
	cp "$tmp/out" "$profile"
	expect "switched by the program" 0
	callers "$profile" >"$tmp/callers"
	if [ "$(grep -c outer_function "$tmp/callers")" = 1 ] && ! grep -q zeroed "$tmp/callers" &&
		grep -qE 'switched;outer_function;inner_function 2[01][0-9]{5}$' "$tmp/callers"; then
		ok "only what was allocated meanwhile, and lives"
	else
		bad "only what was allocated meanwhile, and lives" "$tmp/callers"
	fi
else
	left_out "names of callers" "hakmem-prof has none"
fi

# Checked threads, and another malloc.
run_preloaded HAKMEM_CHECK=1 HAKMEM_PROFILE=1 HAKMEM_PROFILE_RATE=4K HAKMEM_PROFILE_FILE="$profile" \
	"$program" known
expect "with checks" 0
read -r all live <"$tmp/out"
read -r samples all_bytes live_bytes < <(sums "$profile")
near "what was allocated, with checks" "$all_bytes" "$all"
near "what lives, with checks" "$live_bytes" "$live"
rm -f "$profile"
run_preloaded HAKMEM_MODE=passthrough HAKMEM_VERBOSE=1 HAKMEM_PROFILE=1 HAKMEM_PROFILE_FILE="$profile" \
	"$program" known
[ "$status" = 0 ] && [ "$(wc -l <"$tmp/err")" = 1 ] && [ ! -e "$profile" ] &&
	ok "passthrough: a line, and no file" || bad "passthrough" "$tmp/err"

# At exit.
run_preloaded HAKMEM_PROFILE=1 HAKMEM_PROFILE_RATE=1 HAKMEM_PROFILE_LEAKS=1 "$program" entries
if [ "$status" = 0 ] && grep -qE '^hakmem: leaks: about [0-9]+ bytes live, by [0-9]+ samples$' "$tmp/err" &&
	[ "$(grep -c '^hakmem: leak: about ' "$tmp/err")" -ge 9 ] &&
	grep -qE "^hakmem:   $program\+0x[0-9a-f]+$" "$tmp/err"; then
	ok "leaks at exit"
else
	bad "leaks at exit" "$tmp/err"
fi
run_preloaded HAKMEM_PROFILE_LEAKS=1 HAKMEM_PROFILE_FILE="$tmp/unasked" "$program" known
expect "nothing without a profile" 0
[ ! -e "$tmp/unasked" ] || bad "nothing without a profile: a file"
run_preloaded HAKMEM_PROFILE=1 HAKMEM_PROFILE_FILE="$tmp/each.%p%%" bash -c 'ls / >/dev/null; (exit 3)'
expect "a file for each process" 3
[ "$(ls "$tmp"/each.*% | wc -l)" -ge 2 ] && ok "two files" || bad "two files"
for value in 0 -1 x 1025G; do
	run_preloaded HAKMEM_VERBOSE=1 HAKMEM_PROFILE_RATE=$value "$program" known
	[ "$status" = 0 ] && grep -q '^hakmem: HAKMEM_PROFILE_RATE=' "$tmp/err" && ok "a rate of $value" ||
		bad "a rate of $value" "$tmp/err"
done
echo precious >"$tmp/precious"
ln -s precious "$tmp/symbolic"
for file in "$tmp/symbolic" "$tmp" "$tmp/no/such" /dev/full; do
	run_preloaded HAKMEM_PROFILE=1 HAKMEM_PROFILE_FILE="$file" "$program" known
	expect "not written: $file" 0
	run_preloaded HAKMEM_VERBOSE=1 HAKMEM_PROFILE=1 HAKMEM_PROFILE_FILE="$file" "$program" known
	[ "$status" = 0 ] && grep -q '^hakmem: HAKMEM_PROFILE_FILE: ' "$tmp/err" || bad "$file, verbose" "$tmp/err"
done
[ "$(cat "$tmp/precious")" = precious ] && ok "a file behind a link is as it was" || bad "a link was followed"
run_preloaded bash -c 'exec "$1" switch >/dev/full' - "$program"
[ "$status" = 4 ] && ok "a full disk is told" || bad "a full disk is told: $status"

for way in auto frames; do
	run_preloaded HAKMEM_PROFILE=1 HAKMEM_PROFILE_RATE=1 HAKMEM_PROFILE_STACKS=$way "$program" signals
	expect "signals, $way" 0
done
{
	timeout -k 5 $((seconds + 60)) env LD_PRELOAD="$lib" "$tmp/profile_storm" $seconds \
		"$tmp/profile_plugin" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
} 2>/dev/null
expect "libraries come and go, $seconds seconds: $(cat "$tmp/out")" 0

# Exceptions, on stacks that are unwound.
cat >"$tmp/throws.cc" <<'END'
#include <stdexcept>
#include <string>
#include <vector>
static int deeper(int n) { if (n == 0) throw std::runtime_error(std::string(100, 'x')); return deeper(n - 1) + 1; }
int main() {
	int caught = 0;
	for (int i = 0; i < 3000; i++) {
		std::vector<int> v(10 + i % 100);
		try { deeper(i % 50); } catch (const std::exception &e) { caught += e.what()[0] == 'x'; }
	}
	return caught == 3000 ? 0 : 1;
}
END
if $CXX -O1 -o "$tmp/throws" "$tmp/throws.cc" 2>/dev/null; then
	run_preloaded HAKMEM_PROFILE=1 HAKMEM_PROFILE_RATE=1 HAKMEM_PROFILE_FILE="$profile" "$tmp/throws"
	expect "exceptions" 0
else
	left_out "exceptions" "no C++ compiler"
fi

# Tables of frames that are registered, as by a JIT compiler: libgcc sorts each at the next throw, in
# memory that it asks for with its lock held.
cat >"$tmp/registers.cc" <<'END'
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
extern "C" void __register_frame(void *);
template <typename T> static unsigned char *put(unsigned char *p, T v)
{
	memcpy(p, &v, sizeof v);
	return p + sizeof v;
}
static unsigned char *table(void *code)
{
	static const unsigned char begin[16] = { 1, 0, 1, 0x78, 16, 0x0c, 7, 8, 0x90, 1 };
	unsigned char *all = static_cast<unsigned char *>(calloc(1, 65536)), *p = all;

	p = put<uint32_t>(p, 20);
	p = put<uint32_t>(p, 0);
	memcpy(p, begin, sizeof begin);
	p += sizeof begin;
	for (int i = 0; i < 1000; i++) {
		p = put<uint32_t>(p, 4 + 2 * sizeof(void *));
		p = put<uint32_t>(p, static_cast<uint32_t>(p - all));
		p = put(p, reinterpret_cast<uintptr_t>(code) + 4 * i);
		p = put<uintptr_t>(p, 4);
	}
	return all;
}
int main()
{
	int caught = 0;
	for (int i = 0; i < 100; i++) {
		__register_frame(table(mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
		try { throw i; } catch (int k) { caught += k == i; }
	}
	return caught == 100 ? 0 : 1;
}
END
if $CXX -O1 -o "$tmp/registers" "$tmp/registers.cc" 2>/dev/null; then
	for rate in 1 5K 10K 20K; do
		run_preloaded HAKMEM_PROFILE=1 HAKMEM_PROFILE_RATE=$rate \
			HAKMEM_PROFILE_FILE="$profile" "$tmp/registers"
		expect "frames that are registered, rate $rate" 0
	done
else
	left_out "frames that are registered" "no C++ compiler"
fi
finish
