/*
 * test_guards_silent.c - the guards say nothing about programs that do nothing wrong: blocks
 * filled to the last byte, whatever with, freed in any order by any thread (lessons.md, L11);
 * strides that divide nothing, a million operations (L19). Each run is a child that must end
 * well and print nothing.
 */
#include "support.h"

#include "hakmem.h"

#include "recount.h"

/* Bytes that are, or resemble, the library's own marks. */
static const unsigned char fills[] = { 0x31, 0x00, 0xff, 0x5f, 0xc0, 0xc5, 0xe2 };
#define FILLS (sizeof fills / sizeof fills[0])
#define MOST 3000

static unsigned several(unsigned cls)
{
	size_t n = ((size_t)3 << 20) / hm_classes[cls].stride;

	return n > MOST ? MOST : n < 4 ? 4 : (unsigned)n;
}

static void fill_and_free_all(void *arg)
{
	uint64_t state = support_seed;
	void *p[MOST];

	(void)arg;
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		unsigned n = several(cls);

		for (size_t f = 0; f < support_times(FILLS, 2); f++) {
			for (unsigned i = 0; i < n; i++) {
				p[i] = support_alloc(cls);
				memset(p[i], fills[f], hak_usable_size(p[i]));
			}
			/* Written once more when half of the neighbours are gone. */
			support_shuffle(p, n, &state);
			for (unsigned i = 0; i < n / 2; i++)
				hak_free(p[i]);
			for (unsigned i = n / 2; i < n; i++) {
				size_t size = hak_usable_size(p[i]);

				must(((unsigned char *)p[i])[size - 1] == fills[f]);
				memset(p[i], fills[f], size);
			}
			for (unsigned i = n / 2; i < n; i++)
				hak_free(p[i]);
		}
	}
	hm_release_caches(hm_tls_heap);
	recount_nothing_in_use();
}

START_TEST(full_blocks_in_random_order)
{
	support_must_be_silent(fill_and_free_all, NULL);
}
END_TEST

/* A block filled with its own and its neighbours' addresses, and with copies of a free one. */
static void resemble(void *arg)
{
	(void)arg;
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		for (unsigned round = 0; round < 200; round++) {
			uintptr_t *p = support_alloc(cls), *q = support_alloc(cls);
			size_t words = hak_usable_size(p) / sizeof *p;

			words = words > 64 ? 64 : words;
			for (size_t i = 0; i < words; i++)
				p[i] = (uintptr_t)p + (round & 1) * i * HM_ALIGN;
			hak_free(q);
			/* What a freed block has in it is copied into a live one: no crime. */
			for (size_t i = 0; i < words; i++)
				p[i] = ((volatile uintptr_t *)support_raw(q))[i];
			hak_free(p);
		}
	}
}

START_TEST(contents_that_resemble_marks)
{
	support_must_be_silent(resemble, NULL);
}
END_TEST

/* ---- L19 ---- */

static void strides(void *arg)
{
	static const size_t odd[] = { 48, 80, 112, 320 };
	static unsigned char *p[4][500];
	uint64_t state = support_seed;
	unsigned times = support_times(1000000, 50000);

	(void)arg;
	for (unsigned i = 0; i < times; i++) {
		size_t c = support_below(&state, 4), k = support_below(&state, 500);
		size_t n;

		if (p[c][k] != NULL) {
			n = hak_usable_size(p[c][k]);
			must(p[c][k][0] == (k & 0xff) && p[c][k][n - 1] == (k & 0xff));
			hak_free(p[c][k]);
			p[c][k] = NULL;
			continue;
		}
		p[c][k] = i % 5 == 0 ? hak_calloc(1, odd[c]) : hak_malloc(odd[c]);
		must(p[c][k] != NULL);
		if (i % 7 == 0)
			p[c][k] = hak_realloc(p[c][k], odd[c] - support_below(&state, 16));
		memset(p[c][k], (int)(k & 0xff), hak_usable_size(p[c][k]));
	}
}

START_TEST(strides_that_divide_nothing)
{
	support_must_be_silent(strides, NULL);
}
END_TEST

/* ---- The same with threads ---- */

static struct {
	_Atomic(void *) box[2048];
	unsigned rounds;
} common;

static void *neighbours(void *arg)
{
	uint64_t state = support_seed + (uintptr_t)arg;

	for (unsigned i = 0; i < common.rounds; i++) {
		unsigned most = support_below(&state, 64) == 0 ? HM_CLASSES : 28;
		unsigned char *p = support_alloc((unsigned)support_below(&state, most)), *old;
		size_t n = hak_usable_size(p);

		memset(p, (int)(n & 0xff), n < 20000 ? n : 20000);
		p[n - 1] = (unsigned char)n;
		old = hm_swap_acq_rel(&common.box[support_below(&state, 2048)], p);
		if (old == NULL)
			continue;
		n = hak_usable_size(old);
		must(old[0] == (unsigned char)n && old[n - 1] == (unsigned char)n);
		memset(old, 0x31, n < 20000 ? n : 20000);
		hak_free(old);
	}
	return NULL;
}

static void all_neighbours(void *arg)
{
	unsigned threads = *(const unsigned *)arg;

	common.rounds = support_times(300000, 20000) / threads;
	support_run_threads(threads, neighbours);
	for (size_t i = 0; i < 2048; i++)
		hak_free(hm_swap_acq_rel(&common.box[i], NULL));
	hm_heap_purge();
	recount_nothing_in_use();
}

START_TEST(neighbours_of_several_threads)
{
	for (size_t t = 0; t < SUPPORT_THREAD_COUNTS; t++) {
		unsigned threads = support_threads[t];

		support_must_be_silent(all_neighbours, &threads);
	}
}
END_TEST

int main(void)
{
	const TTest *tests[] = { full_blocks_in_random_order, contents_that_resemble_marks,
				 strides_that_divide_nothing, neighbours_of_several_threads };

	return SUPPORT_RUN("guards_silent", tests);
}
