/*
 * test_large.c - large blocks: shape, exact finding, cache, resizing, failures.
 */
#include "base/base.h"

#include "base/assert.h"
#include "base/bits.h"
#include "base/geometry.h"
#include "os/filter.h"
#include "os/os.h"
#include "policy/options.h"
#include "policy/sizeclass.h"
#include "pool/large.h"
#include "pool/large_shape.h"
#include "slab/layout.h"
#include "space/registry.h"

#include "death.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define MIB ((size_t)1 << 20)

static struct hm_large_counts counts(void)
{
	struct hm_large_counts c;

	hm_large_get_counts(&c);
	return c;
}

static char *get(size_t n, size_t align)
{
	bool zero;
	char *p = hm_large_alloc(n, align, &zero);

	ck_assert_ptr_nonnull(p);
	return p;
}

static void drop(void *p)
{
	struct hm_large *l = hm_large_find(p);

	ck_assert_ptr_nonnull(l);
	ck_assert(hm_large_free(l));
}

static void fill(char *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i += 509)
		p[i] = (char)(seed + i / 509);
	p[n - 1] = (char)seed;
}

static bool filled(const char *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i += 509)
		if (i != n - 1 && p[i] != (char)(seed + i / 509))
			return false;
	return p[n - 1] == (char)seed;
}

static void clean(void)
{
	hm_os_fail_hook = NULL;
	hm_large_purge();
	hm_options.large_cache = 64 * MIB;
	hm_options.dirty_max = 16 * MIB;
}

START_TEST(shape)
{
	static const size_t sizes[] = {
		1, 4096, 2 * MIB - 1, 2 * MIB, 2 * MIB + 1, 3 * MIB, 9 * MIB,
	};

	for (size_t align = 16; align <= 64 * MIB; align *= 2) {
		for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
			struct hm_large *l;
			bool zero = false;
			char *p = hm_large_alloc(sizes[i], align, &zero);

			ck_assert_ptr_nonnull(p);
			ck_assert_uint_eq((uintptr_t)p % align, 0);
			l = hm_large_find(p);
			ck_assert_ptr_nonnull(l);
			ck_assert_uint_ge(l->user_size, sizes[i]);
			ck_assert_uint_eq((uintptr_t)l % HM_SUPERSLAB_SIZE, 0);
			if (zero)
				for (size_t at = 0; at < l->user_size; at += 4096)
					ck_assert_int_eq(p[at], 0);
			fill(p, l->user_size, i);
			ck_assert(filled(p, l->user_size, i));
			ck_assert(hm_large_free(l));
		}
	}
	ck_assert_uint_eq(counts().live, 0);
	ck_assert_uint_eq(counts().live_bytes, 0);
}
END_TEST

START_TEST(exact)
{
	char *plain = get(3 * MIB, 16), *aligned = get(3 * MIB, 512 * 1024);
	char *shifted = get(3 * MIB, 4 * MIB);
	char *all[] = { plain, aligned, shifted };
	int local;

	for (unsigned i = 0; i < 3; i++) {
		char *p = all[i];
		struct hm_large *l = hm_large_find(p);

		ck_assert_ptr_nonnull(l);
		for (ptrdiff_t off = -4096; off <= 4096; off += 16)
			ck_assert((hm_large_find(p + off) == NULL) == (off != 0));
		ck_assert_ptr_null(hm_large_find(p + 1));
		ck_assert_ptr_null(hm_large_find(p + 2 * MIB));
		ck_assert_ptr_null(hm_large_find(l));
		ck_assert_ptr_eq(hm_large_find_interior(p + 2 * MIB + 5), l);
		ck_assert_ptr_eq(hm_large_find_interior(p), l);
		ck_assert_ptr_null(hm_large_find_interior(p + 64 * MIB));
	}
	ck_assert_ptr_null(hm_large_find(NULL));
	ck_assert_ptr_null(hm_large_find(&local));
	ck_assert_ptr_null(hm_large_find((void *)UINTPTR_MAX));
	for (uintptr_t bit = 1; bit != 0; bit <<= 1)
		ck_assert_ptr_null(hm_large_find((void *)bit));
	for (unsigned i = 0; i < 3; i++)
		drop(all[i]);
}
END_TEST

