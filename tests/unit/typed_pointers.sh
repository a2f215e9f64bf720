#!/bin/bash
# A user pointer does not go where a block's base belongs (lessons.md, L1): the compiler refuses it.
# called from: make check, with CC, HM_SRCDIR and HM_BUILDDIR set.
set -u
src=${HM_SRCDIR:?} build=${HM_BUILDDIR:?}
[ -e "$build/config.h" ] || { echo "no config.h in $build"; exit 99; }
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT

compiles() { # the statements of a function
	cat >"$tmp/t.c" <<EOF
#include "base/base.h"
#include "heap/heap.h"
#include "slab/slab.h"
#include "slab/remote.h"
void f(struct hm_heap *h, struct hm_slab *s, struct hm_user u, struct hm_base b, void *p);
void f(struct hm_heap *h, struct hm_slab *s, struct hm_user u, struct hm_base b, void *p)
{
	(void)h, (void)s, (void)u, (void)b, (void)p;
	$1
}
EOF
	# CC may be several words.
	${CC:-cc} -std=gnu11 -D_GNU_SOURCE -I"$build" -I"$src/src" -I"$src/include" \
		-Werror=implicit-function-declaration -fsyntax-only "$tmp/t.c" 2>"$tmp/err"
}

failed=0
good() { compiles "$1" || { echo "should compile: $1"; cat "$tmp/err"; failed=1; }; }
bad() {
	if compiles "$1"; then
		echo "should not compile: $1"
		failed=1
	elif ! grep -q 'incompatible type' "$tmp/err"; then
		echo "refused, but for another reason: $1"
		cat "$tmp/err"
		failed=1
	fi
}

pairs() { # good statement, then bad ones
	good "$1"
	shift
	for s; do bad "$s"; done
}

pairs 'hm_slab_push(s, b, true);' 'hm_slab_push(s, u, true);' 'hm_slab_push(s, p, true);'
pairs 'h->sll[0].head = b;' 'h->sll[0].head = u;' 'h->sll[0].head = p;'
pairs 'h->bins[0].back = b;' 'h->bins[0].back = u;' 'h->bins[0].back = p;'
pairs 's->free = b;' 's->free = u;' 's->free = p;'
pairs 'hm_link_set(b, true, b);' 'hm_link_set(b, true, u);' 'hm_link_set(u, true, b);'
pairs 'hm_remote_push(s, b, b, 1);' 'hm_remote_push(s, u, b, 1);' 'hm_remote_push(s, b, u, 1);'
pairs 'hm_remote_free(h, s, b);' 'hm_remote_free(h, s, u);'
pairs 'hm_remote_free(h, s, b);' 'hm_remote_free(h, s, u);'
pairs 'b = hm_to_base(u, true);' 'b = hm_to_base(b, true);' 'b = hm_to_base(p, true);' \
	'u = hm_to_base(u, true);'
pairs 'u = hm_to_user(b, true);' 'u = hm_to_user(u, true);' 'b = hm_to_user(b, true);'
pairs 'b = hm_slab_detach(s);' 'u = hm_slab_detach(s);'
pairs 'u = hm_slab_block(s, 0);' 'b = hm_slab_block(s, 0);'
exit $failed
