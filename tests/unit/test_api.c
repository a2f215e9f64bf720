/*
 * test_api.c - the laws of the public functions: results, errno, alignment, edges.
 *
 * The rows are glibc's measured behaviour, or where it is named a law stricter than that.
 */
#include "base/base.h"

#include "hakmem.h"

#include "base/bits.h"
#include "os/os.h"
#include "policy/sizeclass.h"
#include "report/stats.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)
/* Its square is 0, modulo what a size can be. */
#define PAST_ROOT ((size_t)2 << sizeof(size_t) * 4)
/* No errno that anything here sets. */
#define UNTOUCHED 77

/* So that the compiler, which knows the attributes of these functions, does not judge them. */
static volatile size_t zero_size;
static size_t hide(size_t n)
{
	return n + zero_size;
}

/* ---- One call that allocates, and what must come of it. ---- */

enum entry {
	MALLOC, CALLOC, REALLOC, REALLOC_NULL, REALLOCARRAY,
	MEMALIGN, ALIGNED, POSIX, VALLOC, PVALLOC,
};

static char marker;

static void *call(enum entry e, size_t a, size_t b, void *old)
{
	void *p = &marker;
	int err;

	switch (e) {
	case MALLOC:
		return hak_malloc(b);
	case CALLOC:
		return hak_calloc(a, b);
	case REALLOC:
		return hak_realloc(old, b);
	case REALLOC_NULL:
		return hak_realloc(NULL, b);
	case REALLOCARRAY:
		return hak_reallocarray(old, a, b);
	case MEMALIGN:
		return hak_memalign(a, b);
	case ALIGNED:
		return hak_aligned_alloc(a, b);
	case VALLOC:
		return hak_valloc(b);
	case PVALLOC:
		return hak_pvalloc(b);
	case POSIX:
		err = hak_posix_memalign(&p, a, b);
		/* Its errors are results, and leave both *out and errno alone. */
		ck_assert((err == 0) == (p != &marker));
		ck_assert_int_eq(errno, UNTOUCHED);
		errno = err == 0 ? UNTOUCHED : err;
		return err == 0 ? p : NULL;
	}
	return NULL;
}

