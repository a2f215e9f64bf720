/*
 * test_maps.c - finding mappings, and telling glibc's blocks from what only
 * looks like them.
 *
 * owns: nothing.
 * called from: make check. The core overrides nothing, so malloc is glibc's here
 * (but under a sanitizer).
 */
#include "base/base.h"
#include "os/maps.h"

#include "os/os.h"

#include "suite.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FOREIGN_MALLOC 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FOREIGN_MALLOC 1
#endif
#ifndef FOREIGN_MALLOC
#define FOREIGN_MALLOC 0
#endif

#define MIB ((size_t)1 << 20)
#define WORD sizeof(size_t)

static char *map_pages(size_t size, size_t align)
{
	char *p = hm_os_map_aligned(size, align, false);

	ck_assert_ptr_nonnull(p);
	return p;
}

/* The file, read before anything else changes it. */
static char *read_all(void)
{
	static char text[1 << 18];
	int fd = open("/proc/self/maps", O_RDONLY);
	size_t len = 0;
	ssize_t n;

	ck_assert_int_ge(fd, 0);
	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	close(fd);
	text[len] = '\0';
	return text;
}

START_TEST(agrees_with_scanf)
{
	unsigned lines = 0;

	for (char *line = strtok(read_all(), "\n"); line != NULL; line = strtok(NULL, "\n")) {
		uintptr_t start, end;
		struct hm_mapping m;
		char perms[8];
		int name = 0;

		ck_assert_int_eq(sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %*s %n",
					&start, &end, perms, &name), 3);
		/* Stacks and heaps may grow under our feet, a sanitizer's memory too. */
		if ((strchr(line, '[') != NULL && strstr(line, "[v") == NULL) ||
		    (FOREIGN_MALLOC && strchr(line, '/') == NULL))
			continue;
		for (int i = 0; i < 3; i++) {
			uintptr_t p = i == 0 ? start : i == 1 ? end - 1 : start + (end - start) / 2;

			ck_assert_msg(hm_maps_find((void *)p, &m), "%s", line);
			ck_assert_uint_eq(m.start, start);
			ck_assert_uint_eq(m.end, end);
			ck_assert_str_eq(m.perms, perms);
			ck_assert_int_eq(strncmp(m.name, line + name, HM_MAPS_NAME - 1), 0);
		}
		lines++;
	}
	ck_assert_uint_gt(lines, 5);
}
END_TEST

START_TEST(names_and_permissions)
{
	size_t page = hm_os_page_size();
	char path[250] = "/tmp/hm test ", *p;
	struct hm_mapping m;
	int fd;

	memset(path + strlen(path), 'n', 200);
	strcat(path, "XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)page), 0);
	p = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
	unlink(path);
	ck_assert(p != MAP_FAILED);
	errno = 12345;
	ck_assert(hm_maps_find(p + 17, &m));
	ck_assert_int_eq(errno, 12345);
	ck_assert_uint_eq(m.start, (uintptr_t)p);
	ck_assert_uint_eq(m.end, (uintptr_t)p + page);
	ck_assert_str_eq(m.perms, "r--s");
	ck_assert_uint_eq(strlen(m.name), HM_MAPS_NAME - 1);
	ck_assert_int_eq(strncmp(m.name, path, HM_MAPS_NAME - 1), 0);
	p = map_pages(page, 4 * page);
	ck_assert_int_eq(mprotect(p, page, PROT_NONE), 0);
	ck_assert(hm_maps_find(p, &m));
	ck_assert_str_eq(m.perms, "---p");
	ck_assert_str_eq(m.name, "");
}
END_TEST

START_TEST(unmapped)
{
	size_t page = hm_os_page_size();
	char *p = map_pages(page, 64 * MIB);
	struct hm_mapping m;

	ck_assert(hm_os_unmap(p, page));
	ck_assert(!hm_maps_find(p, &m));
	ck_assert_str_eq(m.name, "");
	ck_assert_uint_eq(m.end, 0);
	ck_assert(!hm_maps_find(NULL, &m));
	ck_assert(!hm_maps_find((void *)UINTPTR_MAX, &m));
	ck_assert(!hm_maps_is_glibc_heap(p));
}
END_TEST

START_TEST(no_descriptor)
{
	struct rlimit some, none;
	struct hm_mapping m;
	int on_stack = 0;

	ck_assert(hm_maps_find(&on_stack, &m));
	ck_assert_str_eq(m.name, "[stack]");
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &some), 0);
	none = some;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	errno = 12345;
	ck_assert(!hm_maps_find(&on_stack, &m));
	ck_assert(!hm_maps_is_glibc_heap(&on_stack));
	ck_assert_int_eq(errno, 12345);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &some), 0);
}
END_TEST

