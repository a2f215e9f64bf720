#!/bin/bash
# Runs the benchmarks on glibc's malloc, on hakmem and on the other allocators of the machine.
# usage: bench/run.sh [-n ROUNDS] [-a OPERATIONS] [-r RAWFILE] [NAME=LIB.so ...] [PROGRAM ...]
#
# One warm-up round, then ROUNDS (5) measured ones; in each, every program runs once on every
# allocator, in an order that rotates, so that what else happens on the machine hits all alike.
# A number counts only when the process says that its malloc is the one meant. The table at the
# end has medians; an interrupted run prints what it has. Names that begin with "hakmem" are ours,
# all others peers. Processor time (user and system, all threads) stands beside the time that
# passed: on a busy machine it is the steadier of the two. RAWFILE keeps the single results.
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
build=${HM_BUILDDIR:-.}
lib=${HM_LIB:-$build/.libs/libhakmem.so.1}
rounds=5 operations='' raw=''
names=() paths=() programs=() stop=0 refused=0

usage() { sed -n '3s/^# //p' "$here/run.sh" >&2; exit 2; }
say() { echo "$*" >&2; }

# The loader splits LD_PRELOAD at blanks and colons, and dladdr repeats the path as it was given.
add() { # NAME PATH
	case $2 in *[\ :]*) say "$1: blank or colon in $2; left out"; return ;; esac
	names+=("$1") paths+=("$2")
}

add_peer() { # NAME SONAME PACKAGE
	local path
	path=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p |
		awk -v so="$2" '$1 == so { print $NF; exit }')
	if [ -n "$path" ]; then add "$1" "$path"; else say "$1: no $2 (Debian: $3); left out"; fi
}

parse() {
	while [ $# -gt 0 ]; do
		case $1 in
		-n) rounds=${2-}; shift ;;
		-a) operations=${2-}; shift ;;
		-r) raw=${2-}; shift ;;
		-*) usage ;;
		*=*)
			[ -e "${1#*=}" ] || { say "${1%%=*}: no file ${1#*=}"; exit 2; }
			extra+=("${1%%=*}" "$(readlink -f "${1#*=}")")
			;;
		*) programs+=("$1") ;;
		esac
		shift || usage
	done
	[[ $rounds =~ ^[1-9][0-9]*$ && $operations =~ ^[0-9]*$ ]] || usage
}

# One run; its line of result goes to the raw file, unless the round is a warm-up.
measure() { # ROUND PROGRAM NAME PATH
	local line seconds peak got cpu TIMEFORMAT='%U %S'
	# the shell's own report goes to one file, the program's complaints to another
	if ! { time LD_PRELOAD=$4 "$build/bench/$2" $operations >"$tmp/out" 2>"$tmp/err"; } \
		2>"$tmp/times"; then
		[ $stop = 1 ] || { say "$2 on $3 failed: $(head -n 1 "$tmp/err")"; refused=1; }
		return
	fi
	line=$(<"$tmp/out") cpu=$(<"$tmp/times")
	read -r _ _ seconds _ peak got <<<"$line"
	if [ "$got" != "$4" ] && ! { [ -z "$4" ] && [[ $got == */libc[.-]*so* ]]; }; then
		say "$2 on $3: its malloc is $got; refused"
		refused=1
		return
	fi
	[ "$1" = 0 ] || echo "$2 $3 $seconds $peak $cpu" >>"$raw"
	printf '%s ' "$3=$seconds" >&2
}

table() {
	awk -v programs="${programs[*]}" -v names="${names[*]}" -f "$here/table.awk" "$raw"
}

extra=()
parse "$@"
[ ${#programs[@]} -gt 0 ] || programs=(larson random_mixed producer_consumer mid)
for p in "${programs[@]}"; do
	[ -x "$build/bench/$p" ] || { say "no program $build/bench/$p; try 'make bench'"; exit 1; }
done
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'stop=1' INT TERM HUP
raw=${raw:-$tmp/raw}
: >"$raw" || exit 1

unset LD_PRELOAD
add glibc ''
if [ -e "$lib" ]; then add hakmem "$(readlink -f "$lib")"; else say "hakmem: no $lib; left out"; fi
add_peer mimalloc libmimalloc.so.2 libmimalloc2.0
add_peer jemalloc libjemalloc.so.2 libjemalloc2
add_peer tcmalloc libtcmalloc_minimal.so.4 libtcmalloc-minimal4
add_peer tbbmalloc libtbbmalloc_proxy.so.2 libtbbmalloc2
for ((i = 0; i < ${#extra[@]}; i += 2)); do add "${extra[i]}" "${extra[i + 1]}"; done

for ((round = 0; round <= rounds && !stop; round++)); do
	for p in "${programs[@]}"; do
		printf '%s ' "round $round of $rounds, $p:" >&2
		for ((i = 0; i < ${#names[@]} && !stop; i++)); do
			k=$(((i + round) % ${#names[@]}))
			measure "$round" "$p" "${names[k]}" "${paths[k]}"
		done
		say
		[ $stop = 0 ] || break
	done
done
[ $stop = 0 ] || echo "Interrupted in round $((round > 0 ? round - 1 : 0)); what there is:"
table
[ $stop = 0 ] || exit 130
exit $refused
