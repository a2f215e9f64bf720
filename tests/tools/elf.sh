#!/bin/bash
# What the programs make of ELF files that are damaged anywhere; prints its seed.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../preload/lib.sh"
seed=${HM_TEST_SEED:-$RANDOM$RANDOM}
rounds=20000
[ -z "$fast" ] || rounds=4000
flags="-std=gnu11 -g -O1 -I$HM_BUILDDIR -I$HM_SRCDIR/src"
for sanitizers in '-fsanitize=address,undefined -fno-sanitize-recover=all' ''; do
	# shellcheck disable=SC2086
	! $CC $flags $sanitizers -o "$tmp/elf_garbage" "$HM_SRCDIR/tests/tools/elf_garbage.c" \
		"$HM_SRCDIR/src/tools/elf_file.c" 2>"$tmp/log" || break
done
[ -x "$tmp/elf_garbage" ] || { cat "$tmp/log"; hard_error "elf_garbage.c does not compile"; }
run "$tmp/elf_garbage" "$lib" $rounds "$seed"
expect "$rounds damaged copies of the library, seed $seed: $(cat "$tmp/out")" 0
finish
