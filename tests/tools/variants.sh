#!/bin/bash
# The variants of this tree: each is found by name, is what it says, guards what it should, and
# lives beside the others, also in one process.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
. "$(dirname "$0")/../preload/lib.sh"
[ -n "${HM_VARIANTS-}" ] || skip "this build has no variants (configure --with-variants)"
tool=$HM_BUILDDIR/hakmem-run
compile which_malloc

which=$tmp/which_malloc

# built VARIANT: what its statistics say of how it was built.
built() {
	"$tool" --variant "$1" --stats=json true 2>&1 | grep -o '"build":{[^}]*}'
}

# says VARIANT WORD...
says() {
	local variant=$1 word text
	shift
	text=$(built "$variant" | tr -d ' ')
	for word; do
		[[ $text == *"$word"* ]] || { bad "$variant is what it says" "$text, without $word"; return; }
	done
	ok "$variant is what it says"
}

one() { # VARIANT
	local v=$1 file=$HM_BUILDDIR/.libs/libhakmem-$1.so.1 words=('"variant":"'"$1"'"')
	run "$tool" -V "$v" "$which"
	[ "$(cat "$tmp/out")" = "libhakmem-$v.so.1" ] && ok "$v serves a program" || bad "$v serves a program" "$tmp/err"
	case $v in
	headerless) words+=('"headerless":true') ;;
	header) words+=('"headerless":false') ;;
	debug) words+=('"headerless":false' '"guards":"full"') ;;
	esac
	says "$v" "${words[@]}"
	"$tool" -V "$v" sleep 60 &
	local pid=$! i
	for i in {1..100}; do grep -q libhakmem "/proc/$pid/maps" 2>/dev/null && break; sleep 0.05; done
	run "$HM_BUILDDIR/hakmem-doctor" "$pid"
	grep -q "^ok: hakmem is in the process: .*libhakmem-$v.so.1.*, version .* variant=$v\$" "$tmp/out" &&
		ok "hakmem-doctor knows $v" || bad "hakmem-doctor knows $v" "$tmp/out"
	kill "$pid" && wait "$pid" 2>/dev/null
	lib=$file
	run_preloaded bash -c 'for i in {1..3000}; do a[i]=$i$i; done; sort <<<"${a[*]}" >/dev/null; exit 3'
	expect "programs on $v" 3
}

# A program that is linked with the one and started on the other: the first in the loader's order
# serves it, the other does nothing.
together() {
	local v
	printf '%s\n' '#include <hakmem.h>' '#include <stdio.h>' '#include <stdlib.h>' \
		'int main(void) { void *p = malloc(100), *q = hak_malloc(100);' \
		'p = realloc(p, 100000); hak_free(p); free(q);' \
		'return hak_version()[0] == 0 || hak_usable_size(malloc(1)) == 0; }' >"$tmp/both.c"
	"$CC" -fno-builtin -o "$tmp/both" "$tmp/both.c" -I"$HM_SRCDIR/include" \
		"$HM_BUILDDIR/.libs/libhakmem.so.1" -Wl,-rpath,"$HM_BUILDDIR/.libs" || hard_error "both.c"
	for v in $HM_VARIANTS; do
		run "$tool" -V "$v" "$tmp/both"
		expect "linked with the default, started on $v" 0
	done
	set -- $HM_VARIANTS
	run env LD_PRELOAD="$HM_BUILDDIR/.libs/libhakmem-$1.so.1 $HM_BUILDDIR/.libs/libhakmem.so.1" "$which"
	[ "$(cat "$tmp/out")" = "libhakmem-$1.so.1" ] && [ ! -s "$tmp/err" ] &&
		ok "both in LD_PRELOAD: the first serves" || bad "both in LD_PRELOAD" "$tmp/out"
}

for variant in $HM_VARIANTS; do one "$variant"; done
together
finish
