/*
 * stress.h - what the stress tests share: seeds, blocks that name their owner,
 * and the walk that finds a damaged or lost slab.
 *
 * owns: struct item, one allocated block and what it should contain.
 * called from: tests/stress, tests/long.
 */
#ifndef HM_TESTS_STRESS_H
#define HM_TESTS_STRESS_H

#include "base/atomic.h"
#include "base/bits.h"
#include "heap/heap.h"
#include "pool/pool.h"
#include "slab/remote.h"
#include "slab/slab.h"

#include "hakmem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* For threads and loops: Check's own assertions write to a pipe, one at a time. */
#define NEED(cond)                                                                                 \
	do {                                                                                       \
		if (hm_unlikely(!(cond))) {                                                        \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond);         \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* ---- chance, and how long ---- */

static inline bool stress_fast(void)
{
	const char *v = getenv("HM_TEST_FAST");

	return (v != NULL && strcmp(v, "1") == 0) || HM_SANITIZE;
}

/* `normal` in a full run, `fast` under HM_TEST_FAST=1 and under sanitizers. */
static inline size_t stress_size(size_t normal, size_t fast)
{
	return stress_fast() ? fast : normal;
}

/* HM_TEST_SEED, or a new one; printed, so that a failure can be had again. */
static inline uint64_t stress_seed(const char *test)
{
	const char *v = getenv("HM_TEST_SEED");
	uint64_t seed = v != NULL ? strtoull(v, NULL, 0)
				  : (uint64_t)time(NULL) * 1000003 + (uint64_t)getpid();

	printf("%s: HM_TEST_SEED=%llu\n", test, (unsigned long long)seed);
	fflush(stdout);
	return seed;
}

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014) */
static inline uint64_t mix64(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *r)
{
	return mix64(r->state += 0x9e3779b97f4a7c15u);
}

static inline size_t rng_below(struct rng *r, size_t n)
{
	return (size_t)(rng_next(r) >> 11) % n;
}

/* 1..max, every doubling as likely as any other. */
static inline size_t rng_size(struct rng *r, size_t max)
{
	size_t top = (size_t)1 << rng_below(r, hm_log2(max) + 1);
	size_t n = top + rng_below(r, top);

	return n > max ? max : n;
}

/* ---- blocks that name their owner ---- */

struct item {
	unsigned char *p;
	size_t n;
	uint32_t owner, serial; /* who filled it, and which of his it is */
};

static inline uint64_t item_word(const struct item *it, size_t i)
{
	return mix64((uint64_t)it->owner << 32 | it->serial) + i * 0x9e3779b97f4a7c15u;
}

/* Writes the owner's pattern over [from, n). */
static inline void item_fill(struct item *it, size_t from)
{
	size_t i = from / 8;
	uint64_t w;

	for (; (i + 1) * 8 <= it->n; i++) {
		w = item_word(it, i);
		memcpy(it->p + i * 8, &w, 8);
	}
	w = item_word(it, i);
	memcpy(it->p + i * 8, &w, it->n - i * 8);
}

/* Is the first `upto` bytes' pattern whole? */
static inline bool item_whole(const struct item *it, size_t upto)
{
	size_t i = 0;
	uint64_t w, v;

	for (; (i + 1) * 8 <= upto; i++) {
		w = item_word(it, i);
		memcpy(&v, it->p + i * 8, 8);
		if (v != w)
			return false;
	}
	w = item_word(it, i);
	return memcmp(it->p + i * 8, &w, upto - i * 8) == 0;
}

