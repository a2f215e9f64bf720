# Sourced by the scripts of this folder: where the library is, a folder to work in, compiling a
# helper, counting what passed. bash only; the scripts begin with
#	[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
#	. "$(dirname "$0")/lib.sh"
#
# Sets  src (this folder), tmp, lib (the library to preload, in a path without blanks), fast.
# Gives skip, hard_error, ok, bad, left_out, expect_*, preload, compile, finish.
set -u
export LC_ALL=C
src=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${HM_SRCDIR:=$(cd "$src/../.." && pwd)}"
: "${HM_BUILDDIR:=$HM_SRCDIR/build}"
: "${HM_LIB:=$HM_BUILDDIR/.libs/libhakmem.so.1}"
: "${HM_STATIC_LIB:=$HM_BUILDDIR/.libs/libhakmem.a}"
: "${HM_GUARDS:=1}" "${HM_HEADERLESS:=1}" "${CC:=gcc}" "${CXX:=g++}"
fast=${HM_TEST_FAST:+1}

skip() { # REASON
	echo "skipped: $1"
	exit 77
}

hard_error() {
	echo "cannot run: $1"
	exit 99
}

[ "${HM_OVERRIDE:-1}" = 1 ] || skip "this build does not replace malloc"
[ "${HM_SANITIZE:-0}" = 0 ] || skip "a sanitizer's own malloc would be replaced"
[ -e "$HM_LIB" ] || hard_error "no library at $HM_LIB"

tmp=$(mktemp -d /tmp/hakmem-preload.XXXXXX) || exit 99
# Programs that change user work in there too.
chmod 755 "$tmp"
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM HUP
# LD_PRELOAD splits at blanks and colons.
cp -L "$HM_LIB" "$tmp/libhakmem.so.1" && chmod 755 "$tmp/libhakmem.so.1" || exit 99
lib=$tmp/libhakmem.so.1
unset LD_PRELOAD LD_DEBUG MALLOC_CONF GLIBC_TUNABLES
for variable in $(compgen -e HAKMEM_); do unset "$variable"; done

passed=0 failed=0 skipped=0

ok() { # NAME
	passed=$((passed + 1))
	echo "ok       $1"
}

bad() { # NAME [DETAIL]: what is in the file DETAIL, or the word itself, is shown
	failed=$((failed + 1))
	echo "FAILED   $1"
	[ $# -lt 2 ] || if [ -f "$2" ]; then head -n 20 "$2"; else echo "$2"; fi | sed 's/^/         | /'
}

left_out() { # NAME REASON
	skipped=$((skipped + 1))
	echo "skipped  $1: $2"
}

# Prints the counts and ends the script.
finish() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ] || exit 1
	[ "$passed" -gt 0 ] || skip "nothing could run"
	exit 0
}

# Runs a command with the library.
preload() { env LD_PRELOAD="$lib" "$@"; }

# compile NAME [FLAG...]: NAME.c of this folder to $tmp/NAME; a test fails when it does not.
compile() {
	local name=$1
	shift
	# -fno-builtin: else the compiler takes out allocations whose block is not used.
	# shellcheck disable=SC2086
	$CC -std=gnu11 -D_GNU_SOURCE -O1 -gdwarf-4 -Wall -Wextra -fno-builtin -o "$tmp/$name" \
		"$src/$name.c" "$@" -pthread -ldl >"$tmp/compile.log" 2>&1 && return
	cat "$tmp/compile.log"
	hard_error "$name.c does not compile"
}

# run COMMAND...: sets status; output in $tmp/out and $tmp/err. A hang ends after a minute.
run() {
	# the shell itself reports a signal, on its own stderr
	{
		timeout -k 5 60 "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
		status=$?
	} 2>/dev/null
}

run_preloaded() { run env LD_PRELOAD="$lib" "$@"; } # [VARIABLE=VALUE...] COMMAND...

# expect NAME STATUS: the last run ended so, and nothing was on stderr.
expect() {
	if [ "$status" != "$2" ]; then
		{ echo "exit status $status, not $2"; cat "$tmp/out" "$tmp/err"; } >"$tmp/why"
		bad "$1" "$tmp/why"
	elif [ -s "$tmp/err" ]; then
		{ echo "on stderr:"; cat "$tmp/err"; } >"$tmp/why"
		bad "$1" "$tmp/why"
	else
		ok "$1"
	fi
}

# compile_life: the programs of try_life; life is linked with a library whose constructor runs before
# the preloaded one's, since it depends on nothing.
compile_life() {
	$CC -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -fno-builtin -shared -fPIC \
		-o "$tmp/libearly.so" "$src/early.c" -pthread || hard_error "early.c does not compile"
	compile life "$tmp/libearly.so" -Wl,-rpath,"$tmp" -Wl,--no-as-needed
	compile wrapper -rdynamic
	compile children
}

# try_life [VARIABLE=VALUE...]: each of their cases, with the library, says what it says without.
try_life() {
	local case program
	for case in life.{early,keys,tls,exit,detached,late,nested,cancel} \
		life.first_{malloc,calloc,realloc,memalign,free,usable} wrapper.once \
		children.{fork_early,vfork,spawn,clone_vm,clone_process,bare_fork,threads,handlers,storm}; do
		program=${case%.*}
		run "$tmp/$program" "${case#*.}"
		[ "$status" = 0 ] || { bad "${case/./ }: does not even run on glibc's malloc"; continue; }
		cp "$tmp/out" "$tmp/expected"
		run_preloaded "$@" "$tmp/$program" "${case#*.}"
		cmp -s "$tmp/out" "$tmp/expected" || echo "other output" >>"$tmp/err"
		expect "${case/./ }" 0
	done
}

# expect_death NAME PATTERN: the last run was ended by abort() after one line that has PATTERN.
expect_death() {
	# 134: as a shell reports SIGABRT, which timeout passes on.
	if [ "$status" = 134 ] && [ "$(wc -l <"$tmp/err")" = 1 ] &&
		grep -qE "^hakmem: .*$2" "$tmp/err"; then
		ok "$1"
	else
		{ echo "exit status $status, wanted 134 and a line with: $2"
			cat "$tmp/out" "$tmp/err"; } >"$tmp/why"
		bad "$1" "$tmp/why"
	fi
}