START_TEST(colours)
{
	char *p[32];
	unsigned seen = 0;

	for (unsigned i = 0; i < 32; i++) {
		p[i] = get(2 * MIB, 16);
		seen |= 1u << ((uintptr_t)p[i] % HM_SUPERSLAB_SIZE / 64 - 1);
	}
	ck_assert_uint_eq(seen, 0xffff);
	for (unsigned i = 0; i < 32; i++)
		drop(p[i]);
}
END_TEST

START_TEST(double_free)
{
	char *p = get(3 * MIB, 16), *shifted = get(3 * MIB, 2 * MIB);
	struct hm_large *l = hm_large_find(p), *s = hm_large_find(shifted);

	ck_assert(!hm_large_was_freed(p));
	ck_assert(hm_large_free(l));
	ck_assert(!hm_large_free(l));
	ck_assert(hm_large_was_freed(p));
	ck_assert_ptr_null(hm_large_find(p));
	/* Unmapped by now: still no fault. */
	ck_assert(hm_large_free(s));
	ck_assert(!hm_large_free(s));
	ck_assert_int_eq(hm_registry_get(shifted), HM_REG_NONE);
	hm_large_purge();
	ck_assert(!hm_large_free(l));
	ck_assert_int_eq(hm_registry_get(p), HM_REG_NONE);
}
END_TEST

START_TEST(cache_fit)
{
	/* Where addresses come one after the other, neighbours that are free are one. */
	char *a = get(6 * MIB, 16), *wall = get(2 * MIB, 16), *b = get(7 * MIB, 16), *c, *d;
	struct hm_large *la = hm_large_find(a), *lb = hm_large_find(b);
	bool zero = true;

	drop(b);
	drop(a);
	ck_assert_uint_eq(counts().cached, 2);
	/* The best fit, not the first. */
	c = hm_large_alloc(6 * MIB - 8192, 16, &zero);
	ck_assert_ptr_eq(hm_large_find(c), la);
	ck_assert(!zero);
	drop(c);
	/* What is longer is cut, and the rest stays. */
	c = get(4 * MIB, 16);
	ck_assert_ptr_eq(hm_large_find(c), la);
	ck_assert_uint_eq(hm_large_span(la), 6 * MIB);
	ck_assert_uint_eq(counts().cached, 2);
	/* Any alignment below 2 MiB, at the same base. */
	d = hm_large_alloc(6 * MIB - 4096, MIB, &zero);
	ck_assert_ptr_eq(hm_large_find(d), lb);
	ck_assert_uint_eq((uintptr_t)d % MIB, 0);
	drop(c);
	drop(d);
	drop(wall);
	ck_assert_uint_gt(hm_large_purge(), 0);
	ck_assert_uint_eq(counts().cached, 0);
	ck_assert_uint_eq(counts().cached_bytes, 0);
}
END_TEST

/* From so many on addresses are retained. */
#define LIVE 64

static unsigned fail_after, failed;
static const char *fail_call;

static bool refuse(const char *call)
{
	if (strcmp(call, fail_call) != 0 || (fail_after > 0 && fail_after-- > 0))
		return false;
	failed++;
	return true;
}

static void fail_from(const char *call, unsigned after)
{
	fail_call = call;
	fail_after = after;
	failed = 0;
	hm_os_fail_hook = refuse;
}

/* Of what is shorter the longest grows: its pages are kept. */
START_TEST(cache_grows_a_block)
{
	char *a = get(5 * MIB, 16), *between = get(2 * MIB, 16), *b = get(4 * MIB, 16);
	char *wall = get(2 * MIB, 16), *c;
	uint64_t remaps;
	bool zero = true;

	fill(a, 5 * MIB, 1);
	drop(a);
	drop(b);
	remaps = hm_os_counts.remaps;
	c = hm_large_alloc(9 * MIB, 16, &zero);
	ck_assert(c != NULL && !zero);
	ck_assert_uint_gt(hm_os_counts.remaps, remaps);
	ck_assert_uint_ge(hm_large_find(c)->user_size, 9 * MIB);
	ck_assert_uint_eq(counts().cached, 1);
	ck_assert_uint_eq(counts().live, 3);
	fill(c, 9 * MIB, 2);
	ck_assert(filled(c, 9 * MIB, 2));
	/* Four times as long and more: not worth a move. */
	remaps = hm_os_counts.remaps;
	drop(get(28 * MIB, 16));
	ck_assert_uint_eq(hm_os_counts.remaps, remaps);
	/* It cannot grow: a new one instead. */
	hm_large_purge();
	drop(get(4 * MIB, 16));
	fail_from("mremap", 0);
	a = get(8 * MIB, 16);
	hm_os_fail_hook = NULL;
	ck_assert_uint_gt(failed, 0);
	ck_assert_uint_eq(counts().live, 4);
	drop(a);
	drop(c);
	drop(between);
	drop(wall);
	ck_assert_uint_eq(counts().live, 0);
	ck_assert_uint_eq(counts().allocated, counts().freed);
}
END_TEST

