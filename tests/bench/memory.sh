#!/bin/bash
# bench/memory: what each program prints, in small, on glibc's malloc and on this library; what the
# runner measures and writes, and what it says of bad input. No size of memory is judged here.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../preload/lib.sh"
here=$HM_SRCDIR/tests/bench
src=$HM_SRCDIR/bench/memory
[ -z "$fast" ] || skip "not in the fast part: its programs are the same in all build modes"
grep -q '^Pss_Anon:' /proc/self/smaps_rollup 2>/dev/null ||
	skip "no Pss_Anon in /proc/self/smaps_rollup"

# --- A build folder of our own ----------------------------------------------------------------

build=$tmp/build out=$tmp/results
mkdir -p "$build/bench/tools" "$build/bench/memory" "$build/.libs"
ln -s "$lib" "$build/.libs/libhakmem.so.1"
programs=()
for file in "$src"/*.c; do
	program=${file##*/}
	program=${program%.c}
	compile "$program" -O2
	mv "$tmp/$program" "$build/bench/memory/"
	programs+=("$program")
done

make_file() { # NAME FLAG...
	local name=$1
	shift
	# shellcheck disable=SC2086
	$CC -std=gnu11 -O1 -Wall -Wextra -fno-builtin -o "$name" "$@" -pthread -ldl \
		2>"$tmp/compile.log" && return
	cat "$tmp/compile.log"
	hard_error "$name does not compile"
}

make_file "$build/bench/tools/launch" "$HM_SRCDIR/bench/tools/launch.c"

show() { # NAME WHAT
	{ echo "$2; exit status $status"; tail -n 8 "$tmp/out"; cat "$tmp/err"; } >"$tmp/why"
	bad "$1" "$tmp/why"
}

# --- What a program prints --------------------------------------------------------------------

# Nothing is held at the end, nor does it change while nothing happens; prints what is held.
format='
function wrong(why) { if (!failed) print NR ": " why ": " $0; failed = 1 }
last != "" { wrong("a line after the last") }
NR == 1 { if (!/^base [1-9][0-9]*$/) wrong("no base"); next }
/^at / {
	if (!/^at [0-9]+ [0-9]+ [1-9][0-9]* [a-z0-9-]+$/) wrong("no sample")
	if ($2 < done) wrong("operations go back")
	if ($5 == phase && phase ~ /^(idle|beats)$/ && $3 != live) wrong("live while it is idle")
	if ($5 == "idle") idle++
	done = $2; live = $3; phase = $5
	if (live > most) most = live
	held[n++] = live " " phase
	next
}
{
	last = $0
	if (!/^[a-z_]+ [0-9]+ [0-9]+\.[0-9]+ [0-9]+ [1-9][0-9]* \//) wrong("no result")
	if ($1 != name) wrong("another name")
	if ($2 != done) wrong("the last sample has other operations")
	if ($6 !~ malloc) wrong("another malloc")
}
END {
	if (last == "") wrong("no result at the end")
	if (live != 0) wrong("live at the end is " live)
	if (most < 1000 || n < 10 || idle < 4) wrong("too little: " most " bytes, " n " samples")
	for (i = 0; i < n; i++) print held[i]
	exit failed
}'

# printed PROGRAM MALLOC: the last run was good; what it held goes to $tmp/held.
printed() {
	if [ "$status" = 0 ] && [ ! -s "$tmp/err" ] &&
		awk -v name="$1" -v malloc="$2" "$format" "$tmp/out" >"$tmp/held"; then
		return 0
	fi
	show "$1" "$(head -n 1 "$tmp/held" 2>/dev/null)"
	return 1
}

few() { # PROGRAM: options that keep it small
	echo "pause=1"
	[ "$1" != idle_threads ] || echo "idle=20"
}

try() { # PROGRAM OPERATIONS
	local program=$1
	# shellcheck disable=SC2046
	run "$build/bench/memory/$program" "$2" $(few "$program")
	printed "$program" '/libc[.-][^/]*$' || return
	mv "$tmp/held" "$tmp/held.plain"
	# shellcheck disable=SC2046
	run_preloaded "$build/bench/memory/$program" "$2" $(few "$program")
	printed "$program" "^$lib\$" || return
	if cmp -s "$tmp/held" "$tmp/held.plain"; then
		ok "$program $2"
	else
		diff "$tmp/held.plain" "$tmp/held" >"$tmp/why"
		bad "$program $2 holds something else on the other allocator" "$tmp/why"
	fi
}

refused() { # PATTERN PROGRAM ARGUMENT...
	run "$build/bench/memory/$2" "${@:3}"
	if [ "$status" = 1 ] && [ "$(wc -l <"$tmp/err")" = 1 ] && grep -qE "^$2: $1" "$tmp/err"; then
		ok "refused: ${*:2}"
	else
		show "refused: ${*:2}" "wanted 1 and a line with: $1"
	fi
}

for program in "${programs[@]}"; do
	try "$program" 2000
	run "$build/bench/memory/$program" 1 pause=0
	expect "$program with one operation" 0
	grep -q "^$program|1|$program [1-9]" "$src/programs.txt" || bad "$program" "no row has it"
	for argument in none 0 no=1 pause= pause=-1 pause=x pause=60001; do
		refused "bad argument '$argument'; usage: $program \[OPERATIONS" "$program" "$argument"
	done
	refused "bad argument '7'" "$program" 10 42 1 7
	case $program in
	thread_churn | prefork) ;;
	slow_consumer) refused 'has two threads only' $program 10 42 3 ;;
	*) refused 'has one thread only' "$program" 10 42 2 ;;
	esac
