#!/bin/bash
# Allocation at the edges of a process's and a thread's life: before main, from the loader's own
# calls, in destructors, after exit began, in children made by every means.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/lib.sh"

# A library whose constructor runs before the preloaded one's: it depends on nothing.
$CC -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -fno-builtin -shared -fPIC -o "$tmp/libearly.so" \
	"$src/early.c" -pthread || hard_error "early.c does not compile"
compile life "$tmp/libearly.so" -Wl,-rpath,"$tmp" -Wl,--no-as-needed
compile wrapper -rdynamic
compile children

try() { # PROGRAM CASE
	run "$tmp/$1" "$2"
	[ "$status" = 0 ] || { bad "$1 $2: does not even run on glibc's malloc"; return; }
	cp "$tmp/out" "$tmp/expected"
	run_preloaded "$tmp/$1" "$2"
	cmp -s "$tmp/out" "$tmp/expected" || echo "other output" >>"$tmp/err"
	expect "$1 $2" 0
}

for case in early keys tls exit detached late nested cancel; do try life $case; done
for n in malloc calloc realloc memalign free usable; do try life first_$n; done
try wrapper once
for case in fork_early vfork spawn clone_vm clone_process bare_fork threads handlers storm; do
	try children $case
done

run_preloaded "$tmp/life" threads
expect "10000 short threads leave nothing behind" 0
finish