START_TEST(cache_bound)
{
	unsigned gone = 0;
	char *p[6];

	for (unsigned i = 0; i < 6; i++)
		p[i] = get(5 * MIB, 16);
	for (unsigned i = 0; i < 6; i++)
		drop(p[i]);
	/* Nobody calls any more: what stays is dirty_max. */
	ck_assert_uint_le(counts().cached_bytes, 16 * MIB);
	ck_assert_uint_ge(counts().cached_bytes, 12 * MIB);
	for (unsigned i = 0; i < 6; i++)
		gone += hm_registry_get(p[i]) == HM_REG_NONE && !hm_large_was_freed(p[i]);
	ck_assert_uint_ge(gone, 3);

	/* What is freed joins its neighbours and is cut again. */
	hm_large_purge();
	for (unsigned i = 0; i < 6; i++) {
		p[i] = get(8 * MIB - 8192, 16);
		ck_assert_uint_eq(hm_large_find(p[i])->map_size, 8 * MIB);
	}
	for (unsigned i = 0; i < 6; i++)
		drop(p[i]);
	ck_assert_uint_lt(counts().cached, 6);

	/* The option: nothing is kept, and what is too large never is. */
	hm_large_purge();
	hm_options.large_cache = 10 * MIB;
	p[0] = get(20 * MIB, 16);
	drop(p[0]);
	ck_assert_uint_eq(counts().cached, 0);
	hm_options.large_cache = 0;
	p[0] = get(2 * MIB, 16);
	drop(p[0]);
	ck_assert_uint_eq(counts().cached, 0);
}
END_TEST

START_TEST(cache_grows_with_heap)
{
	char *big = get(200 * MIB, 16), *p = get(40 * MIB, 16);

	drop(p);
	ck_assert_uint_eq(counts().cached, 1);
	drop(big);
	ck_assert_uint_eq(counts().live_bytes, 0);
}
END_TEST

/* Resizes block p to n, checks that the first `kept` bytes are `seed`, fills it anew. */
static char *resized(char *p, size_t kept, size_t n, unsigned seed)
{
	struct hm_large *l;
	char *q = hm_large_resize(hm_large_find(p), n, true);

	ck_assert_ptr_nonnull(q);
	l = hm_large_find(q);
	ck_assert_ptr_nonnull(l);
	ck_assert_uint_ge(l->user_size, n);
	if (q != p)
		ck_assert_ptr_null(hm_large_find(p));
	ck_assert(filled(q, kept, seed));
	fill(q, n, seed + 1);
	return q;
}

/* Moved, so that to the kernel it is a mapping by itself. */
static char *moved(char *p, size_t n)
{
	char *q = hm_large_resize(hm_large_find(p), n, true);

	ck_assert_ptr_nonnull(q);
	ck_assert_uint_ne(hm_large_find(q)->moved, 0);
	return q;
}

/* Parts of what was moved at once are one mapping, and join again; those of two moves are not. */
START_TEST(cache_joins_what_moved)
{
	const size_t whole = 6 * MIB - 8192, part = 2 * MIB - 8192, rest = 4 * MIB - 8192;
	char *above = get(part, 16), *a = get(part, 16), *wall = get(part, 16);
	char *b = get(part, 16), *p, *q;

	a = moved(a, whole);
	b = moved(b, whole);
	drop(a);
	p = get(part, 16);
	q = get(rest, 16);
	ck_assert_uint_eq(counts().cached, 0);
	drop(p);
	drop(q);
	ck_assert_uint_eq(counts().cached, 1);
	drop(b);
	ck_assert_uint_eq(counts().cached, 2);
	/* Each can be moved. */
	p = get(whole, 16);
	q = get(whole, 16);
	ck_assert_uint_eq(counts().cached, 0);
	fill(p, whole, 1);
	fill(q, whole, 3);
	drop(resized(p, whole, 30 * MIB, 1));
	drop(resized(q, whole, 34 * MIB, 3));
	drop(above);
	drop(wall);
}
END_TEST

