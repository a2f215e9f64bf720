#!/bin/bash
# HAKMEM_THP: which mappings ask for huge pages, or refuse them; and a system that refuses madvise.
# What is looked at first is the advice, which does not hang on the system's mode or on free memory.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
compile huge

# advice NAME THP KIB MIB WANTED: of the first and the last of MIB of blocks.
advice() {
	run_preloaded HAKMEM_THP="$2" "$tmp/huge" advice "$3" "$4"
	if [ "$status" = 0 ] && [ ! -s "$tmp/err" ] && [ "$(<"$tmp/out")" = "$5" ]; then
		ok "$1: $5"
	else
		{ echo "exit status $status, not '$5'"; cat "$tmp/out" "$tmp/err"; } >"$tmp/why"
		bad "$1" "$tmp/why"
	fi
}

if [ ! -d /sys/kernel/mm/transparent_hugepage ] || ! grep -q VmFlags /proc/self/smaps; then
	left_out "advice" "a kernel without huge pages, or that does not tell"
else
	advice "a small heap" auto 1 1 "nh nh"
	advice "one that grows and is dense" auto 1 24 "nh hg"
	advice "a large block" auto 8192 8 "nh nh"
	# under a filter of system calls, as of a container, there is no evidence of these
	grep -qE '^Seccomp:[[:blank:]]*[12]' /proc/self/status && wanted="nh nh" || wanted="nh hg"
	advice "large blocks that are dense" auto 8192 24 "$wanted"
	for size in "1 1" "1 24" "64 24" "1024 24" "3000 9" "8192 24"; do
		# shellcheck disable=SC2086
		advice "never: KIB and MIB $size" never $size "nh nh"
		# shellcheck disable=SC2086
		advice "always: KIB and MIB $size" always $size "hg hg"
	done
	# what lies between survivors would come back in time with the huge page, by khugepaged
	run_preloaded HAKMEM_THP=always HAKMEM_DIRTY_MAX=1M "$tmp/huge" holes 64
	if [ "$HM_GUARDS" != 2 ] && [ "$(<"$tmp/out")" != "hg nh" ]; then
		bad "holes: not 'hg nh'" "$tmp/out"
	else
		expect "holes" 0
	fi
fi

# Nothing may be touched before the advice. Only where the system's mode is always can that be seen.
for thp in auto never; do
	# what is prewarmed is one huge page each
	run_preloaded HAKMEM_THP=$thp HAKMEM_PREWARM=0 "$tmp/huge" sparse
	if [ "$status" = 0 ] && [ "$(<"$tmp/out")" != 0 ]; then
		bad "$thp: sparse blocks have no huge pages" "$tmp/out"
	else
		expect "$thp: sparse blocks have no huge pages" 0
	fi
done

# EPERM, EAGAIN, ENOMEM, EINVAL, ENOSYS
for thp in auto never always; do
	run_preloaded HAKMEM_THP=$thp "$tmp/huge" work
	expect "$thp" 0
	for error in 1 11 12 22 38; do
		[ -z "$fast" ] || [ $error = 22 ] || continue
		run "$tmp/huge" refuse $error env LD_PRELOAD="$lib" HAKMEM_THP=$thp "$tmp/huge" work
		if [ "$status" = 77 ]; then left_out "madvise fails" "no seccomp"; else
			expect "$thp, madvise fails with $error" 0
		fi
	done
done
finish