done
refused "bad argument 'idle=3'" idle_threads idle=3
refused "bad argument 'idle=1001'" idle_threads idle=1001
run "$build/bench/memory/prefork" 300 42 1 pause=0
expect "prefork with one worker" 0
run "$build/bench/memory/thread_churn" 30 42 1 pause=0
expect "thread_churn, one at a time" 0
if [ -w /dev/full ]; then
	"$build/bench/memory/burst_idle" 10 >/dev/full 2>"$tmp/err"
	status=$?
	: >"$tmp/out"
	[ "$status" = 1 ] && [ "$(cat "$tmp/err")" = "burst_idle: cannot write" ] &&
		ok "a full disk" || show "a full disk" "wanted one line"
fi

# --- The runner -------------------------------------------------------------------------------

if ! python3 -c 'import sys, json; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
	left_out "the runner" "no python3 of 3.9 or newer"
	finish
fi

charts=
measure() { # ARGUMENT...
	# shellcheck disable=SC2086
	run "$src/run" --build "$build" --out "$out" --peers none $charts "$@"
}

# said NAME STATUS PATTERN: the status, and exactly one line on stderr that has the pattern.
said() {
	local found
	found=$(grep -cE -- "$3" "$tmp/err")
	if [ "$status" = "$2" ] && [ "$found" = 1 ] && ! grep -q Traceback "$tmp/err"; then
		ok "$1"
	else
		show "$1" "wanted $2, and one line, not $found, with: $3"
	fi
}

