#!/bin/bash
# Statistics of real programs: true, in the form that was asked for, where it was asked for, and
# not at all when nobody asked.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
compile statistics
program=$tmp/statistics
schema=$HM_SRCDIR/man/stats.schema.json
usr1=10
case $(uname -m) in mips*) usr1=16 ;; esac

# mallinfo2, malloc_info and malloc_stats against what the program holds.
for setting in A=b HAKMEM_CHECK=1 HAKMEM_DIRTY_MAX=0 HAKMEM_ACE=0 HAKMEM_BACKGROUND=1 \
	HAKMEM_PREWARM=2 HAKMEM_THP=always; do
	for mode in one threads fork; do
		[ -z "$fast" ] || [ $setting$mode = A=bthreads ] || [ $mode = one ] || continue
		run_preloaded $setting "$program" $mode
		expect "$mode with $setting" 0
	done
done

# valid NAME FILE [LINES]
valid() {
	if ! command -v python3 >/dev/null; then
		left_out "$1" "python3 is missing"
	elif python3 "$src/statistics.py" "$schema" ${3-} <"$2" >"$tmp/why" 2>&1; then
		ok "$1"
	else
		bad "$1" "$tmp/why"
	fi
}

# Those that python3 itself would write are not wanted here.
json="HAKMEM_STATS=1 HAKMEM_STATS_FORMAT=json"
run_preloaded HAKMEM_STATS=1 "$program"
if [ "$status" = 0 ] && grep -q '^hakmem: heap ' "$tmp/err" && [ ! -s "$tmp/out" ]; then
	ok "text on standard error"
else
	bad "text on standard error" "$tmp/err"
fi
# The manual has each line of it.
sed -n '/^\.Sh HOW TO READ/,/^\.Sh FILES/p; /^\.Sh LIMITS/,/^\.Sh THE HELPER/p' \
	"$HM_SRCDIR/man/hakmem.7" >"$tmp/manual"
sed -n 's/^hakmem: \([a-z ]*[a-z]\).*/\1/p; s/^  \([a-z]\+\( [a-z]\+\)*\)  .*/\1/p' "$tmp/err" |
	sed 's/^group .*/group/; s/^class size.*/class/; s/^heap *number/heap/' >"$tmp/labels"
unknown=$(while read -r label; do
	grep -qE "^\.(It|Li)( Li \"hakmem:)?.*\b${label%%  *}\b" "$tmp/manual" || echo "$label"
done <"$tmp/labels")
if [ -z "$unknown" ] && [ "$(wc -l <"$tmp/labels")" -gt 40 ]; then
	ok "the manual explains each line"
else
	bad "the manual explains each line" "$unknown"
fi
run_preloaded HAKMEM_STATS_FORMAT=json HAKMEM_STATS_FILE="$tmp/unasked" HAKMEM_STATS_SIGNAL=$usr1 \
	"$program" one
expect "format, file and signal alone write nothing" 0
[ ! -e "$tmp/unasked" ] || bad "no file unasked" "$tmp/unasked"
for setting in A=b HAKMEM_CHECK=1 HAKMEM_BACKGROUND=1 HAKMEM_LIMIT_SOFT=10M; do
	for mode in one threads; do
		run_preloaded $json $setting "$program" $mode
		valid "JSON, $mode with $setting" "$tmp/err" 1
	done
done
run_preloaded $json HAKMEM_STATS_FILE="$tmp/all.%p%%" bash -c 'ls / >/dev/null; (exit 3)'
expect "a file for each process" 3
cat "$tmp"/all.*% >"$tmp/all"
valid "each is valid" "$tmp/all"
[ "$(ls "$tmp"/all.*% | wc -l)" = "$(wc -l <"$tmp/all")" ] && [ "$(wc -l <"$tmp/all")" -ge 2 ] ||
	bad "one line for each process" "$tmp/all"
run_preloaded $json HAKMEM_STATS_FILE="$tmp/appended" bash -c '/bin/ls / >/dev/null; /bin/ls /'
expect "one file for all" 0
valid "lines are appended" "$tmp/appended"
[ "$(wc -l <"$tmp/appended")" -ge 2 ] || bad "lines are appended" "$tmp/appended"