START_TEST(main_heap_and_mmapped)
{
	static const size_t big[] = { MIB, MIB + 1, 4 * MIB - 24, 5 * MIB + 4096 };

	for (size_t size = 1; size < 100000; size = size * 3 + 1) {
		void *p = malloc(size);

		ck_assert_msg(hm_maps_is_glibc_heap(p), "malloc(%zu)", size);
	}
	for (size_t i = 0; i < sizeof(big) / sizeof(big[0]); i++) {
		char *p = malloc(big[i]);

		ck_assert_msg(hm_maps_is_glibc_heap(p), "malloc(%zu)", big[i]);
		memset(p, 0xff, big[i]);
		ck_assert(!hm_maps_is_glibc_heap(p + 2 * WORD));
		ck_assert(!hm_maps_is_glibc_heap(p + 8));
		ck_assert(!hm_maps_is_glibc_heap(p + 1));
		ck_assert(!hm_maps_is_glibc_heap(p + 65536 - 2 * WORD));
		p = memalign(65536, big[i]);
		ck_assert_msg(hm_maps_is_glibc_heap(p), "memalign(65536, %zu)", big[i]);
	}
}
END_TEST

static char *blocks[64];

static void *allocate_in_arena(void *arg)
{
	size_t size = 1;

	(void)arg;
	for (int i = 0; i < 64; i++, size = size < 40000 ? size * 2 + 3 : 1) {
		blocks[i] = malloc(size);
		memset(blocks[i], 0x40, size);
	}
	return NULL;
}

START_TEST(other_arenas)
{
	pthread_t thread;
	struct hm_mapping m;

	ck_assert_int_eq(pthread_create(&thread, NULL, allocate_in_arena, NULL), 0);
	pthread_join(thread, NULL);
	ck_assert(hm_maps_find(blocks[0], &m));
	/* The point of it: not the main arena. */
	ck_assert_str_ne(m.name, "[heap]");
	for (int i = 0; i < 64; i++) {
		ck_assert_msg(hm_maps_is_glibc_heap(blocks[i]), "block %d", i);
		if (malloc_usable_size(blocks[i]) >= 48)
			ck_assert(!hm_maps_is_glibc_heap(blocks[i] + 32));
	}
}
END_TEST

static void put(char *p, size_t prev_size, size_t size)
{
	((size_t *)(void *)p)[-2] = prev_size;
	((size_t *)(void *)p)[-1] = size;
}

START_TEST(forged_mmapped_chunks)
{
	size_t page = hm_os_page_size(), h = 2 * WORD;
	char *m = map_pages(8 * page, 8 * page), *p = m + 4 * page + h;

	/* Its own page below cannot be read at all: the header is not looked at. */
	ck_assert(!hm_maps_is_glibc_heap(m));
	ck_assert(!hm_maps_is_glibc_heap(p));
	put(p, 0, 4 * page | 2);
	ck_assert(hm_maps_is_glibc_heap(p)); /* as good as the real thing */
	put(p, 0, 65536 * page | 2); /* longer than the mapping */
	ck_assert(!hm_maps_is_glibc_heap(p));
	put(p, 0, (4 * page - 16) | 2); /* not whole pages */
	ck_assert(!hm_maps_is_glibc_heap(p));
	put(p, 0, 4 * page | 3); /* flags that these never have */
	ck_assert(!hm_maps_is_glibc_heap(p));
	put(p, 0, 4 * page | 6);
	ck_assert(!hm_maps_is_glibc_heap(p));
	put(p, 0, 4 * page);
	ck_assert(!hm_maps_is_glibc_heap(p));
	put(p, 0, 2);
	ck_assert(!hm_maps_is_glibc_heap(p));
	put(p, SIZE_MAX & ~(page - 1), 4 * page | 2);
	ck_assert(!hm_maps_is_glibc_heap(p));
	put(p, page, (SIZE_MAX & ~(page - 1)) | 2);
	ck_assert(!hm_maps_is_glibc_heap(p));
	put(p, 65536 * page, 4 * page | 2); /* begins outside */
	ck_assert(!hm_maps_is_glibc_heap(p));
	put(p + 64, 0, 4 * page | 2); /* not at a page */
	ck_assert(!hm_maps_is_glibc_heap(p + 64));
	put(p, 0, 4 * page | 2);
	ck_assert_int_eq(mprotect(m, 8 * page, PROT_READ), 0);
	ck_assert(!hm_maps_is_glibc_heap(p));
}
END_TEST

