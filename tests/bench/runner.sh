#!/bin/bash
# bench/run: what it measures and writes, and what it says of bad input, each in one line.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../preload/lib.sh"
here=$HM_SRCDIR/tests/bench
[ -z "$fast" ] || skip "not in the fast part: what it shows does not depend on the build mode"

python3 -c 'import sys, json; sys.exit(sys.version_info < (3, 9))' 2>/dev/null ||
	skip "no python3 of 3.9 or newer"

# --- A build folder with rows of our own ------------------------------------------------------

build=$tmp/build out=$tmp/out rows=$tmp/rows.txt
mkdir -p "$build/bench/tools" "$build/.libs"
ln -s "$lib" "$build/.libs/libhakmem.so.1"

make_file() { # NAME FLAG...
	local name=$1
	shift
	# shellcheck disable=SC2086
	$CC -std=gnu11 -D_GNU_SOURCE -O1 -Wall -Wextra -fno-builtin -o "$name" "$@" -pthread -ldl \
		2>"$tmp/compile.log" && return
	cat "$tmp/compile.log"
	hard_error "$name does not compile"
}

make_file "$build/bench/tools/launch" "$HM_SRCDIR/bench/tools/launch.c"
make_file "$build/bench/tools/live.so" -shared -fPIC -fvisibility=hidden \
	"$HM_SRCDIR/bench/tools/live.c"
make_file "$build/bench/row" "$here/row.c"
make_file "$tmp/crashing.so" -shared -fPIC "$here/crashing.c"
# The counting library is an allocator as well as any other.
mkdir "$tmp/other dir"
cp "$build/bench/tools/live.so" "$tmp/other dir/other.so"
echo 'int nothing;' >"$tmp/nothing.c"
make_file "$tmp/nothing.so" -shared -fPIC "$tmp/nothing.c"

cat >"$rows" <<'END'
# rows of tests/bench/runner.sh
work|1|row work|allocates for a while
marked|0|row marked|asks for the size that crashes one allocator
noisy|0|row noisy|says any time
steady|0|row steady|says one time, or twice that on "other"
liar|0|row liar|says that it has another malloc
silent|0|row silent|says nothing
sleeper|0|row sleep|does not end
END

bench() { # ARGUMENT...: sets status; output in $tmp/out.txt and $tmp/err.txt
	"$HM_SRCDIR/bench/run" --build "$build" --out "$out" --programs "$rows" --peers none \
		$charts "$@" >"$tmp/out.txt" 2>"$tmp/err.txt" </dev/null
	status=$?
}

ended() { # NAME STATUS
	if [ "$status" = "$2" ]; then ok "$1"; else bad "$1" "$tmp/err.txt"; fi
}

# said NAME STATUS PATTERN: the status, and exactly one line on stderr that has the pattern.
said() {
	local found
	found=$(grep -cE -- "$3" "$tmp/err.txt")
	if [ "$status" = "$2" ] && [ "$found" = 1 ] && ! grep -q Traceback "$tmp/err.txt"; then
		ok "$1"
	else
		{ echo "status $status, not $2, or $found lines, not 1, with: $3"
			cat "$tmp/err.txt"; } >"$tmp/why"
		bad "$1" "$tmp/why"
	fi
}

# holds NAME EXPRESSION: true of the results r, in Python.
holds() {
	python3 - "$out/results.json" "$2" >"$tmp/why" 2>&1 <<'END' && ok "$1" || bad "$1" "$tmp/why"
import json, sys
r = json.load(open(sys.argv[1]))
runs = r["runs"]
if not eval(sys.argv[2]):
    sys.exit(f"not so: {sys.argv[2]}\n{json.dumps(r)[:3000]}")
END
}

shows() { # NAME PATTERN FILE
	if grep -qE -- "$2" "$3"; then ok "$1"; else bad "$1" "$3"; fi
}

# --- What it measures -------------------------------------------------------------------------

other="other=$tmp/other dir/other.so"
charts=
bench --rows '^(work|steady)$' --rounds 4 "$other"
charts=--no-charts
ended "a run of all" 0
holds "each row on each allocator in each round" \
	'len(runs) == 2 * 3 * 4 and r["rounds"] == 4 and not r["failures"] and not r["interrupted"]'
