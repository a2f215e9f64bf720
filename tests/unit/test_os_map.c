/*
 * test_os_map.c - the OS contract, address space: alignment, trimming, limits,
 * refusals, moves.
 *
 * owns: nothing.
 * called from: make check. Each test runs in a process of its own.
 */
#include "base/base.h"
#include "os/os.h"

#include "base/atomic.h"

#include "fail.h"
#include "suite.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER 1
#endif
#ifndef UNDER_SANITIZER
#define UNDER_SANITIZER 0
#endif

#define MIB ((size_t)1 << 20)
#define ODD_ERRNO 12345

static uint64_t maps_made(void)
{
	return hm_load_relaxed(&hm_os_counts.maps);
}

/* What is mapped by the library's own account. */
static uint64_t balance(void)
{
	return hm_load_relaxed(&hm_os_counts.mapped_bytes) -
	       hm_load_relaxed(&hm_os_counts.unmapped_bytes);
}

static bool mapped(const void *p)
{
	unsigned char vec;
	int saved = errno;
	bool there = mincore((void *)(uintptr_t)p, 1, &vec) == 0;

	errno = saved;
	return there;
}

static bool filled(const char *p, size_t size, char with)
{
	return p[0] == with && memcmp(p, p + 1, size - 1) == 0;
}

