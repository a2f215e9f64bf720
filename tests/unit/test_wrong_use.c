/*
 * test_wrong_use.c - pointers that are not live blocks: one line, then the end;
 * and glibc's blocks, which go where they belong.
 */
#include "base/base.h"

#include "hakmem.h"

#include "heap/wrong_use.h"

#include "death.h"

#include <check.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#define MIB ((size_t)1 << 20)

/* Not zero, so that it is in the mapping of the file. */
static char global[64] __attribute__((aligned(16))) = "hakmem";

/* So that the compiler does not see through what is done to a pointer. */
static char *hide(char *p)
{
	char *volatile hidden = p;

	return hidden;
}

/* ---- What is done wrong; `n` is the size of the block that it is done with. ---- */

static void stack_pointer(size_t n)
{
	char local[64] __attribute__((aligned(16))) = { (char)n };

	hak_free(hide(local));
}

static void global_pointer(size_t n)
{
	hak_free(hide(global) + n);
}

static void mapped_pointer(size_t n)
{
	hak_free(hide(mmap(NULL, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
}

static void number_pointer(size_t n)
{
	hak_free((void *)n);
}

static void last_pointer(size_t n)
{
	hak_free((void *)(UINTPTR_MAX - n));
}

static void middle(size_t n)
{
	hak_free(hide(hak_malloc(n)) + 16);
}

static void odd_middle(size_t n)
{
	hak_free(hide(hak_malloc(n)) + n / 2 + 1);
}

static void twice(size_t n)
{
	char *p = hide(hak_malloc(n));

	hak_free(p);
	hak_free(hide(p));
}

static void twice_with_others(size_t n)
{
	char *p = hide(hak_malloc(n)), *q = hak_malloc(n), *r = hak_malloc(n);

	hak_free(q);
	hak_free(p);
	hak_free(r);
	hak_free(hide(p));
}

static void realloc_foreign(size_t n)
{
	ck_assert_ptr_null(hak_realloc(hide(global), n));
}

static void overrun(size_t n)
{
	char *p = hide(hak_malloc(n));

	p[hak_usable_size(p)] = (char)(p[hak_usable_size(p)] ^ 1);
	hak_free(p);
}

static void underrun(size_t n)
{
	char *p = hide(hak_malloc(n));

	p[-1] = 0x31;
	hak_free(p);
}

static void write_after_free(size_t n)
{
	char *p = hide(hak_malloc(n));

	hak_free(p);
	hide(p)[n - 1] = 1;
	p = hide(hak_malloc(n));
}

static void wrong_size(size_t n)
{
	hak_free_sized(hide(hak_malloc(n)), n * 100);
}

#define MIDDLE "hakmem: free(): pointer into the middle of a block:"
#define TWICE "hakmem: free(): double free"
#define OVERRUN "hakmem: free(): the block was written past its end:"

static const struct wrong {
	void (*what)(size_t n);
	size_t n;
	const char *start, *part;
	int guards;      /* found from this level on */
	bool headermode; /* found in header mode only */
} wrongs[] = {
	{ stack_pointer, 1, "hakmem: free(): ", "mapping=[stack]", 0, false },
	{ global_pointer, 0, "hakmem: free(): ", "not from this allocator", 0, false },
	{ global_pointer, 1, "hakmem: free(): ", "test_wrong_use", 0, false },
	{ mapped_pointer, 4096, "hakmem: free(): ", "mapping=anonymous r--p", 0, false },
	{ number_pointer, 16, "hakmem: free(): ", "pointer=0x10 class=none", 0, false },
	{ number_pointer, 1, "hakmem: free(): ", "mapping=none", 0, false },
	{ last_pointer, 15, "hakmem: free(): ", "pointer=0xfffffff", 0, false },
	{ middle, 100, MIDDLE, "class=6", 1, false },
	{ middle, 4000, MIDDLE, "block=0x", 1, false },
	{ middle, 20000, MIDDLE, "slab=", 1, false },
	{ middle, 1 * MIB, MIDDLE, "class=", 1, false },
	{ middle, 4 * MIB, MIDDLE, "=large", 0, false },
	{ odd_middle, 100, MIDDLE, "size=", 1, false },
	{ odd_middle, 5 * MIB, "hakmem: free(): ", "mapping=anonymous", 0, false },
	{ twice, 1, TWICE, "class=", 1, false },
	{ twice, 100, TWICE, "class=", 1, false },
	{ twice, 3000, TWICE, "slab=", 1, false },
	{ twice, 4 * MIB, TWICE, "class=large", 0, false },
	{ twice_with_others, 200, TWICE, "class=", 1, false },
	{ twice_with_others, 8000, TWICE, "class=", 1, false },
	{ twice_with_others, 3 * MIB, TWICE, "class=large", 0, false },
	{ twice, 20000, TWICE, "class=", 1, false },
	{ twice, MIB, TWICE, "slab=", 1, false },
	{ realloc_foreign, 100, "hakmem: realloc(): ", "not from this allocator", 0, false },
	{ underrun, 50, "hakmem: free(): the byte before the block was overwritten:",
	  "found=0x31", 0, true },
	{ overrun, 50, OVERRUN, "class=", 2, false },
	{ overrun, 20000, OVERRUN, "class=", 2, false },
	{ overrun, 4 * MIB, "hakmem: free(): a large block was written past its end", "size=0x", 2,
	  false },
	{ write_after_free, 50, "hakmem: malloc(): a free block was written to", "offset=49 ", 2,
	  false },
	{ wrong_size, 50, "hakmem: free_sized(): the size given is not the block's", "given=0x1388",
	  2, false },
};
#define WRONGS ((int)(sizeof wrongs / sizeof *wrongs))

static void do_wrong(void *arg)
{
	const struct wrong *w = arg;

	w->what(w->n);
}

START_TEST(wrong)
{
	const struct wrong *w = &wrongs[_i];
	struct wrong copy = *w;
	char text[1024];
	bool died;

	if (HM_GUARDS < w->guards || (w->headermode && HM_HEADERLESS))
		return;
	died = death_of(do_wrong, &copy, text, sizeof text);
	ck_assert_msg(died && death_said(text, w->start, w->part), "row %d said: %s", _i, text);
}
END_TEST

START_TEST(usable_of_foreign)
{
	int local;
	char *large = hak_malloc(5 * MIB);

	errno = 77;
	ck_assert_uint_eq(hak_usable_size(&local), 0);
	ck_assert_uint_eq(hak_usable_size(global), 0);
	ck_assert_uint_eq(hak_usable_size((void *)16), 0);
	ck_assert_uint_eq(hak_usable_size((void *)(UINTPTR_MAX - 15)), 0);
	ck_assert_uint_eq(hak_usable_size(large + 16), 0);
	ck_assert_uint_eq(hak_usable_size(large + 3 * MIB), 0);
	ck_assert_int_eq(errno, 77);
	hak_free(large);
	ck_assert_uint_eq(hak_usable_size(large), 0);
}
END_TEST

/* A size too small is no harm: it is ignored; so is a wrong one below full guards. */
START_TEST(sized_free_forgives)
{
	hak_free_sized(hak_malloc(100), 1);
	hak_free_sized(hak_malloc(100), 100);
	if (HM_GUARDS < 2)
		wrong_size(100);
}
END_TEST

static unsigned forwarded;

static void next_free(void *p)
{
	forwarded++;
	free(p);
}

static size_t next_usable(void *p)
{
	return malloc_usable_size(p);
}

static void *free_arena_block(void *arg)
{
	char *p = malloc(100);

	(void)arg;
	memset(p, 1, 100);
	hak_free(p);
	return NULL;
}

/* This program's malloc is glibc's. */
START_TEST(glibc_blocks)
{
	pthread_t t;
	char *p;

	if (HM_SANITIZE)
		return;
	hm_next_free = next_free;
	hm_next_usable = next_usable;
	hak_free(malloc(100));
	ck_assert_uint_eq(forwarded, 1);
	hak_free(malloc(1000000));
	ck_assert_uint_eq(forwarded, 2);
	pthread_create(&t, NULL, free_arena_block, NULL);
	pthread_join(t, NULL);
	ck_assert_uint_eq(forwarded, 3);

	p = malloc(100);
	memset(p, 5, 100);
	p = hak_realloc(p, 5000);
	ck_assert_uint_eq(forwarded, 4);
	ck_assert_uint_ge(hak_usable_size(p), 5000);
	ck_assert(p[0] == 5 && p[99] == 5);
	hak_free(p);
	ck_assert_uint_eq(forwarded, 4);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("wrong_use");
	TCase *c = tcase_create("wrong_use");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, wrong, 0, WRONGS);
	tcase_add_test(c, usable_of_foreign);
	tcase_add_test(c, sized_free_forgives);
	tcase_add_test(c, glibc_blocks);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad == 0 ? 0 : 1;
}
