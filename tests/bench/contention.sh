#!/bin/bash
# bench/contention: what is counted makes sense, and bad input is told in one line each.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../preload/lib.sh"
src=$HM_SRCDIR/bench
[ -z "$fast" ] || skip "not in the fast part: what it shows does not depend on the build mode"
python3 -c 'import sys, json; sys.exit(sys.version_info < (3, 9))' 2>/dev/null ||
	skip "no python3 of 3.9 or newer"
echo 'int nothing;' >"$tmp/nothing.c"
$CC -fsanitize=thread -c -o "$tmp/nothing.o" "$tmp/nothing.c" 2>/dev/null ||
	skip "$CC has no -fsanitize=thread"

# --- A build folder of our own ----------------------------------------------------------------

build=$tmp/build
mkdir -p "$build/bench/tools"
env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -s -C "$HM_BUILDDIR" bench/tools/counted.so \
	>"$tmp/make.log" 2>&1 || { cat "$tmp/make.log"; hard_error "counted.so cannot be built"; }
ln -s "$HM_BUILDDIR/bench/tools/counted.so" "$build/bench/tools/"
for program in random_mixed producer_consumer cache_lines; do
	compile "$program" -O2
	mv "$tmp/$program" "$build/bench/"
done

count() { # ARGUMENT...
	run "$src/contention" --build "$build" --json "$tmp/counts.json" "$@"
}

# holds NAME EXPRESSION: true of the last run's counts c, in Python; t is all transfers.
holds() {
	python3 - "$tmp/counts.json" "$2" >"$tmp/why" 2>&1 <<'END' && ok "$1" || bad "$1" "$tmp/why"
import json, sys
c = json.load(open(sys.argv[1]))[-1]
t = sum(c["transfers"].values())
if not eval(sys.argv[2]):
    sys.exit(f"not so: {sys.argv[2]}\n{c}")
END
}

# refused STATUS PATTERN ARGUMENT...: nothing but one line that has the pattern.
refused() {
	local wanted=$1 pattern=$2
	shift 2
	run "$src/contention" --build "$build" "$@"
	if [ "$status" = "$wanted" ] && [ ! -s "$tmp/out" ] && [ "$(wc -l <"$tmp/err")" = 1 ] &&
		grep -q -- "^bench/contention: .*$pattern" "$tmp/err"; then
		ok "refused: $pattern"
	else
		{ echo "status $status, not $wanted"; cat "$tmp/out" "$tmp/err"; } >"$tmp/why"
		bad "refused: $pattern" "$tmp/why"
	fi
}

# --- Counts -----------------------------------------------------------------------------------

count random_mixed --threads 1 --operations 100000
expect "one thread" 0
holds "it is one thread" 'c["threads"] == 1'
holds "each operation is a malloc or a free" '100000 <= c["mallocs"] + c["frees"] < 130000'
holds "no transfer, nothing shared" 't == 0 and sum(c["shared_lines"].values()) == 0'
holds "hardly any read-modify-write" 'c["rmws"] < 1000'
holds "a lock is two of them, and is never held" '2 * c["locks"] <= c["rmws"] and \
	c["locks"] > 0 and c["contended"] == 0'
count thrash --threads 2 --operations 4000
expect "two threads with a block each" 0
holds "they share next to nothing" 't < 400 and c["transfers"]["blocks"] < 20'
count pairs --threads 2 --operations 20000 --where
expect "producer and consumer" 0
holds "each block moves" '5000 < c["transfers"]["blocks"] < 200000'
holds "metadata moves, less" '0 < t - c["transfers"]["blocks"] < 20000'
holds "frees go home in batches" '50 < c["rmws"] < 20000'
grep -q '^| *2 |' "$tmp/out" && grep -q waiting "$tmp/out" &&
	ok "a table, and names of lines" || bad "a table, and names of lines" "$tmp/out"
count pairs --threads 8 --operations 20000 --rounds 3
holds "eight threads" '3 <= c["threads"] <= 9 and c["contended"] <= c["locks"]'

# --- Bad input --------------------------------------------------------------------------------

refused 2 'no program quake; there are larson, ' quake
refused 2 '--threads x: expected numbers of 1 to ' --threads x
refused 2 '--threads 0: expected ' --threads 0
refused 2 '--threads 2,1000: expected ' --threads 2,1000
refused 2 '--rounds and ' --rounds 0
refused 2 '--operations is ' --operations 0
refused 2 'no program .*/larson; ' larson
refused 2 'no .*/none/bench/tools/counted.so; ' --build "$tmp/none"
refused 1 'has not ended after 0.2 s' random_mixed --limit 0.2 --threads 2
printf '#!/bin/sh\nkill -s SEGV $$\n' >"$build/bench/trees"
printf '#!/bin/sh\nexit 0\n' >"$build/bench/server"
chmod +x "$build/bench/trees" "$build/bench/server"
refused 1 'trees with 2 threads was ended by SIGSEGV' trees --threads 2
rm "$build/bench/tools/counted.so"
cp "$tmp/nothing.o" "$build/bench/tools/counted.so"
refused 1 'counted.so has counted nothing' server --threads 2 --operations 10
finish