static const struct row {
	enum entry entry;
	size_t a, b;
	int err;              /* 0: a block */
	size_t align, usable; /* that it must have at least */
} rows[] = {
	{ MALLOC, 0, 0, 0, 16, 1 },
	{ MALLOC, 0, 8, 0, 16, 8 },
	{ MALLOC, 0, 24, 0, 16, 24 },
	{ MALLOC, 0, 5000, 0, 16, 5000 },
	{ MALLOC, 0, 100000, 0, 16, 100000 },
	{ MALLOC, 0, PTRDIFF_MAX, ENOMEM, 0, 0 },
	{ MALLOC, 0, (size_t)PTRDIFF_MAX + 1, ENOMEM, 0, 0 },
	{ MALLOC, 0, SIZE_MAX - 4096, ENOMEM, 0, 0 },
	{ MALLOC, 0, SIZE_MAX, ENOMEM, 0, 0 },
	{ CALLOC, 0, 0, 0, 16, 1 },
	{ CALLOC, 10, 0, 0, 16, 1 },
	{ CALLOC, 0, 10, 0, 16, 1 },
	{ CALLOC, 10, 10, 0, 16, 100 },
	{ CALLOC, PAST_ROOT, PAST_ROOT, ENOMEM, 0, 0 },
	{ CALLOC, SIZE_MAX, 2, ENOMEM, 0, 0 },
	{ CALLOC, 2, SIZE_MAX, ENOMEM, 0, 0 },
	{ CALLOC, SIZE_MAX / 2 + 2, 2, ENOMEM, 0, 0 },
	{ CALLOC, SIZE_MAX / 3 + 1, 3, ENOMEM, 0, 0 },
	{ CALLOC, 1, SIZE_MAX, ENOMEM, 0, 0 },
	{ CALLOC, PTRDIFF_MAX, 1, ENOMEM, 0, 0 },
	{ CALLOC, (size_t)PTRDIFF_MAX + 1, 1, ENOMEM, 0, 0 },
	{ REALLOC, 0, 1, 0, 16, 1 },
	{ REALLOC, 0, 200000, 0, 16, 200000 },
	{ REALLOC, 0, PTRDIFF_MAX, ENOMEM, 0, 0 },
	{ REALLOC, 0, SIZE_MAX, ENOMEM, 0, 0 },
	{ REALLOC_NULL, 0, 0, 0, 16, 1 },
	{ REALLOC_NULL, 0, 100, 0, 16, 100 },
	{ REALLOC_NULL, 0, SIZE_MAX, ENOMEM, 0, 0 },
	{ REALLOCARRAY, 10, 100, 0, 16, 1000 },
	{ REALLOCARRAY, PAST_ROOT, PAST_ROOT, ENOMEM, 0, 0 },
	{ REALLOCARRAY, SIZE_MAX, 2, ENOMEM, 0, 0 },
	{ REALLOCARRAY, SIZE_MAX / 2 + 1, 2, ENOMEM, 0, 0 },
	{ REALLOCARRAY, (size_t)PTRDIFF_MAX + 1, 1, ENOMEM, 0, 0 },
	{ ALIGNED, 0, 100, EINVAL, 0, 0 },
	{ ALIGNED, 3, 100, EINVAL, 0, 0 },
	{ ALIGNED, SIZE_MAX, 100, EINVAL, 0, 0 },
	{ ALIGNED, 1, 100, 0, 16, 100 },
	{ ALIGNED, 64, 100, 0, 64, 100 },
	{ ALIGNED, 64, 0, 0, 64, 1 },
	{ ALIGNED, 2 * MIB, 1, 0, 2 * MIB, 1 },
	{ ALIGNED, GIB, 1, 0, GIB, 1 },
	{ ALIGNED, 4096, PTRDIFF_MAX, ENOMEM, 0, 0 },
	{ ALIGNED, 16, SIZE_MAX, ENOMEM, 0, 0 },
	{ ALIGNED, SIZE_MAX / 2 + 1, 1, ENOMEM, 0, 0 },
	{ ALIGNED, SIZE_MAX / 4 + 1, PTRDIFF_MAX, ENOMEM, 0, 0 },
	{ MEMALIGN, 0, 100, 0, 16, 100 },
	{ MEMALIGN, 1, 100, 0, 16, 100 },
	{ MEMALIGN, 17, 100, 0, 32, 100 },
	{ MEMALIGN, 48, 100, 0, 64, 100 },
	{ MEMALIGN, 4097, 100, 0, 8192, 100 },
	{ MEMALIGN, 4096, 0, 0, 4096, 1 },
	{ MEMALIGN, SIZE_MAX, 1, EINVAL, 0, 0 },
	{ MEMALIGN, SIZE_MAX / 2 + 2, 1, EINVAL, 0, 0 },
	{ MEMALIGN, SIZE_MAX / 2 + 1, 1, ENOMEM, 0, 0 },
	{ MEMALIGN, SIZE_MAX / 2, 1, ENOMEM, 0, 0 },
	{ MEMALIGN, 64, SIZE_MAX, ENOMEM, 0, 0 },
	{ MEMALIGN, 64, SIZE_MAX - 63, ENOMEM, 0, 0 },
	{ MEMALIGN, 8, SIZE_MAX, ENOMEM, 0, 0 },
	{ POSIX, 0, 100, EINVAL, 0, 0 },
	{ POSIX, sizeof(void *) / 2, 100, EINVAL, 0, 0 },
	{ POSIX, 24, 100, EINVAL, 0, 0 },
	{ POSIX, SIZE_MAX, 100, EINVAL, 0, 0 },
	{ POSIX, sizeof(void *), 100, 0, 16, 100 },
	{ POSIX, 128, 0, 0, 128, 1 },
	{ POSIX, MIB, 3 * MIB, 0, MIB, 3 * MIB },
	{ POSIX, 64, SIZE_MAX, ENOMEM, 0, 0 },
	{ POSIX, 64, PTRDIFF_MAX, ENOMEM, 0, 0 },
	{ VALLOC, 0, 0, 0, 1, 1 },
	{ VALLOC, 0, 100, 0, 1, 100 },
	{ VALLOC, 0, SIZE_MAX, ENOMEM, 0, 0 },
	{ VALLOC, 0, PTRDIFF_MAX, ENOMEM, 0, 0 },
	{ PVALLOC, 0, 0, 0, 1, 4096 },
	{ PVALLOC, 0, 4097, 0, 1, 8192 },
	{ PVALLOC, 0, SIZE_MAX, ENOMEM, 0, 0 },
	{ PVALLOC, 0, PTRDIFF_MAX, ENOMEM, 0, 0 },
};
#define ROWS ((int)(sizeof rows / sizeof *rows))

