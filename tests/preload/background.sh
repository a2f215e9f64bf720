#!/bin/bash
# The helper thread (HAKMEM_BACKGROUND) in whole programs: where there is one, children, daemons,
# where it cannot be made, filters of system calls, and all that children and threads do besides.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
compile background
compile children
compile life "$src/early.c"

helped() { run_preloaded HAKMEM_BACKGROUND=yes HAKMEM_PURGE_DELAY=100 "$@"; }

# expect_out NAME LINE...: the last run ended well and printed this.
expect_out() {
	local name=$1
	shift
	printf '%s\n' "$@" >"$tmp/expected"
	diff "$tmp/expected" "$tmp/out" >>"$tmp/err"
	expect "$name" 0
}

run_preloaded "$tmp/background" tasks
expect_out "off: no thread" "tasks: tasks 1, helpers 0"
run_preloaded HAKMEM_BACKGROUND=no "$tmp/background" fork
expect_out "off: none in a child" "parent: tasks 1, helpers 0" "child: tasks 1, helpers 0" \
	"child that grew: tasks 1, helpers 0" "child: tasks 1, helpers 0" \
	"tasks: tasks 1, helpers 0" "parent: tasks 1, helpers 0"
helped "$tmp/background" tasks
expect_out "on: one" "tasks: tasks 2, helpers 1"
helped "$tmp/background" fork
expect_out "a child gets its own once it grows, an exec anew" "parent: tasks 2, helpers 1" \
	"child: tasks 1, helpers 0" "child that grew: tasks 2, helpers 1" \
	"child: tasks 1, helpers 0" "tasks: tasks 2, helpers 1" "parent: tasks 2, helpers 1"
helped "$tmp/background" daemon
expect_out "a daemon" "daemon: tasks 2, helpers 1" "starter: tasks 2, helpers 1"
helped "$tmp/background" pthread_exit
expect_out "the first thread leaves" "first thread: tasks 2, helpers 1" "worker is done"
run env HAKMEM_BACKGROUND=yes HAKMEM_PURGE_DELAY=0 "$tmp/background" dlclose "$lib"
expect_out "loaded and unloaded while it runs" "loaded: tasks 2, helpers 1" \
	"closed: tasks 2, helpers 1"

helped "$tmp/background" refused
if [ "$status" = 77 ]; then left_out "filters of system calls" "the kernel has none"; else
	expect_out "threads are forbidden" "rested: tasks 1, helpers 0"
	helped "$tmp/background" strict
	expect_out "a filter kills for unusual calls" "rested: tasks 2, helpers 1"
fi

if [ "$(id -u)" != 0 ] || ! setpriv --reuid=12345 --regid=12345 --clear-groups true 2>/dev/null; then
	left_out "no thread more is allowed" "only root may become another"
else
	chmod 755 "$tmp/background"
	run bash -c 'ulimit -u 1; exec setpriv --reuid=12345 --regid=12345 --clear-groups \
		env LD_PRELOAD="$1" HAKMEM_BACKGROUND=yes "$2" tasks' - "$lib" "$tmp/background"
	expect_out "no thread more is allowed" "tasks: tasks 1, helpers 0"
	run bash -c 'ulimit -u 1; exec setpriv --reuid=12345 --regid=12345 --clear-groups \
		env LD_PRELOAD="$1" HAKMEM_BACKGROUND=yes HAKMEM_STATS=1 "$2" tasks' - "$lib" \
		"$tmp/background"
	if grep -q 'background: failed (11)' "$tmp/err"; then ok "the statistics say so"; else
		bad "the statistics say so" "$tmp/err"
	fi
fi
for setting in HAKMEM_BACKGROUND=1 HAKMEM_BACKGROUND=0; do
	run_preloaded $setting HAKMEM_STATS=1 "$tmp/background" tasks
	state=off
	[ $setting = HAKMEM_BACKGROUND=0 ] || state=running
	if grep -qx "hakmem: background: $state" "$tmp/err"; then ok "statistics: $state"; else
		bad "statistics: $state" "$tmp/err"
	fi
done

# Not clone_process and bare_fork: who goes around fork has what the helper had in hand (hakmem(7)).
for case in fork_early vfork spawn clone_vm threads handlers storm; do
	run_preloaded HAKMEM_BACKGROUND=yes HAKMEM_PURGE_DELAY=0 "$tmp/children" $case
	expect "children $case" 0
done
# Each thread wakes the helper: of many, all take too long on a machine with other work.
for case in keys tls exit detached late cancel "threads 1000"; do
	# shellcheck disable=SC2086
	run_preloaded HAKMEM_BACKGROUND=yes HAKMEM_PURGE_DELAY=0 "$tmp/life" $case
	expect "life $case" 0
done
run_preloaded HAKMEM_BACKGROUND=yes HAKMEM_CHECK=1 "$tmp/background" tasks
expect_out "with HAKMEM_CHECK" "tasks: tasks 2, helpers 1"
finish
