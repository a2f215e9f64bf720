#!/bin/bash
# What starting a process costs: system calls and page faults against preloading an empty library,
# files that are read, resident and reserved memory against glibc's.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
[ "${HM_PREWARM:-0}" = 0 ] || skip "this build takes memory at start, as it was told"

more_calls=6      # than an empty library
more_faults=6     # pages touched
more_own=160      # KiB than glibc's malloc: not shared with other processes
more_resident=400 # the library's file besides, which all share; the kernel maps 64 KiB around a page
more_reserved=65536

echo 'void hm_nothing(void); void hm_nothing(void) { }' >"$tmp/empty.c"
$CC -shared -fPIC -o "$tmp/empty.so" "$tmp/empty.c" || hard_error "cannot build an empty library"

calls() { # LIBRARY: the system calls of a run of true, in $tmp/calls
	strace -f -o "$tmp/calls" env LD_PRELOAD="$1" /bin/true || return
	# from the execve of true on
	sed -i '1,/execve(.*true/d; / +++ /d; / --- /d' "$tmp/calls"
	wc -l <"$tmp/calls"
}

if ! command -v strace >/dev/null || ! strace -o /dev/null true 2>/dev/null; then
	left_out "system calls" "no strace, or it may not trace"
else
	base=$(calls "$tmp/empty.so")
	cp "$tmp/calls" "$tmp/base"
	with=$(calls "$lib")
	name="system calls of true: $base with an empty library, $with with hakmem"
	if [ "$with" -le $((base + more_calls)) ]; then ok "$name"; else
		diff <(sed 's/[0-9]* *\([a-z_0-9]*\)(.*/\1/' "$tmp/base") \
			<(sed 's/^[0-9]* *//' "$tmp/calls") | grep '^>' >"$tmp/why"
		bad "$name, at most $more_calls more" "$tmp/why"
	fi
	# but the configuration file, which most systems do not have
	grep '/hakmem\.conf"' "$tmp/calls" >"$tmp/configuration"
	if grep -v '/hakmem\.conf"' "$tmp/calls" |
		grep -E '"/(proc|sys)/|"/etc/[^l]' >"$tmp/why"; then
		bad "no file of the system is read at start" "$tmp/why"
	else
		ok "no file of the system is read at start"
	fi
	if [ "$(wc -l <"$tmp/configuration")" = 1 ] && grep -q ENOENT "$tmp/configuration"; then
		ok "that there is no configuration file is one call"
	elif grep -q ENOENT "$tmp/configuration"; then
		bad "that there is no configuration file is one call" "$tmp/configuration"
	else
		left_out "no configuration file" "this system has one"
	fi
	if grep -v 'prctl(PR_GET_SECCOMP' "$tmp/calls" |
		grep -E ' (write|prctl|personality|clone[3]?)[(]' >"$tmp/why"; then
		bad "nothing is written, no thread or process setting made" "$tmp/why"
	else
		ok "nothing is written, no thread or process setting made"
	fi
fi

compile faults
base=$(LD_PRELOAD=$tmp/empty.so "$tmp/faults" /bin/true) &&
	with=$(LD_PRELOAD=$lib "$tmp/faults" /bin/true) || hard_error "true does not run"
name="page faults of true: $base with an empty library, $with with hakmem"
if [ "$with" -le $((base + more_faults)) ]; then ok "$name"; else
	bad "$name, at most $more_faults more"
fi

# of a process that sleeps: FIELD of its status, in KiB, the median of five
memory() { # FIELD [LIBRARY]
	local i pid
	for i in 1 2 3 4 5; do
		env ${2+LD_PRELOAD="$2"} sleep 20 &
		pid=$!
		# started when it is in its sleep, and no longer the shell or env
		for _ in $(seq 100); do
			[ "$(cat /proc/$pid/comm 2>/dev/null)" = sleep ] &&
				grep -q '^State:.*S' /proc/$pid/status && break
			sleep 0.02
		done
		sleep 0.05
		sed -n "s/^$1:[ \t]*\([0-9]*\) kB/\1/p" /proc/$pid/status
		kill $pid
		wait $pid 2>/dev/null
	done | sort -n | sed -n 3p
}

compare() { # WHAT FIELD MORE
	local glibc hakmem
	glibc=$(memory "$2")
	hakmem=$(memory "$2" "$lib")
	if [ "$hakmem" -le $((glibc + $3)) ]; then
		ok "$1 of sleep: $glibc KiB on glibc, $hakmem on hakmem"
	else
		bad "$1 of sleep: $glibc KiB on glibc, $hakmem on hakmem, at most $3 more"
	fi
}

compare "memory of its own" RssAnon $more_own
compare "resident memory" VmRSS $more_resident
compare "reserved memory" VmSize $more_reserved
finish
