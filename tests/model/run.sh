#!/bin/sh
# Searches the ownership model exhaustively: no error in any configuration, an error in each mutant.
# usage: tests/model/run.sh      (no arguments)
# HM_TEST_FAST=1 leaves the large configurations out, HM_TEST_LONG=1 takes the largest in.
# One line each. Exit 0: all as they should be; 1: not, or a search was cut short; 77: no spin.
# Two searches at a time, at most 2 GiB each. Processor time: fast 1, else 2, long 4 minutes.
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd) || exit 99
CC=${CC:-gcc}
for tool in spin "${CC%% *}"; do
	command -v "$tool" >/dev/null 2>&1 || { echo "skipped: no $tool"; exit 77; }
done
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
trap 'kill "${one:-}" "${two:-}" 2>/dev/null; exit 1' HUP INT TERM

# KIND NAME DEFINES: holds = no error may exist; breaks = an error must be found.
cat >"$tmp/jobs" <<'END'
large threads-3-heaps-2	-DTHREADS=3 -DHEAPS=2
largest threads-3-blocks-3	-DTHREADS=3 -DHEAPS=2 -DBLOCKS=3 -DCLASSES=1
large threads-3-heaps-3	-DTHREADS=3 -DHEAPS=3 -DCLASSES=1
large slabs-2	-DSLABS=2 -DCLASSES=1
large slabs-2-classes-2	-DSLABS=2 -DHEAPS=1
holds small	-DBLOCKS=2
holds blocks-3	-DBLOCKS=3
holds threads-3-heaps-1	-DTHREADS=3 -DHEAPS=1
holds links	-DBLOCKS=3 -DLINKS=1
holds lock-first	-DBLOCKS=3 -DLOCK_FIRST=1 -DRETIRE=1
holds lock-first-threads-3	-DTHREADS=3 -DHEAPS=2 -DCLASSES=1 -DLOCK_FIRST=1 -DRETIRE=1
holds lock-first-links	-DBLOCKS=3 -DCLASSES=1 -DLOCK_FIRST=1 -DLINKS=1
breaks header-recycled	-DRETIRE=1
END
sed -n 's/^#define \(MUT_[A-Z_]*\)	.*/\1/p' "$here/state.pml" | while read -r mutant; do
	case $mutant in
	MUT_LINK_STALE) size='-DBLOCKS=3 -DLINKS=1' ;;
	MUT_LEFT_EARLY | MUT_LIST_TWICE | MUT_WAKE_*) size=-DBLOCKS=3 ;;
	*) size=-DBLOCKS=2 ;;
	esac
	printf 'breaks %s\t%s\n' "$mutant" "$size -DMUTANT=$mutant"
done >>"$tmp/jobs"

level() { # KIND: a mutant's search ends soon, its compilation should too
	if [ "$1" = breaks ]; then echo -O0; else echo -O2; fi
}

search() { # KIND NAME DEFINES: prints its line, false when it is not as it should be
	kind=$1 name=$2 defines=$3
	dir=$tmp/$name
	mkdir "$dir" && cd "$dir" || return 1
	# The defines are words, and a compiler may come with options.
	# shellcheck disable=SC2086
	if ! spin -a $defines "$here/ownership.pml" >log 2>&1 ||
	   ! $CC "$(level "$kind")" -w -DSAFETY -DCOLLAPSE -DMEMLIM=2000 \
		-o pan pan.c >>log 2>&1; then
		echo "$name: cannot be built"
		cat log
		return 1
	fi
	./pan -m6000000 >out 2>&1
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' out)
	depth=$(sed -n 's/.*depth reached \([0-9]*\),.*/\1/p' out)
	errors=$(sed -n 's/.*depth reached.* errors: \([0-9]*\).*/\1/p' out)
	why=$(sed -n 's/^pan:1: \(.*\)/\1/p' out | head -n 1)
	cut=$(grep -E 'too small|out of memory|VECTORSZ|not completed|aborted' out | head -n 1)
	result=wrong
	case $kind in
	breaks) [ "${errors:-0}" -gt 0 ] && [ -n "$why" ] && result='found, as it must be' ;;
	*) [ "${errors:-1}" -eq 0 ] && [ -z "$why$cut" ] && result=holds ;;
	esac
	[ "$kind" = breaks ] && [ "$result" != wrong ] && cut=
	printf '%s: %s states, depth %s, %s errors: %s%s\n' "$name" "${states:-?}" "${depth:-?}" \
		"${errors:-?}" "$result" "${cut:+ ($cut)}${why:+ ($why)}"
	# shellcheck disable=SC2086
	[ "$result" = wrong ] && [ -f ownership.pml.trail ] && [ "$kind" != breaks ] &&
		spin $defines -t -p -k ownership.pml.trail "$here/ownership.pml" | tail -n 60
	cd "$tmp" && rm -rf "$dir"
	[ "$result" != wrong ]
}

wanted() { # KIND
	case $1 in
	largest) [ "${HM_TEST_LONG:-0}" = 1 ] ;;
	large) [ "${HM_TEST_FAST:-0}" != 1 ] ;;
	esac
}

# Two of these at a time; each job goes to the one that makes its directory first.
worker() {
	while IFS='	' read -r what defines; do
		kind=${what%% *} name=${what#* }
		wanted "$kind" || continue
		mkdir "$tmp/job-$name" 2>/dev/null || continue
		search "$kind" "$name" "$defines" || : >"$tmp/failed"
		: >"$tmp/job-$name/done"
	done <"$tmp/jobs"
}
worker &
one=$!
worker &
two=$!
wait "$one" "$two"

jobs=0 ended=0
while IFS='	' read -r what defines; do
	wanted "${what%% *}" || continue
	jobs=$((jobs + 1))
	[ -f "$tmp/job-${what#* }/done" ] && ended=$((ended + 1))
done <"$tmp/jobs"
if [ ! -f "$tmp/failed" ] && [ "$ended" -eq "$jobs" ]; then
	echo "all $jobs as they should be"
	exit 0
fi
echo "$ended of $jobs searches ended, some not as they should"
exit 1
