#!/bin/bash
# The commands for gdb, on a process and on its core file: each answer is compared with what
# tests/tools/gdb_host.c did.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../preload/lib.sh"

command -v gdb >/dev/null || skip "no gdb"
gdb -nx -q -batch -ex 'python print(1)' 2>/dev/null | grep -q '^1$' || skip "gdb without Python"
readelf -S "$lib" | grep -q "\.debug_info" || skip "the library was built without debug information"
script=$HM_SRCDIR/src/gdb/hakmem-gdb.py
src=$HM_SRCDIR/tests/tools
compile gdb_host

# gdb without a process of ours: a line, no traceback.
debug() { # ARGUMENT...
	gdb -nx -q -batch -iex 'set auto-load off' -iex 'set debuginfod enabled off' \
		-ex "source $script" "$@" 2>&1
}

cat >"$tmp/commands" <<EOS
hakmem heap
echo @live\n
hakmem ptr live[0]
hakmem ptr live[4999]
echo @interior\n
hakmem ptr interior
echo @freed\n
hakmem ptr freed
echo @remote\n
hakmem ptr remote
echo @large\n
hakmem ptr large
hakmem ptr large + 5
echo @elsewhere\n
hakmem ptr elsewhere
hakmem ptr 0
hakmem ptr ~0ul
echo @class\n
hakmem class 1000
echo @huge\n
hakmem class 100000000
EOS

section() { sed -n "/^@$1\$/,/^@/p" "$2" | grep -v '^@'; }

expect_line() { # NAME FILE SECTION REGEX [COUNT]
	local n
	n=$(section "$3" "$2" | grep -cE "$4")
	if [ "$n" = "${5:-1}" ]; then ok "$1"; else section "$3" "$2" >"$tmp/detail"; bad "$1" "$tmp/detail"; fi
}

expect_answers() { # NAME FILE
	local in_use
	grep -q Traceback "$2" && bad "$1: no traceback" "$2"
	# Of the class of 1000 bytes: ours, and what libc and its start files have of it.
	in_use=$(awk '$2 == 1024 && NF == 6 { print $4 }' "$2")
	if [ "${in_use:-0}" -ge 5000 ] && [ "${in_use:-0}" -le 5010 ]; then
		ok "$1: blocks in use ($in_use)"
	else
		bad "$1: blocks in use ($in_use)" "$2"
	fi
	expect_line "$1: a live block" "$2" live '^0x[0-9a-f]+: block, in use; class [0-9]+, 1024 bytes;' 2
	expect_line "$1: inside one" "$2" interior ': byte 100 of block 0x[0-9a-f]+, in use;'
	expect_line "$1: a freed one" "$2" freed ': block, free: on the list of its thread;'
	expect_line "$1: one freed by another thread" "$2" remote ': block, free: '
	expect_line "$1: a large block" "$2" large ': byte [05] of the large block 0x[0-9a-f]+, in use, 10' 2
	expect_line "$1: not ours" "$2" elsewhere ": not hakmem's" 3
	expect_line "$1: the slabs of a size" "$2" class \
		'^slab 0x[0-9a-f]+: 6[0-9] of 6[0-9] out, (owned|dormant)' "$(awk '$2 == 1024 && NF == 6 { print $3 }' "$2")"
	expect_line "$1: a size without a class" "$2" huge 'no class holds 100000000 bytes'
}

debug -ex "set environment LD_PRELOAD $lib" -ex 'set startup-with-shell off' \
	-ex 'break look_now' -ex run -x "$tmp/commands" -ex "generate-core-file $tmp/core" \
	-ex kill "$tmp/gdb_host" >"$tmp/live.out"
expect_answers process "$tmp/live.out"
[ -s "$tmp/core" ] || bad "a core file" "$tmp/live.out"
debug -x "$tmp/commands" "$tmp/gdb_host" "$tmp/core" >"$tmp/core.out"
expect_answers core "$tmp/core.out"

for arguments in 'ptr' 'class' 'class x' 'class -1' 'heap x'; do
	if debug -ex "hakmem $arguments" | grep -qE '^(usage: hakmem|hakmem: )'; then
		ok "hakmem $arguments"
	else
		bad "hakmem $arguments" "$(debug -ex "hakmem $arguments")"
	fi
done
if [ "$(debug -ex 'hakmem heap' | grep -c '^hakmem: not in this process')" = 1 ]; then
	ok "a process without the library"
else
	bad "a process without the library"
fi
finish
