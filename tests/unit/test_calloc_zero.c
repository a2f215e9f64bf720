/*
 * test_calloc_zero.c - calloc gives zeros: fresh memory, memory used before, purged, freed by
 * another thread, left by a dead one. Every byte is looked at.
 */
#include "support.h"

#include "hakmem.h"

#include "os/os.h"
#include "policy/options.h"
#include "pool/large.h"
#include "recount.h"

#define MOST 600

/* How many blocks of the class: more than a slab where that is no burden. */
static unsigned several(unsigned cls)
{
	size_t n = ((size_t)support_times(192, 72) << 10) / hm_classes[cls].stride + 3;

	return n > MOST ? MOST : (unsigned)n;
}

static void *aligned_or_not(unsigned cls, size_t n)
{
	/* The classes that serve alignments only have no calloc; their memory is used by others. */
	if (cls >= HM_TINY_CLASSES + HM_MEDIUM_CLASSES)
		return hm_heap_memalign(HM_SLAB_SIZE, n);
	return hak_calloc(1, n);
}

static void check_zero(const unsigned char *p, size_t n, unsigned cls)
{
	for (size_t i = 0; i < n; i++)
		must_say(p[i] == 0, "class %u: byte %zu of %zu is %#x", cls, i, n, p[i]);
}

/* Allocates, looks at every byte, and makes every byte the contrary. */
static void calloc_some(void **p, unsigned n, unsigned cls, uint64_t *state)
{
	size_t usable = hm_class_usable(cls);
	bool zeroed = cls < HM_TINY_CLASSES + HM_MEDIUM_CLASSES;

	for (unsigned i = 0; i < n; i++) {
		size_t size = usable - (i % 3 == 2 ? support_below(state, 8) : 0);

		p[i] = aligned_or_not(cls, size);
		must(p[i] != NULL);
		if (zeroed)
			check_zero(p[i], size, cls);
		memset(p[i], 0xff - (int)(i % 7), hm_heap_usable(p[i]));
	}
}

static void free_some(void **p, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		hm_heap_free(p[i]);
}

static void malloc_and_dirty(unsigned cls, unsigned n)
{
	void *p[MOST];

	for (unsigned i = 0; i < n; i++) {
		p[i] = support_alloc(cls);
		memset(p[i], 0xa5, hm_heap_usable(p[i]));
	}
	free_some(p, n);
}

START_TEST(fresh_and_used)
{
	uint64_t state = support_seed;
	void *p[MOST];

	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		unsigned n = several(cls);

		for (int round = 0; round < 4; round++) {
			calloc_some(p, n, cls, &state);
			support_shuffle(p, n, &state);
			free_some(p, n);
			malloc_and_dirty(cls, n);
		}
	}
}
END_TEST

START_TEST(purged)
{
	uint64_t state = support_seed;
	void *p[MOST];

	hm_options.dirty_max = 0;
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		unsigned n = several(cls);

		for (int round = 0; round < 3; round++) {
			malloc_and_dirty(cls, n);
			calloc_some(p, n, cls, &state);
			/* With survivors in the slabs, and with none. */
			free_some(p + 1, n - 1);
			hm_heap_purge();
			calloc_some(p + 1, n - 1, cls, &state);
			free_some(p, n);
			hm_heap_purge();
		}
	}
}
END_TEST

static bool refuse_advice(const char *call)
{
	return strcmp(call, "madvise") == 0;
}

/* The kernel did not purge: then nobody says that it is zero. */
START_TEST(purge_refused)
{
	uint64_t state = support_seed;
	void *p[MOST];

	hm_options.dirty_max = 0;
	hm_os_fail_hook = refuse_advice;
	for (unsigned cls = 0; cls < HM_CLASSES; cls += 3) {
		calloc_some(p, several(cls), cls, &state);
		free_some(p, several(cls));
		hm_heap_purge();
		calloc_some(p, several(cls), cls, &state);
		free_some(p, several(cls));
	}
	hm_os_fail_hook = NULL;
}
END_TEST

