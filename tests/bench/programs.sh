#!/bin/bash
# Every row of bench/programs.txt runs, in small: on glibc's malloc and on this library, with the
# same number of operations and a line of result that says so. Wrong arguments give one clear line.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../preload/lib.sh"
[ -z "$fast" ] || skip "not in the fast part: its programs are the same in all build modes"
src=$HM_SRCDIR/bench
rows=$src/programs.txt

build_all() {
	local file
	for file in "$src"/*.c; do
		file=${file##*/}
		compile "${file%.c}" -O2
	done
}

# scaled COMMAND...: a thousandth of the operations, at least 20; the least time.
scaled() {
	local program=$1 operations=$(($2 / 1000))
	shift 2
	echo "$program $((operations > 20 ? operations : 20)) ${*//seconds=*/seconds=1}"
}

# result PATTERN: the last run gave a line of result with this allocator; sets operations.
result() {
	local pattern="^([a-z_]+) ([0-9]+) [0-9]+\.[0-9]+ [0-9]+ ([1-9][0-9]*) $1\$"
	[ "$status" = 0 ] && [ ! -s "$tmp/err" ] && [ "$(wc -l <"$tmp/out")" = 1 ] || return 1
	[[ $(<"$tmp/out") =~ $pattern ]] || return 1
	[ "${BASH_REMATCH[1]}" = "$program" ] || return 1
	operations=${BASH_REMATCH[2]}
}

show() { # NAME WHAT
	{ echo "$2; exit status $status"; cat "$tmp/out" "$tmp/err"; } >"$tmp/why"
	bad "$1" "$tmp/why"
}

try_row() { # ROW PROGRAM ARGUMENT...
	local row=$1 program=$2 operations plain
	shift 2
	run_preloaded "$tmp/$program" "$@"
	result "$lib" || { show "$row" "on this library"; return; }
	plain=$operations
	if [[ $* != *seconds=* ]]; then
		run "$tmp/$program" "$@"
		result '[^ ]*/libc[.-][^ ]*' || { show "$row" "on the C library"; return; }
		[ "$operations" = "$plain" ] ||
			{ show "$row" "not the $plain operations of the other run"; return; }
	fi
	ok "$row"
}

try_rows() {
	local row quick command what rest arguments
	while IFS='|' read -r row quick command what rest; do
		[[ $row != '#'* ]] || continue
		if ! [[ $row =~ ^[A-Za-z0-9-]+$ && $quick =~ ^[01]$ && -n $what && -z $rest &&
			$command =~ ^[a-z_]+\ [1-9][0-9]*\ [0-9]+\ [0-9]+(\ [a-z]+=[0-9a-z]+)*$ &&
			-x $tmp/${command%% *} ]]; then
			bad "row $row" "$row|$quick|$command|$what"
			continue
		fi
		# shellcheck disable=SC2086
		arguments=$(scaled $command)
		# shellcheck disable=SC2086
		try_row "$row" $arguments
	done <"$rows"
}

refused() { # PROGRAM ARGUMENT...
	run "$tmp/$1" "${@:2}"
	if [ "$status" = 1 ] && [ ! -s "$tmp/out" ] && [ "$(wc -l <"$tmp/err")" = 1 ] &&
		grep -q "^$1: .*usage: $1 \[OPERATIONS" "$tmp/err"; then
		ok "refused: $*"
	else
		show "refused: $*" "wanted 1 and one line of usage"
	fi
}

build_all
try_rows
for file in "$src"/*.c; do
	program=${file##*/}
	program=${program%.c}
	grep -q "^[^#|]*|[01]|$program " "$rows" || bad "$program" "no row has it"
	refused "$program" none
	refused "$program" 10 42 1 7
	refused "$program" 10 no=1
done
double=$(grep -o '^[^#|][^|]*' "$rows" | sort | uniq -d)
if [ -z "$double" ]; then ok "rows have names of their own"; else bad "two rows" "$double"; fi
for argument in 0 -1 '' 1.5 10x 99999999999999999999 ws= ws=0 ws=x ws=5x ws ws=-3 WS=5 =; do
	refused random_mixed "$argument"
done
refused random_mixed 10 0
refused random_mixed 10 42 100000
refused heap_growth 10 42 2
for argument in shape= shape=o shape=pairs\|out shape=1 shapes=ring; do
	refused producer_consumer "$argument"
done
finish
