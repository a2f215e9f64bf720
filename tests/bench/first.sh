#!/bin/bash
# bench/first: what the program prints and the table, in small, and what it says of bad input. No
# time is judged; that prewarm leaves the first request no page faults is.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../preload/lib.sh"
src=$HM_SRCDIR/bench
[ -z "$fast" ] || skip "not in the fast part: its program is the same in all build modes"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null ||
	skip "no python3 of 3.9 or newer"

# --- A build folder of our own ----------------------------------------------------------------

build=$tmp/build
mkdir -p "$build/bench/tools" "$build/.libs"
ln -s "$lib" "$build/.libs/libhakmem.so.1"
for program in tools/first_calls tools/launch; do
	$CC -std=gnu11 -O2 -Wall -Wextra -fno-builtin -o "$build/bench/$program" "$src/$program.c" \
		-pthread -ldl 2>"$tmp/compile.log" || hard_error "$(head -n 3 "$tmp/compile.log")"
done

# --- What it measures -------------------------------------------------------------------------

figure() { sed -n "s/^$1 \([0-9.]*\)$/\1/p" "$tmp/out"; }

faults=()
names="request_us request_faults faults start_us p50_ns p99_ns p999_ns max_ns"
for settings in HAKMEM_PREWARM=0 HAKMEM_PREWARM=4; do
	run_preloaded "$settings" "$build/bench/tools/first_calls" 7
	expect "$settings" 0
	for name in $names; do
		[ -n "$(figure "$name")" ] || bad "$settings: prints $name" "$tmp/out"
	done
	faults+=("$(figure request_faults)")
done
name="page faults of the first request: ${faults[0]}, prewarmed ${faults[1]}"
if [ "${faults[1]}" -le 8 ] && [ "${faults[0]}" -gt 20 ]; then ok "$name"; else bad "$name"; fi

run "$src/first" --build "$build" --rounds 1 "mine=$lib,HAKMEM_PREWARM=2"
expect "a table" 0
[ "$(grep -cE '^\| (glibc|mine) (\| [0-9]+ ){8}\|$' "$tmp/out")" = 2 ] || bad "a table" "$tmp/out"

# --- Bad input --------------------------------------------------------------------------------

refused() { # PATTERN ARGUMENT...
	local pattern=$1
	shift
	run "$src/first" --build "$build" "$@"
	if [ "$status" = 2 ] && [ ! -s "$tmp/out" ] && grep -q -- "$pattern" "$tmp/err"; then
		ok "refused: $pattern"
	else
		{ echo "status $status"; cat "$tmp/out" "$tmp/err"; } >"$tmp/why"
		bad "refused: $pattern" "$tmp/why"
	fi
}

refused "1 at least" --rounds 0
refused "expected NAME=PATH" mine
refused "no file" mine=/nosuch
refused "is no allocator" mine=/bin/true
run "$build/bench/tools/first_calls" none
[ "$status" = 1 ] && [ "$(wc -l <"$tmp/err")" = 1 ] || bad "a bad seed" "$tmp/err"
finish
