/*
 * test_range.c - retained addresses: mappings stay few, memory goes back, and what costs
 * somebody else is not kept.
 *
 * owns: nothing.
 * called from: make check. Each test runs in a process of its own.
 */
#include "base/base.h"
#include "pool/range.h"

#include "base/geometry.h"
#include "os/os.h"
#include "policy/options.h"
#include "pool/large.h"
#include "pool/large_shape.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define UNIT HM_SUPERSLAB_SIZE
#define BLOCKS 256

static size_t lines_of_maps(void)
{
	static char text[65536];
	int fd = open("/proc/self/maps", O_RDONLY);
	size_t lines = 0;
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	while ((n = read(fd, text, sizeof text)) > 0)
		for (ssize_t i = 0; i < n; i++)
			lines += text[i] == '\n';
	close(fd);
	return lines;
}

static char *map(size_t size, bool wanted)
{
	bool huge = wanted;
	char *p = hm_range_map(size, &huge);

	ck_assert_ptr_nonnull(p);
	ck_assert_uint_eq((uintptr_t)p % UNIT, 0);
	return p;
}

static bool is_zero(const char *p, size_t size)
{
	return p[0] == 0 && memcmp(p, p + 1, size - 1) == 0;
}

/* Something else that is mapped, or nothing may be retained. */
static void widen(size_t size)
{
	ck_assert_ptr_nonnull(hm_os_map_aligned(size, UNIT, false));
}

static bool may_retain(void)
{
	/* Under strict overcommit there is nothing to test. */
	return hm_os_addresses_are_free();
}

START_TEST(used_again)
{
	char *p, *q;

	if (!may_retain())
		return;
	widen(64 * MIB);
	p = map(8 * UNIT, false);
	memset(p, 1, 8 * UNIT);
	ck_assert(hm_range_unmap(p, 8 * UNIT, false, false, true));
	ck_assert_uint_eq(hm_range_retained(), 8 * UNIT);
	ck_assert_uint_eq(hm_os_resident(p, 8 * UNIT), 0);
	/* Not of its kind. */
	q = map(4 * UNIT, true);
	ck_assert(q >= p + 8 * UNIT || q + 4 * UNIT <= p);
	/* In parts, zero; joined again, in any order. */
	q = map(3 * UNIT, false);
	ck_assert_ptr_eq(q, p);
	ck_assert(is_zero(q, 3 * UNIT));
	memset(q, 1, 3 * UNIT);
	ck_assert(hm_range_extend(q + 3 * UNIT, UNIT, false));
	ck_assert(is_zero(q + 3 * UNIT, UNIT));
	ck_assert_uint_eq(hm_range_retained(), 4 * UNIT);
	ck_assert(!hm_range_extend(q + 4 * UNIT, 5 * UNIT, false));
	ck_assert(!hm_range_extend(q + 4 * UNIT, UNIT, true));
	ck_assert(hm_range_unmap(q + UNIT, UNIT, false, false, true));
	ck_assert(hm_range_unmap(q + 3 * UNIT, UNIT, false, false, true));
	ck_assert(hm_range_unmap(q + 2 * UNIT, UNIT, false, false, true));
	ck_assert(hm_range_unmap(q, UNIT, false, false, true));
	ck_assert_ptr_eq(map(8 * UNIT, false), p);
	ck_assert(is_zero(p, 8 * UNIT));
	ck_assert_uint_eq(hm_range_retained(), 0);
}
END_TEST

START_TEST(not_more_than_the_rest)
{
	char *p;

	if (!may_retain())
		return;
	p = map(1024 * MIB, false);
	ck_assert(hm_range_unmap(p, 1024 * MIB, false, false, true));
	ck_assert_uint_eq(hm_range_retained(), 0);
	ck_assert(!hm_os_purge(p, UNIT));
}
END_TEST

/* How many go before one is retained again. */
static unsigned until_retained(void)
{
	for (unsigned n = 0; n < 1000; n++) {
		ck_assert(hm_range_unmap(map(8 * UNIT, false), 8 * UNIT, false, false, true));
		if (hm_range_retained() != 0)
			return n;
	}
	return UINT32_MAX;
}

