#!/bin/bash
# HAKMEM_CHECK=1, in whatever build this is: each wrong use that it should find ends the process
# with one line that has the pointer; a program that does nothing wrong is left alone.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
compile checked
compile wrong_use

# dies TEXT CASE SIZE: the line says TEXT, the pointer that the program printed, and the class.
dies() {
	local text=$1 pointer class='[0-9]+ size=.*'
	shift
	# A free slab is of no class.
	[[ $text != *'slab is free'* ]] || class="($class|none)"
	run_preloaded HAKMEM_CHECK=1 "$tmp/checked" "$@"
	pointer=$(tail -n 1 "$tmp/out")
	expect_death "$*" "$text.*pointer=${pointer:-none}( .*)? class=$class slab=[0-9]+ "
}

# A slab whose last block came back may be free.
double='(double free|the slab is free|pointer to no block)'
end='the block was written past its end'
written='a free block was written to'
sizes="16 24 25 100 512 1000 4097 8000 8184 9000 40000 70000 200000 1000000"
[ -z "$fast" ] || sizes="16 24 1000 9000 200000"

for n in $sizes; do
	dies "free\(\): $double" twice $n
	dies "free\(\): $double" remote $n
	dies "realloc\(\): $double" realloc_freed $n
	dies 'free\(\): pointer into the middle of a block' interior $n
	[ $n -lt 25 ] || dies 'realloc\(\): pointer into the middle of a block' realloc_interior $n
	dies "free\(\): $end" overrun $n
	dies "free\(\): $end" overrun_remote $n
	dies "realloc\(\): $end" overrun_realloc $n
	dies "exit\(\): $written" written_exit $n
	dies 'free_sized\(\): the size given is not' sized_more $n
	dies 'free_sized\(\): the size given is not' sized_less $n
	# later, the block itself has gone on: not the largest, which alone are as much as is kept
	[ $n -gt 512 ] || dies "free\(\): $double" later $n
	[ $n -gt 65536 ] || dies "free\(\): $written" written $n
done
for n in 24 100 1000; do
	run_preloaded HAKMEM_CHECK=1 "$tmp/checked" underrun $n
	expect_death "underrun $n" "free\(\): (the byte before the block|$end).*pointer=0x"
done

# What is found without the option is found with it.
for kind in stack static mmap unmapped noncanonical; do
	run_preloaded HAKMEM_CHECK=1 "$tmp/wrong_use" $kind
	expect_death $kind 'free\(\): pointer that is not from this allocator'
done
run_preloaded HAKMEM_CHECK=1 "$tmp/wrong_use" interior 3000000
expect_death "a large block" 'pointer into the middle of a block'
run_preloaded HAKMEM_CHECK=1 "$tmp/wrong_use" glibc
expect "glibc's own blocks go to glibc" 0

run_preloaded HAKMEM_CHECK=1 "$tmp/checked" junk
expect "new blocks hold junk, those of calloc zero" 0
run_preloaded HAKMEM_CHECK=1 "$tmp/checked" clean
expect "threads and forks" 0
# Off means off.
run_preloaded HAKMEM_CHECK=0 "$tmp/checked" written_exit 100
expect "HAKMEM_CHECK=0" 0
finish