holds "figures of a run" \
	'all(x["wall"] > 0.07 and x["user"] > 0.01 and x["peak_kib"] > 1500 and x["minor"] > 100
	for x in runs if x["row"] == "work")'
holds "live and resident memory over time" \
	'(lambda m: max(k for _, k in m["live"]) in range(1200, 2200) and set(m["resident"]) ==
	{"glibc", "hakmem", "other"} and all(max(k for _, k in c) > 1200 and len(c) > 1
	for c in m["resident"].values()))(r["memory"]["work"])'
holds "the machine" 'r["machine"]["memory_mib"] > 0 and r["machine"]["kernel"][:5] == "Linux"'
shows "what is apart is ranked" '^steady +(glibc)~? .* 2\.00 *$' "$tmp/out.txt"
shows "Markdown" '^\| steady \| glibc' "$out/results.md"
if command -v gnuplot >/dev/null; then
	for chart in time peak means memory; do
		shows "$chart.svg" '</svg>' "$out/$chart.svg"
	done
else
	said "charts need gnuplot" 0 'no gnuplot .*no charts'
fi
rm "$out"/results.md
bench --report "$out/results.json"
shows "a report of earlier results" '^\| steady \|' "$out/results.md"

bench --rows '^noisy$' --rounds 5 "$other"
ended "a noisy row is measured" 0
shows "and not ranked" '^~ not ranked: the difference .* \([0-9]+ of 3 cells\)' "$tmp/out.txt"
shows "its cells are marked" '^noisy +[a-z]+~ .*[0-9]~' "$tmp/out.txt"
shows "its noise is told" '^Noisy, spread above 5 %: noisy [0-9]+ %' "$tmp/out.txt"

bench --rows '^work$' --rounds 1 --variant slow="$lib,HAKMEM_STATS=0"
ended "a variant with a setting" 0
holds "is ours" '[a["name"] for a in r["allocators"] if a["ours"]] == ["hakmem", "slow"]'

bench --quick --rounds 1
holds "the quick set" '[x["name"] for x in r["rows"]] == ["work"] and r["quick"]'

# --- Bad input --------------------------------------------------------------------------------

bench nowhere="$tmp/nowhere.so"
said "a named library that is missing" 2 '^bench/run: nowhere: no file .*/nowhere.so$'
bench nothing="$tmp/nothing.so"
said "a library that is no allocator" 2 '^bench/run: nothing: .*nothing.so is no allocator'
bench text="$rows"
said "a file that is no library" 2 '^bench/run: text: '
bench --rows nosuchrow
said "a row that is not there" 2 '^bench/run: --rows nosuchrow: no row'
bench --peers nosuchpeer
said "a peer that nobody knows" 2 '^bench/run: --peers: no peer nosuchpeer'
bench --programs "$tmp/nothing.c"
said "a file of rows that is none" 2 '^bench/run: .*nothing.c:1: expected ROW'
bench --programs "$tmp/nowhere"
said "a file of rows that is missing" 2 '^bench/run: .*nowhere: No such file'
bench --build "$tmp"
said "a build without the tools" 2 '^bench/run: no .*/bench/tools/launch'

mkdir "$tmp/bin"
printf '#!/bin/sh\n' >"$tmp/bin/ldconfig" && chmod +x "$tmp/bin/ldconfig"
PATH=$tmp/bin:$PATH bench --rows '^steady$' --rounds 1 --peers mimalloc
said "a peer that is missing" 0 '^mimalloc: no libmimalloc.so.2 \(Debian: .*; left out$'
holds "the others are measured" 'len(runs) == 2 and len(r["left_out"]) == 1'

bench --rows '^(steady|marked)$' --rounds 2 crashing="$tmp/crashing.so"
said "a program that crashes on a peer" 1 '^marked on crashing: was ended by SIGABRT'
holds "the other cells are measured" 'len(runs) == 2 * 2 * 3 - 2 and len(r["failures"]) == 1'
bench --rows '^(liar|silent)$' --rounds 1
said "a program that has another malloc" 1 \
	'^liar on glibc: refused, its malloc is that of /usr/lib/another.so$'
said "a program that says nothing" 1 '^silent on glibc: printed no result'
bench --rows '^sleeper$' --rounds 1 --limit 0.3
said "a program that does not end" 1 '^sleeper on glibc: has not ended'