/* The old block of realloc's rows, whole unless it was resized. */
static bool whole(const char *p)
{
	for (unsigned i = 0; i < 100; i++)
		if (p[i] != (char)i)
			return false;
	return true;
}

START_TEST(edges)
{
	const struct row *r = &rows[_i];
	bool resizes = r->entry == REALLOC || r->entry == REALLOCARRAY;
	size_t page = hm_os_page_size();
	size_t align = r->entry == VALLOC || r->entry == PVALLOC ? page : r->align;
	char *old = resizes ? hak_malloc(100) : NULL, *p;

	for (int i = 0; resizes && i < 100; i++)
		old[i] = (char)i;
	errno = UNTOUCHED;
	p = call(r->entry, hide(r->a), hide(r->b), old);
	if (r->err != 0) {
		ck_assert_ptr_null(p);
		ck_assert_int_eq(errno, r->err);
		ck_assert(old == NULL || whole(old));
		hak_free(old);
		return;
	}
	ck_assert_ptr_nonnull(p);
	ck_assert_int_eq(errno, UNTOUCHED);
	ck_assert_uint_eq((uintptr_t)p % align, 0);
	ck_assert_uint_ge(hak_usable_size(p), r->usable);
	ck_assert(old == NULL || r->b < 100 || whole(p));
	memset(p, 0x31, hak_usable_size(p));
	hak_free(p);
	ck_assert_int_eq(errno, UNTOUCHED);
}
END_TEST

START_TEST(zero_is_unique)
{
	void *a = hak_malloc(0), *b = hak_malloc(0), *c = hak_calloc(0, 5);

	ck_assert(a != NULL && b != NULL && c != NULL);
	ck_assert(a != b && b != c && a != c);
	hak_free(a);
	hak_free(b);
	hak_free(c);
}
END_TEST

/* realloc(p, 0) frees: memory in use does not grow however often. */
START_TEST(realloc_to_nothing)
{
	static const size_t sizes[] = { 1, 1000, 20000, 300000, 3 * MIB };
	struct hm_stats before, after;

	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		hm_stats_collect(&before);
		for (unsigned k = 0; k < 300; k++) {
			void *p = hak_malloc(sizes[i]);

			ck_assert_ptr_nonnull(p);
			errno = UNTOUCHED;
			p = k % 2 ? hak_realloc(p, hide(0)) : hak_reallocarray(p, hide(0), 5);
			ck_assert_ptr_null(p);
			ck_assert_int_eq(errno, UNTOUCHED);
		}
		hm_stats_collect(&after);
		ck_assert_uint_eq(after.live_blocks, before.live_blocks);
		ck_assert_uint_eq(after.large.live, before.large.live);
	}
}
END_TEST

START_TEST(free_keeps_errno)
{
	static const size_t sizes[] = { 1, 500, 9000, 300000, 3 * MIB, 100 * MIB };

	errno = UNTOUCHED;
	hak_free(NULL);
	hak_free_sized(NULL, 10);
	hak_free_aligned_sized(NULL, 16, 10);
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		hak_free(hak_malloc(sizes[i]));
		hak_free_sized(hak_malloc(sizes[i]), sizes[i]);
		hak_free_aligned_sized(hak_aligned_alloc(4096, sizes[i]), 4096, sizes[i]);
		ck_assert_int_eq(errno, UNTOUCHED);
	}
}
END_TEST

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