ended() { # NAME STATUS
	if [ "$status" = "$2" ]; then ok "$1"; else show "$1" "wanted $2"; fi
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

python3 - "$HM_SRCDIR/bench" >"$tmp/why" 2>&1 <<'END' && ok "areas" || bad "areas" "$tmp/why"
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
from hmbench import areas
MIB = 1 << 20
got = areas.area([5 * MIB, 3 * MIB, 9 * MIB], [MIB, 4 * MIB, 2 * MIB], MIB)
assert got == 3 + 0 + 6, got
assert areas.area([MIB], [MIB], MIB) > 0
whole = "base 9\nat 0 1 20 idle\nat 5 0 30 end\nx 5 0.5 10 77 /lib/a malloc.so\n"
p = areas.parse(whole)
assert p.points == [(0, 1, 20, "idle"), (5, 0, 30, "end")], p
assert (p.base, p.peak_kib, p.served) == (9, 77, "/lib/a malloc.so"), p
for text in ("", "x", "base 9\n", whole.replace("at 5", "at -5"), whole.replace(" end", ""),
             whole.replace("base 9", "base"), whole.replace("x 5 0.5", "x"), whole + "y\n"):
    try:
        areas.parse(text)
    except ValueError:
        continue
    sys.exit(f"taken for samples: {text!r}")
# glibc is the best peer with 2 of (10 + 30 - 20); b failed in a later round, and does not count
live = [10 * MIB, 10 * MIB]
runs = [("glibc", 11, 11), ("ours", 10, 13), ("a", 20, 20), ("b", 10, 10), ("glibc", 11, 13)]
s = areas.summarize({
    "allocators": [{"name": n, "ours": n == "ours"} for n in ("glibc", "ours", "a", "b")],
    "rows": [{"name": "p", "note": "", "phases": ["x", "x"], "live": live},
             {"name": "q", "note": "", "phases": [], "live": []}],
    "failures": [{"row": "p", "allocator": "b", "why": ""}],
    "runs": [{"row": "p", "allocator": n, "base": 0, "resident": [x * MIB, y * MIB],
              "peak_kib": 1, "seconds": 1} for n, x, y in runs]})
line, = s.lines
assert line.best == "glibc" and sorted(line.cells) == ["a", "glibc", "ours"], line
assert (line.cells["glibc"].area, line.cells["ours"].area) == (3, 3), line
assert line.cells["ours"].ratio == 1 and s.means["a"][0] - 20 / 3 < 1e-9, s
assert line.live_area == 20, line
END

# Rows of our own: two programs, and scripts that stand for bad ones.
cat >"$tmp/rows.txt" <<'END'
left|1|fragments 2000 42 1 pause=1|what is left lies among what goes
drift|0|size_drift 2000 42 1 pause=1|sizes that drift
liar|0|script liar|says that it has another malloc
silent|0|script silent|prints nothing
sleeper|0|script sleeper|does not end
fickle|0|script fickle|holds another amount each time
gone|0|gone|is not there
END
cat >"$build/bench/memory/script" <<'END'
#!/bin/sh
samples() {
	printf 'base 1000\nat 0 %s 5000 work\nat 0 0 5000 end\nscript 0 1.0 1 5 %s\n' "$1" "$2"
}
case $1 in
liar) samples 10 /usr/lib/another.so ;;
sleeper) sleep 60 ;;
fickle) samples $$ "$LD_PRELOAD" ;;
esac
END
chmod +x "$build/bench/memory/script"
sed 's/n == 54321/n > 40000/' "$here/crashing.c" >"$tmp/crashing.c"
make_file "$tmp/crashing.so" -shared -fPIC "$tmp/crashing.c"
echo 'int nothing;' >"$tmp/nothing.c"
make_file "$tmp/nothing.so" -shared -fPIC "$tmp/nothing.c"
rows=$tmp/rows.txt

measure --programs "$rows" --rows 'left|drift' --rounds 2
ended "two programs on two allocators" 0
holds "each in each round" 'len(runs) == 2 * 2 * 2 and r["rounds"] == 2 and not r["failures"]'
holds "with live and resident memory of each sample" 'all(max(x["live"]) > 1000
	and len(x["live"]) == len(x["phases"]) > 10 for x in r["rows"]) and all(max(x["resident"])
	> x["base"] > 0 and len(x["resident"]) in [len(y["live"]) for y in r["rows"]] for x in runs)'
holds "the machine and the commit" 'r["machine"]["memory_mib"] > 0 and "commit" in r'
shows "a table" '^left +glibc +1\.00 +[0-9.]+$' "$tmp/out"
shows "its mean" '^geometric mean +1\.00 +[0-9.]+$' "$tmp/out"
shows "Markdown" '^\| drift \| glibc \| 1\.00 \| [0-9.]+ \|$' "$out/results.md"
if command -v gnuplot >/dev/null; then
	for chart in left drift; do
		shows "$chart.svg" '</svg>' "$out/$chart.svg"
		shows "$chart.svg is in the Markdown" "\($chart.svg\)" "$out/results.md"
	done
else
	said "charts need gnuplot" 0 'no gnuplot .*no charts'
fi
charts=--no-charts
rm "$out/results.md"
measure --report "$out/results.json"
shows "a report of earlier results" '^\| drift \|' "$out/results.md"
measure --quick --pause 2 --programs "$rows"
holds "the short run" '[x["name"] for x in r["rows"]] == ["left"] and len(runs) == 2 and (
	[r["rows"][0]["command"][i] for i in (1, -1)] == ["500", "pause=2"])'
measure --list
ended "the list" 0
for program in "${programs[@]}"; do shows "$program is in it" "^$program " "$tmp/out"; done

# --- Bad input --------------------------------------------------------------------------------

measure --programs "$rows" --rows 'left|drift' --rounds 2 gone="$tmp/gone.so" \
	nothing="$tmp/nothing.so" text="$rows" crashing="$tmp/crashing.so" glibc="$lib"