START_TEST(resize_keeps)
{
	static const size_t aligns[] = { 16, 4096, MIB, 2 * MIB, 8 * MIB };

	for (unsigned a = 0; a < 5; a++) {
		size_t n = 2 * MIB;
		char *p = get(n, aligns[a]), *wall;
		unsigned seed = a;

		fill(p, n, seed);
		for (size_t next = n; next < 200 * MIB; next = next * 3 / 2 + 12345) {
			/* Something in the way now and then, so that both ways are gone. */
			wall = get(2 * MIB, 16);
			/* A prefix filled at its own end, for the check after the move. */
			fill(p, n, seed);
			p = resized(p, n, next, seed++);
			n = next;
			drop(wall);
		}
		if (aligns[a] <= 2 * MIB)
			ck_assert_uint_eq((uintptr_t)p % (aligns[a] < 64 ? 64 : aligns[a]), 0);
		fill(p, 5 * MIB, seed);
		p = resized(p, 5 * MIB, 5 * MIB, seed);
		ck_assert_uint_le(hm_large_find(p)->map_size, 8 * MIB);
		drop(p);
	}
	ck_assert_uint_eq(counts().live, 0);
	ck_assert_uint_eq(counts().live_bytes, 0);
	ck_assert_uint_gt(counts().most_bytes, 100 * MIB);
}
END_TEST

START_TEST(resize_in_place)
{
	char *p = get(4 * MIB, 16), *q;
	struct hm_large *l = hm_large_find(p);
	size_t usable = l->user_size;

	/* Never smaller when it may not move, and by less than an eighth never at all. */
	ck_assert_ptr_eq(hm_large_resize(l, 1, false), p);
	ck_assert_ptr_eq(hm_large_resize(l, usable - 4096, true), p);
	ck_assert_uint_eq(l->user_size, usable);
	ck_assert_ptr_eq(hm_large_resize(l, usable, false), p);
	ck_assert_ptr_null(hm_large_resize(l, PTRDIFF_MAX, true));
	ck_assert_ptr_null(hm_large_resize(l, SIZE_MAX - 10, false));
	q = hm_large_resize(l, 5 * MIB, false);
	ck_assert(q == NULL || q == p);
	drop(p);
}
END_TEST

START_TEST(map_fails)
{
	struct hm_large_counts before;
	bool zero;

	drop(get(4 * MIB, 16));
	before = counts();
	ck_assert_uint_eq(before.cached, 1);
	fail_from("mmap", 0);
	ck_assert_ptr_null(hm_large_alloc(40 * MIB, 16, &zero));
	ck_assert_uint_gt(failed, 0);
	ck_assert_ptr_null(hm_large_alloc(40 * MIB, 4 * MIB, &zero));
	hm_os_fail_hook = NULL;
	ck_assert_uint_eq(counts().cached, 0);
	ck_assert_uint_eq(counts().live, before.live);
	/* With an emptied cache, what failed once succeeds. */
	drop(get(4 * MIB, 16));
	fail_from("mmap", 0);
	ck_assert_ptr_nonnull(hm_large_alloc(4 * MIB, 16, &zero));
}
END_TEST

static bool refuse_first(const char *call)
{
	return strcmp(call, "mmap") == 0 && failed++ == 0;
}

/* Whole units are refused, what was asked for is not: it stays when it is resized to that. */
START_TEST(no_spare_room)
{
	size_t n = 8 * MIB - 65536;
	struct hm_large *l;
	char *p;

	failed = 0;
	hm_os_fail_hook = refuse_first;
	p = get(n, 16);
	l = hm_large_find(p);
	ck_assert_uint_lt(l->map_size, 8 * MIB);
	fail_from("mremap", 0);
	ck_assert_ptr_eq(hm_large_resize(l, n, true), p);
	ck_assert_uint_eq(failed, 0);
	hm_os_fail_hook = NULL;
	drop(p);
}
END_TEST