/* Every pair of an alignment and a size: aligned, all usable bytes ours, usable size constant. */
START_TEST(any_alignment)
{
	enum { SLOTS = 64 };
	uint64_t seed = (uint64_t)getpid() * 2654435761u, state = seed;
	int rounds = getenv("HM_TEST_FAST") != NULL ? 10000 : 100000;
	unsigned char *p[SLOTS] = { NULL };
	size_t usable[SLOTS] = { 0 };

	printf("any_alignment: seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < rounds; i++) {
		unsigned k = (unsigned)next_random(&state) % SLOTS;
		unsigned shift = (unsigned)next_random(&state) % (i % 100 == 0 ? 23 : 14);
		size_t n = (size_t)next_random(&state) % ((size_t)1 << next_random(&state) % 16);
		size_t align = (size_t)1 << shift;

		if (p[k] != NULL) {
			ck_assert_uint_eq(hak_usable_size(p[k]), usable[k]);
			ck_assert_uint_eq(p[k][0], k);
			ck_assert_uint_eq(p[k][usable[k] / 2], k);
			ck_assert_uint_eq(p[k][usable[k] - 1], k);
			hak_free(p[k]);
		}
		p[k] = hak_aligned_alloc(align, n);
		ck_assert_ptr_nonnull(p[k]);
		ck_assert_uint_eq((uintptr_t)p[k] % (align < 16 ? 16 : align), 0);
		usable[k] = hak_usable_size(p[k]);
		ck_assert_uint_ge(usable[k], n);
		memset(p[k], (int)k, usable[k] < 65536 ? usable[k] : 65536);
		p[k][usable[k] / 2] = p[k][usable[k] - 1] = (unsigned char)k;
	}
	for (unsigned k = 0; k < SLOTS; k++)
		hak_free(p[k]);
}
END_TEST

/* Contents survive any way of sizes; aligned blocks can be resized too. */
START_TEST(realloc_keeps)
{
	uint64_t seed = (uint64_t)getpid() * 40503u, state = seed;
	unsigned char *p = NULL;
	size_t n = 0;

	printf("realloc_keeps: seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < 3000; i++) {
		size_t top = (size_t)1 << next_random(&state) % 24;
		size_t to = 1 + (size_t)next_random(&state) % top;
		size_t kept = to < n ? to : n;

		if (i % 50 == 0) {
			hak_free(p);
			p = hak_memalign((size_t)1 << next_random(&state) % 22, to);
			kept = 0;
		} else {
			p = i % 2 ? hak_realloc(p, to) : hak_reallocarray(p, 1, to);
		}
		ck_assert_ptr_nonnull(p);
		ck_assert_uint_ge(hak_usable_size(p), to);
		for (size_t at = 0; at < kept; at += 97)
			ck_assert_uint_eq(p[at], (unsigned char)(at / 97));
		n = to;
		for (size_t at = 0; at < n; at += 97)
			p[at] = (unsigned char)(at / 97);
	}
	hak_free(p);
}
END_TEST

START_TEST(calloc_is_zero)
{
	for (size_t n = 1; n < 64 * MIB; n = n * 5 / 3 + 7) {
		unsigned char *p = hak_malloc(n);

		memset(p, 0xee, n);
		hak_free(p);
		p = hak_calloc(n, 1);
		ck_assert_ptr_nonnull(p);
		for (size_t at = 0; at < n; at++)
			if (p[at] != 0)
				ck_abort_msg("byte %zu of %zu is %u", at, n, p[at]);
		hak_free(p);
	}
}
END_TEST

START_TEST(good_size)
{
	for (size_t n = 0; n <= (size_t)HM_MEDIUM_REQUEST_MAX; n += n < 9000 ? 1 : 4093) {
		void *p = hak_malloc(n);

		ck_assert_uint_eq(hak_good_size(n), hak_usable_size(p));
		ck_assert_uint_ge(hak_good_size(n), n);
		ck_assert_uint_eq(hak_good_size(hak_good_size(n)), hak_good_size(n));
		hak_free(p);
	}
	ck_assert_uint_ge(hak_good_size(50 * MIB), 50 * MIB);
	ck_assert_uint_eq(hak_good_size(SIZE_MAX), SIZE_MAX);
	ck_assert_uint_eq(hak_usable_size(NULL), 0);
}
END_TEST

START_TEST(expand)
{
	char *p = hak_malloc(100), *big = hak_malloc(5 * MIB), *q;
	size_t usable = hak_usable_size(p);

	errno = UNTOUCHED;
	ck_assert_ptr_null(hak_expand(NULL, 10));
	ck_assert_ptr_eq(hak_expand(p, usable), p);
	ck_assert_ptr_eq(hak_expand(p, 0), p);
	ck_assert_ptr_null(hak_expand(p, usable + 1));
	ck_assert_ptr_null(hak_expand(p, SIZE_MAX));
	ck_assert_uint_eq(hak_usable_size(p), usable);
	usable = hak_usable_size(big);
	ck_assert_ptr_eq(hak_expand(big, 1), big);
	ck_assert_uint_eq(hak_usable_size(big), usable);
	q = hak_expand(big, 6 * MIB);
	ck_assert(q == NULL || (q == big && hak_usable_size(big) >= 6 * MIB));
	ck_assert_ptr_null(hak_expand(big, SIZE_MAX));
	ck_assert_int_eq(errno, UNTOUCHED);
	hak_free(p);
	hak_free(big);
}
END_TEST