said "a library that is missing" 1 '^gone: no file .*/gone.so; left out$'
said "a library that is no allocator" 1 '^nothing: .*nothing.so is no allocator.*; left out$'
said "a file that is no library" 1 '^text: .*; left out$'
said "a name that is taken" 1 '^glibc: a second allocator of that name; left out$'
said "a program that crashes on a peer" 1 '^drift on crashing: was ended by SIGABRT'
holds "the others are measured" 'len(runs) == 3 * 2 * 2 - 2 and len(r["left_out"]) == 4'
shows "a gap in the table" '^drift +glibc +1.00 +[0-9.]+ +-$' "$tmp/out"
shows "a mean of what there is" '^geometric mean .*\([0-9.]+\)$' "$tmp/out"
measure --programs "$rows" --rows 'left|gone' --rounds 1 --variant slow="$lib,HAKMEM_STATS=0"
said "a program that is missing" 0 '^gone left out: no program .*/gone$'
holds "a variant with a setting is ours" \
	'[a["name"] for a in r["allocators"] if a["ours"]] == ["hakmem", "slow"]'
measure --programs "$rows" --rows 'liar|silent|fickle' --rounds 1
said "a program with another malloc" 1 \
	'^liar on glibc: refused, its malloc is that of /usr/lib/another.so$'
said "a program that prints nothing" 1 "^silent on glibc: printed no samples, but: ''$"
said "a program that is not the same each time" 1 '^fickle on .*: held something else than at first'
shows "no results" '^No results\.$|^fickle ' "$tmp/out"
measure --programs "$rows" --rows sleeper --rounds 1 --limit 0.3
said "a program that does not end" 1 '^sleeper on glibc: has not ended after 0.3 s$'

refused_run() { # PATTERN ARGUMENT...
	run "$src/run" --build "$build" --out "$out" --peers none "${@:2}"
	said "refused: ${*:2}" 2 "^bench/memory/run: $1"
}
echo '{"format": 1}' >"$tmp/other.json"
refused_run '.*other.json: no results file of this kind' --report "$tmp/other.json"
refused_run '.*rows.txt: |Expecting value|.*line 1' --report "$rows"
refused_run '--rows nosuch: no row' --rows nosuch
refused_run '--rounds, --limit and --scale are above 0' --rounds 0
refused_run '--rounds, --limit and --scale are above 0' --scale -1
refused_run '--pause is of 0 to 60000 ' --pause 60001
refused_run '--peers: no peer nosuch' --peers nosuch
refused_run 'what: expected NAME=PATH.so' what
refused_run '.*nothing.c:1: expected ROW' --programs "$tmp/nothing.c"
refused_run 'no .*/none/bench/tools/launch; ' --build "$tmp/none"
out=$rows/below measure --rows fragments
said "a folder that cannot be" 3 'cannot write there: .*; nothing was measured$'

# --- Ends in the middle -----------------------------------------------------------------------

interrupt_when() { # PATTERN ARGUMENT...
	local pid
	: >"$tmp/err"
	"$src/run" --build "$build" --out "$out" --peers none --no-charts --programs "$rows" \
		"${@:2}" >"$tmp/out" 2>"$tmp/err" </dev/null &
	pid=$!
	for _ in $(seq 400); do
		! grep -q -- "$1" "$tmp/err" || break
		sleep 0.05
	done
	kill -TERM $pid
	wait $pid
	status=$?
}

none_left() { # NAME
	local left
	for _ in 1 2 3 4 5; do
		left=$(find /proc -maxdepth 2 -name exe -lname "$tmp/*" 2>/dev/null)
		[ -n "$left" ] || { ok "$1"; return; }
		sleep 0.1
	done
	bad "$1" "$left"
}

cp "$out/results.json" "$tmp/before.json"
interrupt_when 'round 1/' --rows sleeper
said "an interrupt before there is anything" 130 '^nothing was measured; .* as it was$'
cmp -s "$out/results.json" "$tmp/before.json" && ok "earlier results stay" ||
	bad "earlier results stay"
none_left "no process is left"
interrupt_when 'round 3/' --rows left --rounds 500
said "an interrupt in the middle" 130 '^interrupted after [0-9]+ whole rounds, [0-9]+ runs$'
holds "what there is, is written" 'r["interrupted"] and 4 <= len(runs) < 1000'
shows "and shown" '^Interrupted: ' "$tmp/out"
none_left "no process is left"

finish