START_TEST(forged_arena_chunks)
{
	size_t page = hm_os_page_size(), reach = (sizeof(void *) == 8 ? 64 : 1) * MIB;
	char *base = map_pages(4 * page, reach), *p = base + page + 2 * WORD;
	uintptr_t *heap = (uintptr_t *)(void *)base;
	uintptr_t good[4] = { (uintptr_t)base + 64, 0, 4 * page, 4 * page };
	char *elsewhere = map_pages(4 * page, reach) + page;

	put(p, 0, 64 | 5);
	ck_assert(!hm_maps_is_glibc_heap(p)); /* no arena */
	memcpy(heap, good, sizeof(good));
	ck_assert(hm_maps_is_glibc_heap(p)); /* as good as the real thing */
	heap[0] = 4096; /* an arena that is not mapped */
	ck_assert(!hm_maps_is_glibc_heap(p));
	heap[0] = (uintptr_t)(void *)&support_seed + 1;
	ck_assert(!hm_maps_is_glibc_heap(p));
	heap[0] = (uintptr_t)&put; /* not writable */
	heap[0] &= ~(uintptr_t)15;
	ck_assert(!hm_maps_is_glibc_heap(p));
	memcpy(heap, good, sizeof(good));
	heap[2] = 5 * page; /* more in use than usable */
	ck_assert(!hm_maps_is_glibc_heap(p));
	heap[2] = page; /* the chunk behind the end */
	ck_assert(!hm_maps_is_glibc_heap(p));
	heap[2] = heap[3] = 2 * reach;
	ck_assert(!hm_maps_is_glibc_heap(p));
	memcpy(heap, good, sizeof(good));
	put(p, 0, 4 * page | 5); /* longer than its heap */
	ck_assert(!hm_maps_is_glibc_heap(p));
	put(p, 0, 72 | 5);
	ck_assert(WORD != 8 || !hm_maps_is_glibc_heap(p));
	put(p, 0, 0 | 5);
	ck_assert(!hm_maps_is_glibc_heap(p));
	put(p, 0, 64 | 1); /* says the main arena, but is not in [heap] */
	ck_assert(!hm_maps_is_glibc_heap(p));
	/* Its base is another mapping than its own, here: none at all. */
	put(p, 0, 64 | 5);
	ck_assert_int_eq(munmap(base, page), 0);
	ck_assert(!hm_maps_is_glibc_heap(p));
	ck_assert(!hm_maps_is_glibc_heap(elsewhere));
}
END_TEST

START_TEST(what_is_no_heap)
{
	char on_stack[64] __attribute__((aligned(16))) = "";
	static char in_bss[64] __attribute__((aligned(16)));
	uint64_t state = support_seed;

	put(on_stack + 32, 0, 64 | 5);
	put(in_bss + 32, 0, 64 | 5);
	ck_assert(!hm_maps_is_glibc_heap(NULL));
	ck_assert(!hm_maps_is_glibc_heap((void *)16));
	ck_assert(!hm_maps_is_glibc_heap((void *)(UINTPTR_MAX - 15)));
	ck_assert(!hm_maps_is_glibc_heap(on_stack + 32));
	ck_assert(!hm_maps_is_glibc_heap(in_bss + 32));
	ck_assert(!hm_maps_is_glibc_heap((void *)((uintptr_t)&put & ~(uintptr_t)15)));
	ck_assert(!hm_maps_is_glibc_heap("a literal"));
	/* Words of any kind, mostly far from everything: no fault is the test. */
	for (int i = 0; i < 2000; i++) {
		uintptr_t p = (uintptr_t)support_random(&state) & ~(uintptr_t)15;

		(void)hm_maps_is_glibc_heap((void *)(p >> (support_random(&state) & 31)));
	}
}
END_TEST

START_TEST(random_pages_do_not_fault)
{
	size_t page = hm_os_page_size(), n = 4 * page / sizeof(uint64_t);
	char *p = map_pages(4 * page, 64 * MIB);
	uint64_t state = support_seed, *words = (uint64_t *)(void *)p;
	unsigned taken = 0;

	for (size_t i = 0; i < n; i++) {
		words[i] = support_random(&state);
		/* Flags and sizes that pass the first looks. */
		words[i] >>= words[i] & 63;
	}
	for (int i = 0; i < 2000; i++)
		taken += hm_maps_is_glibc_heap(p + support_random(&state) % (4 * page));
	ck_assert_uint_eq(taken, 0);
}
END_TEST

int main(void)
{
	const TTest *tests[] = {
		agrees_with_scanf, names_and_permissions, unmapped, no_descriptor,
		forged_mmapped_chunks, forged_arena_chunks, what_is_no_heap,
		random_pages_do_not_fault, main_heap_and_mmapped, other_arenas,
	};

	/* malloc is the sanitizer's: the last two are about glibc's */
	return support_run("maps", tests,
			   sizeof tests / sizeof tests[0] - (FOREIGN_MALLOC ? 2 : 0));
}