static size_t address_space(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* A page of somebody else's at that address; false when the place is taken. */
static bool block(uintptr_t where)
{
	return mmap((void *)where, hm_os_page_size(), PROT_READ,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == (void *)where;
}

START_TEST(map_sizes_and_alignments)
{
	size_t page = hm_os_page_size();

	for (size_t align = page; align <= 64 * MIB; align *= 2) {
		for (size_t size = page; size <= 4 * MIB; size = size * 3 / page * page) {
			uint64_t before = balance();
			char *p = hm_os_map_aligned(size, align, false);

			ck_assert_ptr_nonnull(p);
			ck_assert_uint_eq((uintptr_t)p % align, 0);
			ck_assert_uint_eq(balance() - before, size);
			ck_assert_int_eq(p[0], 0);
			ck_assert_int_eq(p[size - 1], 0);
			p[0] = p[size - 1] = 1;
			ck_assert(hm_os_unmap(p, size));
			ck_assert(!mapped(p) && !mapped(p + size - page));
			ck_assert_uint_eq(balance(), before);
		}
	}
}
END_TEST

START_TEST(map_one_call_is_the_rule)
{
	/* Newer kernels align whole multiples of 2 MiB by themselves: the second size is none. */
	static const size_t sizes[] = { 2 * MIB, MIB };

	for (int s = 0; s < 2; s++) {
		uint64_t before;

		ck_assert_ptr_nonnull(hm_os_map_aligned(sizes[s], 2 * MIB, false));
		before = maps_made();
		for (int i = 0; i < 64; i++) {
			uintptr_t p = (uintptr_t)hm_os_map_aligned(sizes[s], 2 * MIB, false);

			ck_assert_uint_ne(p, 0);
			ck_assert_uint_eq(p % (2 * MIB), 0);
		}
		/* Other mappings may be in the way now and then. */
		ck_assert_uint_le(maps_made() - before, 64 + 16);
	}
}
END_TEST

/* Where the kernel puts a page that has no place of its own. */
static uintptr_t kernels_choice(void)
{
	size_t page = hm_os_page_size();
	void *p = mmap(NULL, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert(p != MAP_FAILED);
	munmap(p, page);
	return (uintptr_t)p;
}

START_TEST(map_rounds_the_kernels_choice)
{
	size_t page = hm_os_page_size(), align = 4 * page;
	uintptr_t got, below = 0, p;
	uint64_t made;

	/* Fill holes until the choice is not aligned, and what is below it is free. */
	for (int i = 0; i < 5000; i++) {
		got = kernels_choice();
		below = got & ~(uintptr_t)(align - 1);
		if (below != got && !mapped((void *)below))
			break;
		ck_assert(block(got));
		below = 0;
	}
	ck_assert_uint_ne(below, 0);
	/* With the hint blocked, at an end of the address space of its own. */
	p = (uintptr_t)hm_os_map_aligned(page, 1024 * MIB, false);
	(void)block(p - align);
	made = maps_made();
	ck_assert_uint_eq(below, kernels_choice() & ~(uintptr_t)(align - 1));
	ck_assert_ptr_eq(hm_os_map_aligned(page, align, false), (void *)below);
	ck_assert_uint_eq(maps_made() - made, 2);
}
END_TEST

START_TEST(map_reuses_addresses)
{
	uintptr_t lowest = UINTPTR_MAX, highest = 0;

	for (int i = 0; i < 1000; i++) {
		uintptr_t p = (uintptr_t)hm_os_map_aligned(2 * MIB, 2 * MIB, false);

		ck_assert_uint_ne(p, 0);
		lowest = p < lowest ? p : lowest;
		highest = p > highest ? p : highest;
		ck_assert(hm_os_unmap((void *)p, 2 * MIB));
	}
	ck_assert_uint_le(highest - lowest, 16 * MIB);
}
END_TEST

START_TEST(map_around_obstacles)
{
	size_t page = hm_os_page_size(), align = 256 * MIB;
	bool trimmed = false;

	for (int i = 0; i < 8; i++) {
		uint64_t made = maps_made(), before = balance();
		uintptr_t p = (uintptr_t)hm_os_map_aligned(page, align, false);

		ck_assert_uint_ne(p, 0);
		ck_assert_uint_eq(p % align, 0);
		ck_assert_uint_eq(balance() - before, page);
		*(char *)p = 1;
		/* Hint, kernel's choice rounded down, more and trimmed. */
		if (maps_made() - made == 3) {
			trimmed = true;
			ck_assert(!mapped((char *)p + page));
		}
		(void)block(p - align);
	}
	ck_assert(trimmed);
}
END_TEST

START_TEST(map_obstacle_survives)
{
	size_t page = hm_os_page_size();
	char *p = hm_os_map_aligned(2 * MIB, 2 * MIB, false), *q;
	uintptr_t other = (uintptr_t)p - MIB;

	ck_assert(block(other));
	ck_assert_int_eq(mprotect((void *)other, page, PROT_READ | PROT_WRITE), 0);
	memset((void *)other, 0x5a, page);
	q = hm_os_map_aligned(2 * MIB, 2 * MIB, false);
	ck_assert_ptr_nonnull(q);
	ck_assert_uint_eq((uintptr_t)q % (2 * MIB), 0);
	memset(q, 1, 2 * MIB);
	ck_assert(filled((char *)other, page, 0x5a));
}
END_TEST

START_TEST(map_refused)
{
	size_t page = hm_os_page_size();
	uint64_t before = balance();
	void *p;

	errno = ODD_ERRNO;
	ck_assert_ptr_null(hm_os_map_aligned(SIZE_MAX & ~(page - 1), 2 * MIB, false));
	/* Of 32 bits a half may be had. */
	ck_assert_ptr_null(hm_os_map_aligned(SIZE_MAX / 16 * 15 & ~(page - 1), 2 * MIB, false));
	ck_assert_ptr_null(hm_os_map_aligned(SIZE_MAX & ~(page - 1), page, false));
	for (int after = 0; after < 3; after++) {
		fail_from("mmap", after);
		p = hm_os_map_aligned(page, 256 * MIB, false);
		hm_os_fail_hook = NULL;
		ck_assert(after > 0 || p == NULL);
		if (p != NULL) {
			ck_assert(hm_os_unmap(p, page));
			(void)block((uintptr_t)p);
		}
	}
	ck_assert_int_eq(errno, ODD_ERRNO);
	ck_assert_uint_eq(balance(), before);
}
END_TEST

START_TEST(unmap_refused)
{
	size_t page = hm_os_page_size();
	char *p = hm_os_map_aligned(page, page, false);

	p[0] = 7;
	fail_from("munmap", 0);
	errno = ODD_ERRNO;
	ck_assert(!hm_os_unmap(p, page));
	ck_assert_int_eq(p[0], 7);
	/* Ends that cannot be trimmed stay; the block is as good. */
	for (int i = 0; i < 4; i++) {
		uintptr_t q = (uintptr_t)hm_os_map_aligned(page, 256 * MIB, false);

		ck_assert_uint_eq(q % (256 * MIB), 0);
	}
	hm_os_fail_hook = NULL;
	ck_assert(hm_os_unmap(p, page));
	/* The kernel's own refusal. */
	ck_assert(!hm_os_unmap(p + 1, page));
	ck_assert_int_eq(errno, ODD_ERRNO);
}
END_TEST

START_TEST(map_under_address_limit)
{
	/* A sanitizer maps for itself, and dies of the limit. */
#if !UNDER_SANITIZER
	struct rlimit limit;
	void *p;

	/* Room for one, not for one and the alignment. */
	limit.rlim_cur = limit.rlim_max = address_space() + 8 * MIB + 256 * 1024;
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
	p = hm_os_map_aligned(8 * MIB, 8 * MIB, false);
	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_null(hm_os_map_aligned(8 * MIB, 8 * MIB, false));
	ck_assert(hm_os_unmap(p, 8 * MIB));
	p = hm_os_map_aligned(8 * MIB, 8 * MIB, false);
	ck_assert_ptr_nonnull(p);
#endif
}
END_TEST

#define MAPPERS 4

static const char *map_and_look(char mark)
{
	char *p[8];

	for (int round = 0; round < 40; round++) {
		for (int i = 0; i < 8; i++) {
			p[i] = hm_os_map_aligned(2 * MIB, 2 * MIB, false);
			if (p[i] == NULL || (uintptr_t)p[i] % (2 * MIB) != 0 || p[i][0] != 0)
				return "bad mapping";
			p[i][0] = p[i][2 * MIB - 1] = mark;
		}
		for (int i = 0; i < 8; i++) {
			if (p[i][0] != mark || p[i][2 * MIB - 1] != mark)
				return "two owners";
			if (!hm_os_unmap(p[i], 2 * MIB))
				return "not unmapped";
		}
	}
	return NULL;
}

static void *mapper(void *arg)
{
	return (void *)(uintptr_t)map_and_look((char)(uintptr_t)arg);
}

START_TEST(map_concurrently)
{
	pthread_t threads[MAPPERS];
	uint64_t before = balance();

	for (uintptr_t i = 0; i < MAPPERS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, mapper, (void *)(i + 1)), 0);
	for (int i = 0; i < MAPPERS; i++) {
		void *what;

		pthread_join(threads[i], &what);
		ck_assert_msg(what == NULL, "%s", (char *)what);
	}
	ck_assert_uint_eq(balance(), before);
}
END_TEST

START_TEST(remap_in_place)
{
	size_t page = hm_os_page_size();
	char *p = hm_os_map_aligned(8 * page, page, false);
	uint64_t before = balance();

	p[0] = 3;
	errno = ODD_ERRNO;
	ck_assert(hm_os_remap_in_place(p, 8 * page, 4 * page));
	ck_assert(!mapped(p + 4 * page));
	ck_assert_uint_eq(before - balance(), 4 * page);
	ck_assert(hm_os_remap_in_place(p, 4 * page, 7 * page));
	ck_assert_int_eq(p[7 * page - 1], 0);
	ck_assert(block((uintptr_t)p + 7 * page));
	ck_assert(!hm_os_remap_in_place(p, 7 * page, 8 * page));
	fail_from("mremap", 0);
	ck_assert(!hm_os_remap_in_place(p, 7 * page, 6 * page));
	ck_assert(mapped(p + 6 * page));
	ck_assert_int_eq(p[0], 3);
	ck_assert_int_eq(errno, ODD_ERRNO);
	ck_assert_uint_eq(before - balance(), page);
}
END_TEST

static _Atomic bool is_unmapped, is_grown;

/* Unmaps what it wrote and read, and lives on: nothing but the kernel orders that for others. */
static void *unmapper(void *arg)
{
	bool done;

	memset(arg, 1, MIB);
	done = hm_os_unmap(arg, MIB);
	hm_store_relaxed(&is_unmapped, true);
	while (!hm_load_relaxed(&is_grown))
		usleep(100);
	return done ? NULL : arg;
}

/* Where another thread's memory was a moment ago, which the thread sanitizer must not blame. */
START_TEST(remap_in_place_of_another_thread)
{
	pthread_t t;
	char *p = hm_os_map_aligned(2 * MIB, 2 * MIB, false);
	void *bad;
	bool done;

	ck_assert_int_eq(pthread_create(&t, NULL, unmapper, p + MIB), 0);
	while (!hm_load_relaxed(&is_unmapped))
		usleep(100);
	done = hm_os_remap_in_place(p, MIB, 2 * MIB);
	if (done)
		memset(p + MIB, 2, MIB);
	hm_store_relaxed(&is_grown, true);
	pthread_join(t, &bad);
	ck_assert_ptr_null(bad);
	/* A mapping of a sanitizer may have come between. */
	ck_assert(done || HM_SANITIZE);
}
END_TEST

START_TEST(remap_move)
{
	size_t page = hm_os_page_size(), size = 3 * MIB;
	char *p = hm_os_map_aligned(size, 2 * MIB, false), *q, *r;
	uint64_t before = balance();
	bool is_short;

	memset(p, 9, size);
	errno = ODD_ERRNO;
	q = hm_os_remap_move(p, size, 5 * MIB, 2 * MIB, false, NULL, &is_short);
	ck_assert_ptr_nonnull(q);
	ck_assert_ptr_ne(p, q);
	ck_assert_uint_eq((uintptr_t)q % (2 * MIB), 0);
	ck_assert(!mapped(p) && !mapped(p + size - page));
	ck_assert_int_eq(q[0], 9);
	ck_assert_int_eq(q[size - 1], 9);
	ck_assert_int_eq(q[size], 0);
	q[5 * MIB - 1] = 8;
	ck_assert_uint_eq(balance() - before, 2 * MIB);
	r = hm_os_remap_move(q, 5 * MIB, MIB, 4 * MIB, false, NULL, &is_short);
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq((uintptr_t)r % (4 * MIB), 0);
	ck_assert(!mapped(q) && !mapped(r + MIB));
	ck_assert_int_eq(r[MIB - 1], 9);
	ck_assert_uint_eq(before - balance(), 2 * MIB);
	ck_assert_int_eq(errno, ODD_ERRNO);
}
END_TEST

START_TEST(remap_move_refused)
{
	size_t page = hm_os_page_size(), size = 2 * MIB, space;
	char *p = hm_os_map_aligned(size, 2 * MIB, false);
	uint64_t before = balance();
	bool is_short;

	memset(p, 9, size);
	errno = ODD_ERRNO;
	fail_from("mremap", 0);
	ck_assert_ptr_null(hm_os_remap_move(p, size, 2 * size, 2 * MIB, false, NULL, &is_short));
	ck_assert(is_short);
	fail_from("mmap", 0);
	ck_assert_ptr_null(hm_os_remap_move(p, size, 2 * size, 2 * MIB, false, NULL, &is_short));
	ck_assert(is_short);
	hm_os_fail_hook = NULL;
	ck_assert_uint_eq(balance(), before);
	/* Two mappings in the kernel's eyes: it refuses to grow them as one. */
	ck_assert_int_eq(mprotect(p + MIB, page, PROT_READ), 0);
	space = address_space();
	for (int i = 0; i < 100; i++) {
		ck_assert_ptr_null(hm_os_remap_move(p, size, 2 * size, 2 * MIB, false, NULL,
						    &is_short));
		ck_assert(!is_short);
	}
	ck_assert_uint_le(address_space() - space, 10 * 2 * size);
	ck_assert(filled(p, size, 9));
	ck_assert_int_eq(errno, ODD_ERRNO);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		map_sizes_and_alignments, map_one_call_is_the_rule, map_rounds_the_kernels_choice,
		map_reuses_addresses, map_around_obstacles, map_obstacle_survives, map_refused,
		unmap_refused, map_under_address_limit, map_concurrently, remap_in_place,
		remap_in_place_of_another_thread, remap_move, remap_move_refused,
	};

	return SUPPORT_RUN("os_map", tests);
}
