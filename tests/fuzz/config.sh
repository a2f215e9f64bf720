#!/bin/bash
# The parser of the configuration file on all that it should understand, and on what that becomes
# when it is broken. With HM_TEST_LONG=1 and clang: its fuzzer, for three minutes.
set -u
src=${HM_SRCDIR:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${HM_BUILDDIR:-$src/build}
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT

mkdir "$tmp/corpus"
cp "$src"/tests/fuzz/corpus/* "$tmp/corpus"
cp "$src/doc/hakmem.conf.example" "$tmp/corpus"
sed -n 's/^#\([^# ]\)/\1/p' "$src/doc/hakmem.conf.example" >"$tmp/corpus/taken_in"
printf 'a=b\r\n-c = d\0e\n\n\377\376[proc:x]' >"$tmp/corpus/bytes"
: >"$tmp/corpus/empty"

cd "$tmp" || exit 99
"$build/tests/fuzz/fuzz_config" "$tmp"/corpus/* || {
	echo "exit status $?; the input:"
	[ ! -e fuzz-failed ] || od -c fuzz-failed | head -n 40
	exit 1
}
[ -n "${HM_TEST_LONG-}" ] || exit 0

library=("$src"/src/policy/{config,option_value,options}.c "$src/src/os/print.c")
clang -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
	-I"$build" -I"$src/src" -o "$tmp/fuzz" "$src/tests/fuzz/fuzz_config.c" "${library[@]}" \
	>"$tmp/log" 2>&1 || { echo "skipped: no clang with its fuzzer"; exit 77; }
"$tmp/fuzz" -max_total_time="${HM_FUZZ_SECONDS:-180}" -max_len=4096 -print_final_stats=1 \
	"$tmp/corpus" >"$tmp/log" 2>&1 || { tail -n 40 "$tmp/log"; exit 1; }
grep -E 'stat::number_of_executed_units|Done' "$tmp/log"