START_TEST(dropped_when_refused)
{
	char *p;

	if (!may_retain())
		return;
	widen(64 * MIB);
	p = map(8 * UNIT, false);
	ck_assert(hm_range_unmap(p, 8 * UNIT, false, false, true));
	ck_assert_uint_eq(hm_range_drop(), 8 * UNIT);
	ck_assert(!hm_os_purge(p, UNIT));
	/* The system is short of them: not for a while, and each time for longer. */
	ck_assert_uint_eq(until_retained(), 64);
	ck_assert_uint_eq(hm_range_drop(), 8 * UNIT);
	ck_assert_uint_eq(until_retained(), 128);
	/* That there was nothing to drop says nothing. */
	ck_assert_ptr_nonnull(hm_range_take(8 * UNIT, false));
	ck_assert_uint_eq(hm_range_drop(), 0);
	ck_assert_uint_eq(until_retained(), 0);
}
END_TEST

/* The type of the first argument is not the same in each libc. */
static int get_limit(bool data, struct rlimit *r)
{
	return data ? getrlimit(RLIMIT_DATA, r) : getrlimit(RLIMIT_AS, r);
}

static int set_limit(bool data, const struct rlimit *r)
{
	return data ? setrlimit(RLIMIT_DATA, r) : setrlimit(RLIMIT_AS, r);
}

/* Where addresses are counted none is kept, and what was kept goes. */
static void try_limit(bool data)
{
	struct rlimit r;
	char *p, *q;

	if (!may_retain())
		return;
	widen(64 * MIB);
	p = map(8 * UNIT, false);
	q = map(8 * UNIT, false);
	ck_assert(hm_range_unmap(p, 8 * UNIT, false, false, true));
	ck_assert_uint_eq(hm_range_retained(), 8 * UNIT);
	ck_assert_int_eq(get_limit(data, &r), 0);
	r.rlim_cur = sizeof(long) > 4 ? (rlim_t)1 << (sizeof(long) * 6 - 2) : (rlim_t)3 << 30;
	ck_assert_int_eq(set_limit(data, &r), 0);
	ck_assert(!hm_os_addresses_are_free());
	ck_assert(hm_range_unmap(q, 8 * UNIT, false, false, true));
	ck_assert_uint_eq(hm_range_retained(), 0);
	ck_assert(!hm_os_purge(p, UNIT));
	ck_assert(!hm_os_purge(q, UNIT));
}

START_TEST(not_under_limits)
{
	try_limit(_i != 0);
}
END_TEST

static bool refuse_advice(const char *call)
{
	return strcmp(call, "madvise") == 0;
}

/* Memory that does not go back (it is locked) is unmapped. */
START_TEST(not_with_memory)
{
	char *p;

	if (!may_retain())
		return;
	widen(64 * MIB);
	p = map(4 * UNIT, false);
	hm_os_fail_hook = refuse_advice;
	ck_assert(hm_range_unmap(p, 4 * UNIT, false, false, true));
	hm_os_fail_hook = NULL;
	ck_assert_uint_eq(hm_range_retained(), 0);
	ck_assert(!hm_os_purge(p, UNIT));
}
END_TEST

/* Nor is an address filled where new mappings are locked, now or later. */
START_TEST(not_filled_with_memory)
{
	char *p;

	if (!may_retain())
		return;
	widen(64 * MIB);
	/* The records are mapped by then, and not in the hole. */
	p = map(4 * UNIT, false);
	ck_assert(hm_range_unmap(p, 4 * UNIT, false, false, true));
	ck_assert_ptr_eq(map(4 * UNIT, false), p);
	ck_assert(hm_os_unmap(p, 4 * UNIT));
	hm_os_fail_hook = refuse_advice;
	hm_range_fill(p, 4 * UNIT, false);
	hm_os_fail_hook = NULL;
	ck_assert_uint_eq(hm_range_retained(), 0);
	ck_assert(!hm_os_purge(p, UNIT));
	hm_range_fill(p, 4 * UNIT, false);
	ck_assert_uint_eq(hm_range_retained(), 0);
}
END_TEST