START_TEST(impossible)
{
	bool zero;

	ck_assert_ptr_null(hm_large_alloc(PTRDIFF_MAX, 16, &zero));
	ck_assert_ptr_null(hm_large_alloc(PTRDIFF_MAX - 4096, 4096, &zero));
	ck_assert_ptr_null(hm_large_alloc(SIZE_MAX, 16, &zero));
	ck_assert_ptr_null(hm_large_alloc(1, SIZE_MAX / 2 + 1, &zero));
	ck_assert_ptr_null(hm_large_alloc(PTRDIFF_MAX / 2, SIZE_MAX / 4 + 1, &zero));
}
END_TEST

START_TEST(remap_fails)
{
	char *p = get(4 * MIB, 16);
	struct hm_large *l = hm_large_find(p);

	fill(p, 4 * MIB, 7);
	fail_from("mremap", 0);
	ck_assert_ptr_null(hm_large_resize(l, 50 * MIB, true));
	ck_assert(filled(p, 4 * MIB, 7));
	/* Shorter it can become without. */
	fill(p, MIB, 7);
	ck_assert_ptr_eq(hm_large_resize(l, MIB, true), p);
	hm_os_fail_hook = NULL;
	ck_assert_ptr_eq(hm_large_find(p), l);
	ck_assert(filled(p, MIB, 7));
	ck_assert_uint_eq(counts().live, 1);
	ck_assert_uint_eq(counts().live_bytes, l->map_size);
	drop(p);
}
END_TEST

/*
 * Of two mappings to the kernel it moves none: that says nothing about memory, so nothing that is
 * kept for later goes.
 */
START_TEST(remap_of_two)
{
	size_t page = hm_os_page_size();
	char *p = get(4 * MIB, 16), *wall = get(4 * MIB, 16);
	struct hm_large *l = hm_large_find(p);

	drop(get(9 * MIB, 16));
	fill(p, 4 * MIB, 7);
	ck_assert_int_eq(mprotect((char *)l + 2 * MIB, page, PROT_READ), 0);
	ck_assert_ptr_null(hm_large_resize(l, 50 * MIB, true));
	ck_assert_uint_eq(counts().cached, 1);
	ck_assert(filled(p, 4 * MIB, 7));
	ck_assert_int_eq(mprotect((char *)l + 2 * MIB, page, PROT_READ | PROT_WRITE), 0);
	drop(p);
	drop(wall);
}
END_TEST

/*
 * A block whose second half the program has locked can neither be kept without memory nor go:
 * what the kernel took before it said so is not what is known of the block.
 */
START_TEST(locked_half)
{
	char *blocks[LIVE], *p;
	struct hm_large *l;
	bool zero = true;

	for (unsigned i = 0; i < LIVE; i++)
		blocks[i] = get(3 * MIB, 16);
	hm_options.large_cache = 0;
	p = get(20 * MIB, 16);
	l = hm_large_find(p);
	/* Sanitizers make mlock(2) do nothing. */
	if (syscall(SYS_mlock, (char *)l + 10 * MIB, MIB) != 0)
		return;
	fail_from("munmap", 0);
	ck_assert(hm_large_free(l));
	hm_os_fail_hook = NULL;
	ck_assert_uint_eq(counts().cached, 1);
	ck_assert_uint_ge(counts().cached_bytes, 20 * MIB);
	p = hm_large_alloc(20 * MIB, 16, &zero);
	ck_assert_ptr_eq(hm_large_find(p), l);
	ck_assert(!zero);
	drop(p);
	for (unsigned i = 0; i < LIVE; i++)
		drop(blocks[i]);
	hm_large_purge();
	ck_assert_uint_eq(counts().cached_bytes, 0);
}
END_TEST

/* At the limit of mappings, a block that cannot go is used again. */
START_TEST(unmap_fails)
{
	char *p = get(20 * MIB, 16);
	struct hm_large *l = hm_large_find(p);
	bool zero = true;

	fail_from("munmap", 0);
	ck_assert(hm_large_free(l));
	ck_assert_uint_ge(failed, 1);
	ck_assert_ptr_null(hm_large_find(p));
	ck_assert(!hm_large_free(l));
	ck_assert_uint_eq(counts().cached, 1);
	p = hm_large_alloc(20 * MIB, 16, &zero);
	ck_assert_ptr_eq(hm_large_find(p), l);
	ck_assert(!zero);
	ck_assert(hm_large_free(l));
	hm_os_fail_hook = NULL;
	ck_assert_uint_ge(hm_large_purge(), 20 * MIB);
	ck_assert_uint_eq(counts().cached, 0);
	ck_assert_int_eq(hm_registry_get(l), HM_REG_NONE);
}
END_TEST

