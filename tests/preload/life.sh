#!/bin/bash
# Allocation at the edges of a process's and a thread's life: before main, from the loader's own
# calls, in destructors, after exit began, in children made by every means.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/lib.sh"

compile_life
try_life

count=10000
[ -z "$fast" ] || count=2000
run_preloaded "$tmp/life" threads $count
expect "$count short threads leave nothing behind" 0
finish