gcc_static() { $CC -static -O1 -x c -o "$tmp/static" - <<<'int main(void) { return 0; }'; }
check='import sys; sys.dont_write_bytecode = True; sys.path.insert(0, sys.argv[1])
from hmbench import allocators
try:
    allocators.check_program(sys.argv[2])
except allocators.Unusable as e:
    print(e)'
python3 -c "$check" "$HM_SRCDIR/bench" "$HM_SRCDIR/bench/run" >"$tmp/out.txt"
shows "a script is no program" 'is a script' "$tmp/out.txt"
if gcc_static 2>/dev/null; then
	python3 -c "$check" "$HM_SRCDIR/bench" "$tmp/static" >"$tmp/out.txt"
	shows "a static program" 'is linked statically' "$tmp/out.txt"
else
	left_out "a static program" "no static libc"
fi

# --- Ends in the middle -----------------------------------------------------------------------

# No process may be left whose program is in our folder.
none_left() { # NAME
	local i left
	for i in 1 2 3 4 5; do
		left=$(find /proc -maxdepth 2 -name exe -lname "$tmp/*" 2>/dev/null)
		[ -n "$left" ] || { ok "$1"; return; }
		sleep 0.1
	done
	bad "$1" "$left"
}

interrupt_when() { # PATTERN SIGNAL ARGUMENT...
	local pattern=$1 signal=$2 i pid
	shift 2
	: >"$tmp/err.txt"
	"$HM_SRCDIR/bench/run" --build "$build" --out "$out" --programs "$rows" --peers none \
		"$@" >"$tmp/out.txt" 2>"$tmp/err.txt" </dev/null &
	pid=$!
	for i in $(seq 400); do
		! grep -q -- "$pattern" "$tmp/err.txt" || break
		sleep 0.05
	done
	sleep 0.2
	kill "-$signal" $pid
	wait $pid
	status=$?
}

cp "$out/results.json" "$tmp/before.json"
interrupt_when 'warm-up' INT --rows '^sleeper$'
said "an interrupt before there is anything" 130 '^nothing was measured; .* as it was$'
cmp -s "$out/results.json" "$tmp/before.json" && ok "earlier results stay" ||
	bad "earlier results stay"
none_left "no process is left"

for signal in INT TERM; do
	interrupt_when '^round 2/' $signal --rows '^work$' --rounds 100
	said "SIG$signal in the middle" 130 '^interrupted after [0-9]+ whole rounds, [0-9]+ runs$'
	holds "what there is, is written" 'r["interrupted"] and 0 < len(runs) < 200'
	shows "and shown" '^Interrupted: ' "$tmp/out.txt"
	none_left "no process is left"
done

# --- A disk that takes no more ----------------------------------------------------------------

cp "$out/results.json" "$tmp/before.json"
files=$(ls -A "$out")
unchanged() { # NAME
	if cmp -s "$out/results.json" "$tmp/before.json" && [ "$(ls -A "$out")" = "$files" ]; then
		ok "$1"
	else
		bad "$1" "$(ls -lA "$out")"
	fi
}
(ulimit -f 6 && bench --rows '^steady$' --rounds 20 && exit "$status")
status=$?
said "the results cannot be written" 3 '^.*/results.json: cannot write: .*; the file is as it was$'
shows "they are shown all the same" '^steady +glibc' "$tmp/out.txt"
unchanged "the file before is whole"
(ulimit -f 1 && bench --rows '^steady$' && exit "$status")
status=$?
said "nothing can be written from the start" 3 'cannot write there: .*; nothing was measured$'
unchanged "the file before is whole"
out=$rows/below bench --rows '^steady$'
said "a folder that cannot be" 3 'cannot write there'

# --- A real program ---------------------------------------------------------------------------

if [ -n "$fast" ]; then
	left_out "a real program" "the fast part"
elif [ ! -x /usr/bin/perl ]; then
	left_out "a real program" "no perl"
else
	"$HM_SRCDIR/bench/run" --build "$build" --out "$out" --peers none --no-charts \
		--rows '^perl$' --rounds 1 \
		>"$tmp/out.txt" 2>"$tmp/err.txt" </dev/null
	status=$?
	ended "a real program" 0
	holds "with each allocator" \
		'{x["allocator"] for x in runs} == {"glibc", "hakmem"} and not r["failures"]'
fi

finish