START_TEST(version)
{
	char text[32];

	snprintf(text, sizeof text, "%d.%d.%d", HAKMEM_VERSION_MAJOR, HAKMEM_VERSION_MINOR,
		 HAKMEM_VERSION_PATCH);
	ck_assert_str_eq(text, HAKMEM_VERSION_STRING);
	ck_assert_str_eq(text, hak_version());
}
END_TEST

static size_t resident(void)
{
	unsigned long size = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%lu %lu", &size, &pages), 2);
	fclose(f);
	return pages * hm_os_page_size();
}

START_TEST(purge)
{
	enum { N = 20000 };
	void **p = malloc(N * sizeof *p);
	size_t before = resident(), full;

	for (unsigned i = 0; i < N; i++)
		memset(p[i] = hak_malloc(1000), 1, 1000);
	full = resident();
	for (unsigned i = 0; i < N; i++)
		hak_free(p[i]);
	free(p);
	hak_free(memset(hak_malloc(8 * MIB), 1, 8 * MIB));
	/* Some went back by itself. */
	ck_assert_uint_ge(hak_purge(), 8 * MIB);
	ck_assert_uint_eq(hak_purge(), 0);
	if (!HM_SANITIZE)
		ck_assert_uint_lt(resident(), before + (full - before) / 4);
}
END_TEST

/* In a process of one thread the figures are exact. */
START_TEST(stats_are_true)
{
	static const size_t sizes[] = { 1, 24, 100, 1000, 5000, 20000, 100000, 1000000, 3 * MIB };
	enum { N = 50 };
	struct hm_stats before, during, after;
	void *p[N];

	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		bool large = sizes[i] > (size_t)HM_MEDIUM_REQUEST_MAX;
		size_t blocks, bytes;

		hm_stats_collect(&before);
		for (unsigned k = 0; k < N; k++)
			p[k] = hak_malloc(sizes[i]);
		hm_stats_collect(&during);
		blocks = large ? during.large.live - before.large.live :
				 during.live_blocks - before.live_blocks;
		bytes = large ? during.large.live_bytes - before.large.live_bytes :
				during.live_bytes - before.live_bytes;
		ck_assert_uint_eq(blocks, N);
		ck_assert_uint_ge(bytes, N * sizes[i]);
		ck_assert_uint_le(during.live_bytes + during.free_bytes, during.superslab_bytes);
		for (unsigned k = 0; k < N; k++)
			hak_free(p[k]);
		hm_stats_collect(&after);
		ck_assert_uint_eq(after.live_blocks, before.live_blocks);
		ck_assert_uint_eq(after.live_bytes, before.live_bytes);
		ck_assert_uint_eq(after.large.live_bytes, before.large.live_bytes);
	}
}
END_TEST

START_TEST(stats_text)
{
	char text[8192];
	int ends[2];
	ssize_t n;

	hak_free(hak_malloc(100));
	ck_assert_int_eq(pipe(ends), 0);
	hak_stats_print(ends[1]);
	close(ends[1]);
	n = read(ends[0], text, sizeof text - 1);
	ck_assert_int_gt(n, 100);
	text[n] = '\0';
	ck_assert_ptr_eq(strstr(text, "hakmem: heap"), text);
	ck_assert_ptr_nonnull(strstr(text, "\n  superslabs "));
	ck_assert_int_eq(text[n - 1], '\n');
	close(ends[0]);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		zero_is_unique, realloc_to_nothing, free_keeps_errno, any_alignment, realloc_keeps,
		calloc_is_zero, good_size, expand, version, purge, stats_are_true, stats_text,
	};
	Suite *s = suite_create("api");
	TCase *c = tcase_create("api");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_set_timeout(c, 120);
	tcase_add_loop_test(c, edges, 0, ROWS);
	for (unsigned i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(c, tests[i]);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad == 0 ? 0 : 1;
}