/* What was retained when all was locked has memory then: it goes with the next that does not. */
START_TEST(not_when_all_is_locked)
{
	char *p, *q;

	if (!may_retain())
		return;
	widen(64 * MIB);
	p = map(8 * UNIT, false);
	q = map(8 * UNIT, false);
	ck_assert(hm_range_unmap(p, 8 * UNIT, false, false, true));
	ck_assert_uint_eq(hm_range_retained(), 8 * UNIT);
	/* Sanitizers make mlockall(2) do nothing. */
	if (HM_SANITIZE || mlockall(MCL_CURRENT) != 0)
		return;
	ck_assert(hm_range_unmap(q, 8 * UNIT, false, false, true));
	ck_assert_uint_eq(hm_range_retained(), 0);
	ck_assert_int_eq(munlockall(), 0);
	ck_assert(!hm_os_purge(p, UNIT));
	ck_assert(!hm_os_purge(q, UNIT));
}
END_TEST

static bool refuse_unmap(const char *call)
{
	return strcmp(call, "munmap") == 0;
}

/* What can neither be made whole nor go is as it was. */
START_TEST(refused_whole)
{
	char *p;

	if (!may_retain())
		return;
	widen(64 * MIB);
	p = map(2 * UNIT, false);
	memset(p, 1, 2 * UNIT);
	hm_os_fail_hook = refuse_unmap;
	/* The rest of the second unit is somebody's. */
	ck_assert(!hm_range_unmap(p, UNIT + MIB, false, false, true));
	hm_os_fail_hook = NULL;
	ck_assert_uint_eq(hm_range_retained(), 0);
	ck_assert_int_eq(p[0], 1);
	ck_assert_int_eq(memcmp(p, p + 1, 2 * UNIT - 1), 0);
	ck_assert(hm_range_unmap(p, 2 * UNIT, false, false, true));
	ck_assert_uint_eq(hm_range_retained(), 2 * UNIT);
}
END_TEST

static char *large(size_t size)
{
	bool zero;
	char *p = hm_large_alloc(size, 16, &zero);

	ck_assert_ptr_nonnull(p);
	*p = 1;
	return p;
}

/* Blocks of sizes that are no units come and go, with nothing cached: hardly a border. */
START_TEST(few_mappings)
{
	static char *blocks[BLOCKS];
	uint64_t state = 42;
	size_t base, live;

	if (!may_retain())
		return;
	hm_options.large_cache = 0;
	hm_options.thp = HM_THP_NEVER;
	base = lines_of_maps();
	for (size_t i = 0; i < 20 * BLOCKS; i++) {
		size_t at, size;

		state = state * 6364136223846793005u + 1442695040888963407u;
		at = i < BLOCKS ? i : (size_t)(state >> 33) % BLOCKS;
		size = 2 * MIB + (size_t)(state >> 40) % (6 * MIB);
		if (blocks[at] != NULL)
			ck_assert(hm_large_free(hm_large_find(blocks[at])));
		blocks[at] = large(size);
	}
	/* The thread sanitizer maps its shadow of each. */
	if (!HM_TSAN)
		ck_assert_uint_le(lines_of_maps(), base + 16);
	live = hm_large_bytes();
	ck_assert_uint_gt(live, BLOCKS * 4 * MIB);
	/* What is retained is no memory, and counts as none. */
	ck_assert_uint_gt(hm_range_retained(), 0);
	ck_assert_uint_lt(live, BLOCKS * 6 * MIB);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("range");
	TCase *c = tcase_create("range");
	SRunner *r = srunner_create(s);
	int bad;

	tcase_set_timeout(c, 120);
	tcase_add_test(c, used_again);
	tcase_add_test(c, not_more_than_the_rest);
	tcase_add_test(c, dropped_when_refused);
	tcase_add_loop_test(c, not_under_limits, 0, 2);
	tcase_add_test(c, not_with_memory);
	tcase_add_test(c, not_filled_with_memory);
	tcase_add_test(c, not_when_all_is_locked);
	tcase_add_test(c, refused_whole);
	tcase_add_test(c, few_mappings);
	suite_add_tcase(s, c);
	srunner_run_all(r, CK_NORMAL);
	bad = srunner_ntests_failed(r);
	srunner_free(r);
	return bad == 0 ? 0 : 1;
}