# What is not to be written to is left alone, in silence, or with one line if that is asked for.
refused() { # NAME FILE
	cp "$tmp/precious" "$tmp/before"
	run_preloaded $json HAKMEM_STATS_FILE="$2" "$program"
	expect "$1" 0
	cmp -s "$tmp/precious" "$tmp/before" || bad "$1: written to" "$tmp/precious"
	run_preloaded $json HAKMEM_VERBOSE=1 HAKMEM_STATS_FILE="$2" "$program"
	[ "$status" = 0 ] && [ "$(wc -l <"$tmp/err")" = 1 ] &&
		grep -q '^hakmem: HAKMEM_STATS_FILE: ' "$tmp/err" || bad "$1, verbose" "$tmp/err"
}
echo precious >"$tmp/precious"
ln -s precious "$tmp/symbolic"
ln "$tmp/precious" "$tmp/hard"
mkfifo "$tmp/fifo"
refused "a symbolic link" "$tmp/symbolic"
refused "a file with two names" "$tmp/hard"
refused "a FIFO" "$tmp/fifo"
refused "a folder" "$tmp"
refused "no such folder" "$tmp/no/such"
refused "/dev/full" /dev/full
if [ "$(id -u)" = 0 ]; then
	rm "$tmp/hard"
	chown 65534 "$tmp/precious"
	refused "another user's file" "$tmp/precious"
fi
run_preloaded $json bash -c 'exec 2>/dev/full; exec "$1"' - "$program"
expect "standard error is full" 0
run_preloaded $json bash -c 'exec 2>&-; exec "$1" one' - "$program"
expect "standard error is closed" 0
run bash -c 'set -o pipefail; env LD_PRELOAD="$1" HAKMEM_STATS=1 "$2" 2>&1 | true' - "$lib" "$program"
expect "nobody reads" 0

# A signal: written by the next call that needs memory, or by the helper.
run_preloaded HAKMEM_STATS_FORMAT=json HAKMEM_STATS_SIGNAL=$usr1 "$program" none $usr1
valid "on a signal, and what is left at exit" "$tmp/err" 2
run_preloaded HAKMEM_STATS_FORMAT=json HAKMEM_STATS_SIGNAL=$usr1 HAKMEM_BACKGROUND=1 \
	HAKMEM_STATS_FILE="$tmp/idle" "$program" idle $usr1 "$tmp/idle"
expect "by the helper thread, when nobody calls" 0
valid "by the helper thread" "$tmp/idle" 1
run_preloaded HAKMEM_STATS_FORMAT=json HAKMEM_STATS_SIGNAL=$usr1 HAKMEM_STATS_FILE="$tmp/closed" \
	"$program" closed $usr1
expect "a file whose number is that of standard error is closed" 0
valid "and has it all" "$tmp/closed" 2
run_preloaded HAKMEM_CHECK=1 HAKMEM_STATS_FORMAT=json HAKMEM_STATS_SIGNAL=$usr1 "$program" none $usr1
valid "with checks" "$tmp/err" 2
run_preloaded HAKMEM_STATS_SIGNAL=$usr1 "$program" handler $usr1
expect "the program's handler stays" 0
[ "$(grep -c "the program's own" "$tmp/out")" = 2 ] || bad "the program's handler stays" "$tmp/out"
run_preloaded HAKMEM_STATS_SIGNAL=$usr1 "$program" ignored $usr1
expect "a signal that the program ignores" 0
run_preloaded HAKMEM_STATS_SIGNAL=$usr1 bash -c "trap '' $usr1; exec \"\$1\" none $usr1" - "$program"
expect "one that its parent ignored" 0
run_preloaded HAKMEM_VERBOSE=1 HAKMEM_STATS_SIGNAL=11 "$program"
[ "$status" = 0 ] && grep -qx 'hakmem: HAKMEM_STATS_SIGNAL: the signal is not free; ignored' \
	"$tmp/err" && ok "SIGSEGV is not taken" || bad "SIGSEGV is not taken" "$tmp/err"
finish
