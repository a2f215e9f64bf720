#!/bin/bash
# Instructions of malloc and free, counted by callgrind and held against counts.txt.
# usage: golden.sh [--record | --print] [BUILDDIR]
#
# Fails when a count is above the recorded one by more than 0.5, or a pair above its goal. When
# one fell it says so: --record writes this build's row anew. With BUILDDIR, the build's mode and
# compiler are read there; without, they come from the environment that `make check` sets.
set -u
export LC_ALL=C
src=${HM_SRCDIR:+$HM_SRCDIR/tests/golden}
src=${src:-$(cd "$(dirname "$0")" && pwd)}
counts=$src/counts.txt
action=check slack=0.5

skip() { echo "skipped: $*"; exit 77; }
fail() { echo "$*"; exit 1; }

read_build() { # BUILDDIR
	local dir
	dir=$(cd "$1" && pwd) || exit 99
	setting() { sed -n "s/^# *define $1 //p" "$dir/config.h"; }
	variable() { sed -n "s/^$1 = //p" "$dir/Makefile"; }
	HM_LIB=$dir/.libs/libhakmem.so.1
	HM_HEADERLESS=$(setting HM_HEADERLESS) HM_TLS_HINT=$(setting HM_TLS_HINT)
	HM_GUARDS=$(setting HM_GUARDS) HM_PREWARM=$(setting HM_PREWARM)
	HM_SANITIZE=$(setting HM_SANITIZE)
	CC=$(variable CC) CFLAGS=$(variable CFLAGS)
}

# The counts are true for one compiler, one machine and the flags of a plain ./configure.
compiler_key() {
	local machine word
	machine=$($CC -dumpmachine) || skip "no compiler '$CC'"
	$CC -E -dM -x c /dev/null | grep -q __clang__ && skip "counts are kept for gcc, not clang"
	for word in $CFLAGS; do
		case $word in
		-O2 | -g) ;;
		*) skip "CFLAGS has $word; counts are kept for -O2" ;;
		esac
	done
	[[ " $CFLAGS " == *" -O2 "* ]] || skip "CFLAGS lacks -O2"
	compiler=${machine%%-*}-gcc$($CC -dumpversion | cut -d. -f1)
}

# The paths, without what memory that is given back costs: that hangs on the clock, too.
count() { # CASE N M
	HAKMEM_DIRTY_MAX=64G HAKMEM_PURGE_DELAY=86400000 LD_PRELOAD=$HM_LIB valgrind --tool=callgrind --callgrind-out-file=/dev/null \
		"$tmp/golden" "$@" >"$tmp/log" 2>&1 &&
		sed -n 's/.*Collected : *\([0-9]*\).*/\1/p' "$tmp/log"
}

measure() { # CASE FEW MANY BLOCKS
	local low high
	low=$(count "$1" "$2" "$3") high=$(count "$1" "$3" "$2")
	[ -n "$low" ] && [ -n "$high" ] || fail "$1: no count from callgrind"
	awk -v d=$((high - low)) -v n=$((($3 - $2) * $4)) 'BEGIN { printf "%.2f\n", d / n }'
}

expected() { # CASE
	awk -v key="$key" -v case="$1" '
		/^mode/ { for (i = 2; i <= NF; i++) if ($i == case) column = i }
		$1 == key { print $column }' "$counts"
}

above() { awk -v a="$1" -v b="$2" -v by="$3" 'BEGIN { exit !(a > b + by) }'; }

compare() { # CASE COUNT
	local want by=$slack
	want=$(expected "$1")
	[ -n "$want" ] || fail "$1: no count in counts.txt for $key; golden.sh --record"
	# calloc clears by the memset that libc has for this processor
	[ "$1" != calloc ] || by=4
	if above "$2" "$want" "$by"; then
		echo "$1: $2 instructions, recorded $want: too many"
		bad=1
	elif above "$want" "$2" "$by"; then
		echo "$1: $2 instructions, recorded $want: fell; golden.sh --record to keep it so"
	else
		echo "$1: $2 instructions, recorded $want"
	fi
}

check_goal() { # PAIR
	local goal
	case $key in
	headerless,hint,off,*) goal=42 ;;
	headerless,hint,cheap,*) goal=48 ;;
	*) return ;;
	esac
	above "$1" "$goal" 0 || return
	echo "pair: $1 instructions, the goal is $goal"
	bad=1
}

record() { # VALUES
	{
		grep -v "^$key " "$counts"
		printf '%-36s' "$key"
		printf ' %8s' "$@"
		echo
	} >"$tmp/counts" && cat "$tmp/counts" >"$counts"
}

case ${1-} in --record | --print) action=${1#--}; shift ;; esac
[ $# = 0 ] || read_build "$1"
: "${HM_LIB:?run by make check, or with a build directory}"
command -v valgrind >/dev/null || skip "valgrind is missing"
[ "${HM_SANITIZE:-0}" = 0 ] || skip "a sanitizer build has no malloc to count"
[ "${HM_PREWARM:-0}" = 0 ] || skip "counts are kept for builds without prewarm"
compiler=any
[ $action = print ] || compiler_key
layouts=(header headerless) hints=(nohint hint) guards=(off cheap full)
key=${layouts[HM_HEADERLESS]},${hints[HM_TLS_HINT]},${guards[HM_GUARDS]},$compiler
if [ $action = check ] && ! grep -q ",$compiler " "$counts"; then
	skip "no counts for $compiler"
fi

tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
unset LD_PRELOAD
$CC -std=gnu11 -D_GNU_SOURCE -O2 -fno-builtin "$src/golden.c" -o "$tmp/golden" \
	-Wl,-z,now -pthread -ldl || exit 99
got=$(LD_PRELOAD=$HM_LIB "$tmp/golden" which)
[ "$got" = "$HM_LIB" ] || fail "the program's malloc is $got, not $HM_LIB"

bad=0 values=()
echo "$key"
while read -r name few many blocks; do
	case ${HM_TEST_FAST:-0},$action,$name in 1,check,wide | 1,check,small | 1,check,remote) continue ;; esac
	value=$(measure "$name" "$few" "$many" "$blocks") || fail "$value"
	values+=("$value")
	if [ $action = check ]; then compare "$name" "$value"; else echo "$name: $value"; fi
	[ "$action,$name" = print,pair ] || [ "$name" != pair ] || check_goal "$value"
done < <("$tmp/golden" list)
[ $action != record ] || record "${values[@]}"
exit $bad
