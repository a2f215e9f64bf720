#!/bin/bash
# Wrong use of malloc ends the process with one line on stderr that has the pointer and what it is.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/lib.sh"
compile wrong_use

# dies TEXT CASE [SIZE]: the line says TEXT, the pointer, class, slab and mapping.
dies() {
	local text=$1 pointer
	shift
	run_preloaded "$tmp/wrong_use" "$@"
	pointer=$(tail -n 1 "$tmp/out")
	expect_death "$*" "$text.*pointer=${pointer:-none}( .*)? class=.* slab=.* mapping=."
}

# Not noticed in this build, by design: as long as nothing is printed.
unnoticed() {
	left_out "$*" "this build does not look for it"
}

for kind in stack static constant code mmap mmap_start mmap_large unmapped noncanonical top; do
	dies 'free\(\): pointer that is not from this allocator' $kind
done
dies 'realloc\(\): pointer that is not from this allocator' realloc

run_preloaded "$tmp/wrong_use" glibc
expect "glibc's own blocks go to glibc" 0

small="16 32 100 512 1000 3000 8000"
medium="9000 40000 70000 200000 1000000"
large="3000000 20000000 100000000"
[ -z "$fast" ] || small="32 1000" medium="9000 200000" large=3000000

# A header is a check of its own, though no more than a byte.
checked=$HM_GUARDS
[ "$HM_HEADERLESS" = 1 ] || [ "$checked" != 0 ] || checked=header
# A slab whose last block came back may be free, or carved anew, when the second free comes.
double='(double free|the slab is free|pointer to no block)'
for n in $small $medium; do
	case $checked:$n in
	0:* | header:????? | header:?????? | header:??????? | header:9000)
		unnoticed interior $n
		unnoticed twice $n
		continue ;;
	esac
	dies "$double" twice $n
	dies "$double" later $n
	dies "$double" remote $n
	[ $n = 16 ] || dies 'pointer (into the middle of a|to no) block' interior $n
	dies 'pointer (into the middle of a|to no) block' unaligned $n
	[ $n -lt 100 ] || dies 'pointer (into the middle of a|to no) block' far $n
done
for n in $large; do
	dies 'pointer into the middle of a block' interior $n
	dies 'pointer into the middle of a block' far $n
	# one that is kept for reuse; else it is unmapped, and nobody's
	dies '(double free|not from this allocator)' twice $n
	dies '(double free|not from this allocator)' remote $n
done

if [ "$HM_HEADERLESS" = 0 ]; then
	for n in $small; do
		dies 'the byte before the block was overwritten' before $n
	done
else
	left_out "overwritten header" "this build has none"
fi
if [ "$HM_GUARDS" = 2 ]; then
	for n in $small $medium; do
		dies 'the block was written past its end' after $n
		run_preloaded "$tmp/wrong_use" written $n
		[ "$n" -gt 1000 ] || expect_death "written $n" "a free block was written to.*pointer=0x"
	done
else
	left_out "written past the end" "needs full guards"
fi
if [ "$checked" != 0 ]; then
	for n in ${small#* } 9000; do
		[ "$checked:$n" = header:9000 ] && continue
		dies "$double" realloc_freed $n
	done
fi
finish