static void overrun(void *arg)
{
	char *p = get(3 * MIB, 16);
	struct hm_large *l = hm_large_find(p);

	(void)arg;
	p[l->user_size] = (char)(p[l->user_size] ^ 1);
	hm_large_free(l);
}

START_TEST(canary)
{
	char text[512];

	if (HM_GUARDS < 2)
		return;
	ck_assert(death_of(overrun, NULL, text, sizeof text));
	ck_assert_msg(death_said(text, "hakmem: free(): ", "past its end: pointer=0x"), "%s", text);
}
END_TEST

START_TEST(fork_child)
{
	char *p = get(3 * MIB, 16);

	hm_large_fork_take();
	hm_large_fork_release(true);
	drop(p);
	hm_large_fork_take();
	hm_large_fork_release(false);
	drop(get(3 * MIB, 16));
}
END_TEST

#define THREADS 4
#define SLOTS 6

static _Atomic bool stop;

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

/* Finds at random addresses while blocks come and go: no fault, no false answer. */
static void *looker(void *arg)
{
	uint64_t state = 99;
	char *near = arg;

	while (!stop) {
		char *p = near - next_random(&state) % (512 * MIB) + 256 * MIB;

		/* 8 modulo 16: no block begins there. */
		p = (char *)((uintptr_t)p & ~(uintptr_t)15) + 8;
		if (hm_large_find(p) != NULL)
			return p;
	}
	return NULL;
}

static void *worker(void *arg)
{
	uint64_t state = (uintptr_t)arg;
	unsigned rounds = getenv("HM_TEST_FAST") != NULL ? 100 : 600;
	size_t size[SLOTS] = { 0 };
	char *p[SLOTS] = { NULL };

	for (unsigned i = 0; i < rounds; i++) {
		unsigned k = (unsigned)(next_random(&state) % SLOTS);
		size_t n = MIB + next_random(&state) % (4 * MIB);
		size_t align = next_random(&state) % 8 == 0 ? 2 * MIB : 16;
		unsigned seed = (unsigned)(uintptr_t)arg + k;
		bool zero;

		if (p[k] == NULL) {
			p[k] = hm_large_alloc(n, align, &zero);
		} else if (!filled(p[k], size[k], seed)) {
			return p[k];
		} else if (n % 3 == 0) {
			size_t kept = n < size[k] ? n : size[k];

			p[k][kept - 1] = (char)seed;
			char *q = hm_large_resize(hm_large_find(p[k]), n, true);

			/* Of several mappings, the kernel does not move it. */
			if (q == NULL) {
				n = size[k];
				q = p[k];
			}
			p[k] = q;
			if (!filled(q, kept, seed))
				return arg;
		} else {
			if (!hm_large_free(hm_large_find(p[k])))
				return p[k];
			p[k] = NULL;
		}
		size[k] = n;
		if (p[k] != NULL)
			fill(p[k], n, seed);
	}
	for (unsigned k = 0; k < SLOTS; k++)
		if (p[k] != NULL)
			hm_large_free(hm_large_find(p[k]));
	return NULL;
}

START_TEST(threads)
{
	pthread_t t[THREADS], look;
	void *bad;

	stop = false;
	ck_assert_int_eq(pthread_create(&look, NULL, looker, get(2 * MIB, 16)), 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, worker, (void *)(i + 1)), 0);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(t[i], &bad);
		ck_assert_ptr_null(bad);
	}
	stop = true;
	pthread_join(look, &bad);
	ck_assert_ptr_null(bad);
	ck_assert_uint_eq(counts().live, 1);
	ck_assert_uint_eq(counts().allocated - counts().freed, 1);
}
END_TEST

static bool refuse_mincore(const char *call)
{
	return strcmp(call, "mincore") == 0;
}

static bool has_huge(size_t n, unsigned touched)
{
	char *p = get(n, 16);

	memset(p, 1, n / 8 * touched);
	return hm_large_find(p)->huge;
}

/* Does this kernel know of huge pages at all? */
static bool have_huge(void)
{
	char *p = hm_os_map_aligned(2 * MIB, 2 * MIB, false);
	bool done = hm_os_advise_huge(p, 2 * MIB);

	ck_assert(hm_os_unmap(p, 2 * MIB));
	return done;
}