static struct {
	void *p[MOST];
	unsigned n, cls;
} theirs;

static void *free_theirs(void *arg)
{
	(void)arg;
	free_some(theirs.p, theirs.n);
	return NULL;
}

/* Dies with blocks live, slabs half used, fresh memory and lists full of dirt. */
static void *dirty_and_die(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < theirs.n; i++) {
		theirs.p[i] = support_alloc(theirs.cls);
		memset(theirs.p[i], 0x5a, hm_heap_usable(theirs.p[i]));
	}
	for (unsigned i = 0; i < theirs.n; i += 3) {
		hm_heap_free(theirs.p[i]);
		theirs.p[i] = NULL;
	}
	return NULL;
}

START_TEST(freed_by_another_thread)
{
	uint64_t state = support_seed;

	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		theirs.n = several(cls);
		for (int round = 0; round < 3; round++) {
			calloc_some(theirs.p, theirs.n, cls, &state);
			support_in_thread(free_theirs, NULL);
		}
	}
	recount(NULL, 0);
}
END_TEST

START_TEST(left_by_a_dead_thread)
{
	uint64_t state = support_seed;
	void *p[MOST];

	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		theirs.cls = cls;
		theirs.n = several(cls);
		support_in_thread(dirty_and_die, NULL);
		calloc_some(p, theirs.n, cls, &state);
		free_some(theirs.p, theirs.n);
		free_some(p, theirs.n);
		calloc_some(p, theirs.n, cls, &state);
		free_some(p, theirs.n);
	}
	recount(NULL, 0);
}
END_TEST

/* Any size, also large blocks out of their cache. */
START_TEST(random_sizes)
{
	uint64_t state = support_seed;
	void *p[64] = { NULL };
	unsigned times = support_times(4000, 400);

	for (unsigned i = 0; i < times; i++) {
		size_t k = support_below(&state, 64);
		size_t most = (size_t)1 << (4 + support_below(&state, i % 16 == 0 ? 19 : 14));
		size_t n = 1 + support_below(&state, most);

		hm_heap_free(p[k]);
		p[k] = support_below(&state, 2) == 0 ? hak_calloc(1, n) : hak_calloc(n, 1);
		must(p[k] != NULL);
		check_zero(p[k], n, HM_CLASSES);
		memset(p[k], 0xee, hm_heap_usable(p[k]));
		if (support_below(&state, 500) == 0)
			hm_heap_purge();
	}
	for (size_t k = 0; k < 64; k++)
		hm_heap_free(p[k]);
}
END_TEST

static _Atomic(void *) box[256];

static void *exchanger(void *arg)
{
	uint64_t state = support_seed + (uintptr_t)arg;
	unsigned times = support_times(60000, 5000);

	for (unsigned i = 0; i < times; i++) {
		unsigned cls = (unsigned)support_below(&state, i % 64 == 0 ? 44 : 24);
		size_t n = hm_class_usable(cls) - support_below(&state, 3);
		unsigned char *p = hak_calloc(1, n);

		must(p != NULL);
		check_zero(p, n, cls);
		memset(p, 0xc3, hm_heap_usable(p));
		hm_heap_free(hm_swap_acq_rel(&box[support_below(&state, 256)], p));
		if (support_below(&state, 10000) == 0)
			hm_heap_purge();
	}
	return NULL;
}

START_TEST(threads)
{
	for (size_t t = 0; t < SUPPORT_THREAD_COUNTS; t++)
		support_run_threads(support_threads[t], exchanger);
	for (size_t i = 0; i < 256; i++)
		hm_heap_free(hm_load_relaxed(&box[i]));
}
END_TEST

int main(void)
{
	const TTest *tests[] = { fresh_and_used, purged, purge_refused, freed_by_another_thread,
				 left_by_a_dead_thread, random_sizes, threads };

	return SUPPORT_RUN("calloc_zero", tests);
}