static inline bool all_zero(const unsigned char *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* Says what is wrong with a block, and ends the process. */
static inline void item_damaged(const struct item *it, const char *where)
{
	size_t at = 0;

	while (at < it->n && item_whole(it, at + 1))
		at++;
	fprintf(stderr, "%s: block %p of %zu bytes, owner %u, serial %u: damaged at byte %zu\n",
		where, (void *)it->p, it->n, it->owner, it->serial, at);
	abort();
}

static inline void item_check(const struct item *it, const char *where)
{
	if (!item_whole(it, it->n))
		item_damaged(it, where);
}

/* Checks, frees, forgets. */
static inline void item_drop(struct item *it)
{
	if (it->p == NULL)
		return;
	item_check(it, "free");
	hak_free(it->p);
	it->p = NULL;
}

/* A block of n bytes in the empty item, filled. False when there is no memory. */
static inline bool item_make(struct item *it, size_t n, uint32_t owner, uint32_t serial)
{
	*it = (struct item){ .p = hak_malloc(n), .n = n, .owner = owner, .serial = serial };
	if (it->p == NULL)
		return false;
	item_fill(it, 0);
	return true;
}

/* ---- the walk ---- */

struct walk {
	size_t superslabs, free_slabs, spans, bad, lost;
	bool final; /* everything is freed: whatever is not free is lost */
};

/* The remote head's list is as long as its word says. Others must rest. */
static inline bool remote_valid(struct hm_slab *s)
{
	struct hm_remote *r = hm_remote_of(s);
	uint32_t word = hm_load_acquire(&r->word), length = 0;
	uint32_t count = hm_remote_count(word), used = hm_slab_used(s);
	uint32_t units = word & HM_REMOTE_LIST_MASK;
	bool tiny = hm_class_is_tiny(s->cls);

	if (units != 0) {
		struct hm_user u = { r->start + (size_t)(units - 1) * HM_ALIGN };
		struct hm_base b = hm_to_base(u, tiny);

		for (; b.p != NULL; b = hm_link_get(b, tiny))
			if (++length > s->capacity)
				return false;
	}
	if (word & HM_REMOTE_OWNED)
		return count == length && length <= used;
	if (word & HM_REMOTE_WAITING)
		return count > 0 && count + length == used;
	return length == 0 && count == s->capacity && used == count;
}

static inline void walk_superslab(struct hm_superslab *ss, void *arg)
{
	struct walk *w = arg;
	uint32_t mask = hm_load_relaxed(&ss->free_mask);

	w->superslabs++;
	w->free_slabs += hm_popcount32(mask);
	for (unsigned i = 0; i < HM_SLABS; i++) {
		struct hm_slab *s = hm_slab_of_superslab(ss, i);
		uint32_t word = hm_load_acquire(&hm_remote_of(s)->word);

		if (mask >> i & 1) {
			/* The pool's: nothing out, nothing listed. */
			w->bad += word != HM_REMOTE_OWNED;
			continue;
		}
		if (s->lead != 0)
			continue;
		w->spans++;
		if (!hm_slab_valid(s) || !remote_valid(s)) {
			w->bad++;
			fprintf(stderr, "bad slab %p: class %u used %u carved %u word %#x\n",
				(void *)s, s->cls, hm_slab_used(s), s->carved, word);
		}
		if (w->final) {
			w->lost++;
			fprintf(stderr, "lost slab %p: class %u used %u of %u word %#x\n",
				(void *)s, s->cls, hm_slab_used(s), s->capacity, word);
		}
	}
}

/* Recounts every slab. All other threads must rest. */
static inline struct walk walk_all(bool final)
{
	struct walk w = { .final = final };

	hm_pool_each(walk_superslab, &w);
	return w;
}

/* What the calling thread and the shared heap of dying threads hold goes to the pool. */
static inline void release_everything(void)
{
	hak_purge();
	hm_release_caches(hm_late_take());
	hm_late_release();
}

static inline size_t superslabs(void)
{
	struct hm_pool_counts c;

	hm_pool_get_counts(&c);
	return c.superslabs;
}

/* Superslabs with anything in them. */
static inline size_t superslabs_used(void)
{
	struct hm_pool_counts c;

	hm_pool_get_counts(&c);
	return c.superslabs - c.empty;
}

static inline void count_heap(struct hm_heap *h, void *arg)
{
	(void)h;
	++*(size_t *)arg;
}

/* Heaps ever made: they are recycled, never given back. */
static inline size_t heaps(void)
{
	size_t n = 0;

	hm_heaps_each(count_heap, &n);
	return n;
}

/* Resident bytes of the process. */
static inline size_t resident(void)
{
	unsigned long size, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f == NULL)
		return 0;
	if (fscanf(f, "%lu %lu", &size, &pages) != 2)
		pages = 0;
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* After so many seconds the process ends by SIGALRM: a hang is a failure. */
#define HANG_SECONDS 120

static inline void guard_against_hang(void)
{
	alarm(HANG_SECONDS);
}

#endif