/* Is there evidence for them, too? Not under a filter, as of a container. */
static bool learns_huge(void)
{
	return have_huge() && !hm_os_is_filtered();
}

/* A block asks for huge pages when the one before, without them, was used whole. */
START_TEST(huge_pages)
{
	bool have = learns_huge();

	ck_assert(!has_huge(9 * MIB, 1));
	ck_assert(!has_huge(9 * MIB, 5));
	ck_assert(!has_huge(9 * MIB, 8));
	hm_os_fail_hook = refuse_mincore;
	ck_assert(!has_huge(9 * MIB, 8));
	hm_os_fail_hook = NULL;
	ck_assert(has_huge(9 * MIB, 1) == have);
	ck_assert(has_huge(17 * MIB, 1) == have);
	/* Of something so much larger it says nothing. */
	ck_assert(!has_huge(30 * MIB, 8));
	/* The eighth has none whatever the others did; and the next learn from it. */
	ck_assert(!has_huge(9 * MIB, 1));
	ck_assert(!has_huge(9 * MIB, 1));
	/* Too short for one. */
	ck_assert(!has_huge(3 * MIB, 8));
	hm_options.thp = HM_THP_NEVER;
	ck_assert(!has_huge(9 * MIB, 8));
}
END_TEST

static bool refuse_advice(const char *call)
{
	return strcmp(call, "madvise") == 0;
}

/* The option decides alone; and goes on without where the kernel says no. */
START_TEST(huge_pages_by_option)
{
	char *p;

	hm_options.thp = HM_THP_ALWAYS;
	ck_assert(has_huge(3 * MIB, 1) == have_huge());
	ck_assert(has_huge(9 * MIB, 1) == have_huge());
	hm_os_fail_hook = refuse_advice;
	ck_assert(!has_huge(9 * MIB, 8));
	p = get(9 * MIB, 16);
	ck_assert_ptr_nonnull(hm_large_resize(hm_large_find(p), 20 * MIB, true));
	hm_options.thp = HM_THP_NEVER;
	ck_assert(!has_huge(9 * MIB, 8));
	hm_os_fail_hook = NULL;
	ck_assert(!has_huge(9 * MIB, 8));
}
END_TEST

START_TEST(huge_pages_for_what_grows)
{
	char *full = get(9 * MIB, 16), *part = get(9 * MIB, 16);

	memset(full, 1, 9 * MIB);
	memset(part, 1, 5 * MIB);
	full = hm_large_resize(hm_large_find(full), 20 * MIB, true);
	part = hm_large_resize(hm_large_find(part), 20 * MIB, true);
	ck_assert(hm_large_find(full)->huge == learns_huge());
	ck_assert(!hm_large_find(part)->huge);
	ck_assert_int_eq(full[9 * MIB - 1], 1);
	ck_assert_int_eq(part[5 * MIB - 1], 1);
}
END_TEST

/* The cache joins no two kinds, of which mremap could not move the one that they make. */
START_TEST(huge_pages_in_the_cache)
{
	char *plain = get(9 * MIB, 16), *huge;

	memset(plain, 1, 9 * MIB);
	huge = get(9 * MIB, 16);
	drop(plain);
	drop(huge);
	ck_assert_uint_eq(counts().cached, have_huge() ? 2 : 1);
	/* What is cut off one is of its kind. */
	plain = get(9 * MIB, 16);
	ck_assert_uint_eq(counts().cached, 1);
	drop(plain);
	ck_assert_uint_eq(counts().cached, have_huge() ? 2 : 1);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		shape, exact, colours, double_free, cache_fit, cache_bound,
		cache_grows_a_block, cache_joins_what_moved,
		cache_grows_with_heap, resize_keeps, resize_in_place, map_fails,
		no_spare_room, impossible, remap_fails, remap_of_two, locked_half, unmap_fails,
		canary, fork_child, threads,
		huge_pages, huge_pages_by_option, huge_pages_for_what_grows,
		huge_pages_in_the_cache,
	};
	Suite *s = suite_create("large");
	TCase *c = tcase_create("large");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_add_checked_fixture(c, clean, clean);
	tcase_set_timeout(c, 120);
	for (unsigned i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(c, tests[i]);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad == 0 ? 0 : 1;
}
