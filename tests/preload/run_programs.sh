#!/bin/bash
# Real programs, on glibc's malloc and on hakmem: same exit status, same bytes on stdout and
# stderr. usage: run_programs.sh [NAME...]   (names of files in programs/, without .sh)
#
# Each file in programs/ is one program. It may set
#	weight=fast    runs with HM_TEST_FAST too; the default is full
#	limit=60       seconds until it counts as hanging
#	status=0       how it must end, on either side
#	others=0       processes of its trace that do without the library, with a reason
# and has functions: need, which says on stdout what is missing and fails; setup, run once on
# glibc's malloc in $data; run, in an empty folder, with what setup left; filter, which takes out
# of stdout and stderr what differs from run to run; trace, a short run, when run is a long one.
#
# With HM_TEST_CHECKED=1 the library checks every block (HAKMEM_CHECK).
#
# A third run, under the loader's own trace, tells that each process of the program loaded the
# library: as many programs started as there were calls of its constructor.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/lib.sh"

data=$tmp/data home=$tmp/home
options=${HM_TEST_CHECKED:+HAKMEM_CHECK=1}
# What a program file may leave out, and what its functions may use.
defaults='
	weight=full limit=60 status=0 others=0
	have() { command -v "$1" >/dev/null || { echo "no $1"; return 1; }; }
	# what is copied may be read-only, as make distcheck has it
	copy() { cp -r "$@" && chmod -R u+w "${@: -1}"; }
	need() { :; }
	setup() { :; }
	filter() { cat; }
	trace() { run; }
'

# The environment is the same on either side, and the same everywhere.
clean() {
	env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME="$home" \
		LC_ALL=C TZ=UTC TERM=dumb TMPDIR="$home" CC="$CC" CXX="$CXX" data="$data" \
		HM_SRCDIR="$HM_SRCDIR" HM_BUILDDIR="$HM_BUILDDIR" PERL_HASH_SEED=0 \
		PYTHONHASHSEED=0 PYTHONMALLOC=malloc PYTHONDONTWRITEBYTECODE=1 \
		GIT_CONFIG_NOSYSTEM=1 "$@"
}

# call FUNCTION [VARIABLE=VALUE...]: a function of the program's file, in a shell of its own
# that has the variables, so that the shell and what it starts get the library.
call() {
	local function=$1
	shift
	clean timeout -k 5 "$limit" env "$@" bash -c "$defaults"'. "$1"; "$2"' "$name" "$file" \
		"$function" </dev/null
}

# Runs in an empty folder; leaves $tmp/SIDE.{out,err}, and .raw and .rawerr as they were.
run_side() { # SIDE FUNCTION [VARIABLE=VALUE...]
	local side=$1 got
	shift
	rm -rf "$tmp/work"
	mkdir "$tmp/work"
	(cd "$tmp/work" && call "$@") >"$tmp/$side.raw" 2>"$tmp/$side.rawerr"
	got=$?
	[ $got != 124 ] || echo "ended after $limit s" >>"$tmp/$side.rawerr"
	{ filter <"$tmp/$side.raw"; echo "exit $got"; } >"$tmp/$side.out"
	filter <"$tmp/$side.rawerr" >"$tmp/$side.err"
	return $got
}

# Did every process that the program started load the library? Sets why when not.
check_trace() {
	local started served
	mkdir "$tmp/trace"
	# The program may have processes of another user.
	chmod 1777 "$tmp/trace"
	run_side trace trace LD_PRELOAD="$lib" LD_DEBUG=libs LD_DEBUG_OUTPUT="$tmp/trace/p"
	started=$(cat "$tmp"/trace/p* 2>/dev/null | grep -ac 'transferring control:')
	served=$(cat "$tmp"/trace/p* 2>/dev/null | grep -ac "calling init: $lib")
	rm -rf "$tmp/trace"
	[ "$served" -gt 0 ] && [ "$started" -le $((served + others)) ] && return
	why="$((started - served)) of $started processes ran without the library"
	return 1
}

compare() {
	local got why
	run_side glibc run
	got=$?
	if [ $got != "$status" ]; then
		cat "$tmp/glibc.out" "$tmp/glibc.err" | tail -n 15 >"$tmp/why"
		bad "$name: does not even run on glibc's malloc" "$tmp/why"
		return
	fi
	# shellcheck disable=SC2086
	run_side hakmem run LD_PRELOAD="$lib" $options
	if ! diff "$tmp/glibc.out" "$tmp/hakmem.out" >"$tmp/why" ||
		! diff "$tmp/glibc.err" "$tmp/hakmem.err" >>"$tmp/why"; then
		bad "$name: not as on glibc's malloc" "$tmp/why"
	elif grep -a 'hakmem: ' "$tmp/hakmem.raw" "$tmp/hakmem.rawerr" >"$tmp/why"; then
		bad "$name: the library printed something" "$tmp/why"
	elif ! check_trace; then
		bad "$name: $why"
	else
		ok "$name ($((SECONDS - start)) s)"
	fi
}

one() { # NAME
	local name=$1 file=$src/programs/$1.sh start=$SECONDS reason
	[ -e "$file" ] || { bad "$name: no such file"; return; }
	eval "$defaults"
	. "$file"
	[ -z "$fast" ] || [ "$weight" = fast ] || return
	rm -rf "$data" "$home"
	mkdir "$data" "$home"
	if ! reason=$(call need 2>&1); then
		left_out "$name" "${reason:-something is missing}"
	elif ! (cd "$data" && call setup) >"$tmp/why" 2>&1; then
		bad "$name: cannot be set up" "$tmp/why"
	else
		compare
	fi
}

compile which_malloc
got=$(preload "$tmp/which_malloc")
[ "$got" = libhakmem.so.1 ] || { bad "the malloc family is not from the library" "$got"; finish; }
ok "the whole malloc family is from the library"

if [ $# = 0 ]; then
	for file in "$src"/programs/*.sh; do
		file=${file##*/}
		set -- "$@" "${file%.sh}"
	done
fi
for name; do one "$name"; done
finish
