#!/bin/bash
# Programs under a filter of system calls that ends them for any that it does not know: what
# hakmem(7) says that the library needs is enough, and is what it makes.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
compile filter

# calls KIND: of the manual.
calls() {
	awk -v kind="$1" '/^\.Sh / { on = $2 == "SYSTEM" }
		on && /^\.It / { it = substr($0, 5) }
		/^\.El/ { it = "" }
		on && it == kind && /^\.Xr .* 2/ { print $2 }' "$HM_SRCDIR/man/hakmem.7"
}
always=$(calls always)
unfiltered=$(calls "unless there is a filter")
files=$(calls "unless a filter came later")
[ -n "$always" ] && [ -n "$unfiltered" ] && [ -n "$files" ] || hard_error "nothing in the manual"

run "$tmp/filter" only $always $unfiltered $files
[ "$status" != 77 ] || skip "no filters here"
killed=159 # SIGSYS

run_preloaded "$tmp/filter" none
expect "no filter" 0
if grep -qE '^Seccomp:[[:blank:]]*[12]' /proc/self/status; then
	left_out "filters of the program's own" "this is under a filter already"
	finish
fi
run_preloaded "$tmp/filter" kill openat
expect "opening a file ends the process" 0
run_preloaded "$tmp/filter" kill $unfiltered $files
expect "all but the first kind of the manual's end it" 0
run_preloaded "$tmp/filter" only $always
expect "all but the first kind, and those that nobody thought of" 0
run_preloaded HAKMEM_THP=always HAKMEM_DIRTY_MAX=0 "$tmp/filter" only $always
expect "the same, with huge pages, and nothing kept" 0
run_preloaded HAKMEM_CHECK=1 "$tmp/filter" only $always
expect "the same, checked" 0
# Such filters are: without memory's own calls it ends.
run_preloaded "$tmp/filter" only ${always/madvise/}
[ "$status" = $killed ] && ok "the filter kills" || bad "the filter kills" "exit status $status"

# From outside, as a container's or a service's: the limits of the group are read still.
run env HAKMEM_STATS=1 "$tmp/filter" run mincore -- env LD_PRELOAD="$lib" "$tmp/filter" none
if [ "$status" = 0 ] && grep -q 'group' "$tmp/err" && ! grep 'group' "$tmp/err" | grep -q unread; then
	ok "a filter from before the start: mincore is not called, the group is read"
else
	bad "a filter from before the start: mincore is not called, the group is read" "$tmp/err"
fi
run env HAKMEM_STATS=1 LD_PRELOAD="$lib" "$tmp/filter" kill openat
if [ "$status" = 0 ] && grep 'group' "$tmp/err" | grep -q unread; then
	ok "a filter of its own: the group stays unread, which the statistics say"
else
	bad "a filter of its own: the group stays unread, which the statistics say" "$tmp/err"
fi

# Where mincore may not be asked, what was handed out decides about huge pages.
under_filter() { # NAME KIB MIB WANTED
	run "$tmp/filter" run mincore -- env LD_PRELOAD="$lib" "$tmp/huge" advice "$2" "$3"
	[ "$status" = 0 ] && [ "$(<"$tmp/out")" = "$4" ] && ok "$1: $4" || bad "$1: $4" "$tmp/out"
}
if [ -d /sys/kernel/mm/transparent_hugepage ] && grep -q VmFlags /proc/self/smaps; then
	compile huge
	under_filter "a filter, and a heap of small blocks" 1 24 "nh hg"
	under_filter "a filter, and large blocks" 8192 24 "nh nh"
	under_filter "a filter, and middling blocks" 64 24 "nh nh"
else
	left_out "huge pages" "a kernel without, or that does not tell"
fi

# What is made, as a tracer sees it.
if ! command -v strace >/dev/null || ! strace -o /dev/null true 2>/dev/null; then
	left_out "the list" "no strace, or it may not trace"
	finish
fi
run strace -f -o "$tmp/trace" env LD_PRELOAD="$lib" "$tmp/filter" none
[ "$status" = 0 ] || hard_error "it does not run under strace"
sed '1,/the work begins/d; /the work ends/,$d' "$tmp/trace" |
	sed -nE 's/^[0-9]+ +(<\.\.\. )?([a-z_0-9]+)[( ].*/\2/p' |
	sed 's/^mmap2$/mmap/; s/^prlimit64$/prlimit/; s/_time64$//; s/^clock_gettime64$/clock_gettime/' |
	grep -vxE 'write|exit|rt_sigprocmask' | sort -u >"$tmp/made"
printf '%s\n' $always $unfiltered $files | sort -u >"$tmp/listed"
if comm -23 "$tmp/made" "$tmp/listed" | grep . >"$tmp/why"; then
	bad "no call is made that is not in the manual" "$tmp/why"
else
	ok "no call is made that is not in the manual"
fi
# These depend on who meets whom, and on the machine's clock.
if comm -13 "$tmp/made" "$tmp/listed" | grep -vxE 'futex|clock_gettime' >"$tmp/why"; then
	bad "each in the manual is made" "$tmp/why"
else
	ok "each in the manual is made"
fi
finish
