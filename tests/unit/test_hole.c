/*
 * test_hole.c - pages of partly used slabs that go back to the system: which, that live blocks
 * keep what is in them, that every missing block comes back once; refusals; through the heap,
 * and with slabs that wait.
 */
#include "support.h"

#include "heap/thread.h"
#include "os/os.h"
#include "policy/options.h"
#include "pool/pool.h"
#include "pool/waiting.h"
#include "recount.h"
#include "slab/hole.h"

#define MOST (HM_SLAB_SIZE / HM_ALIGN)
#define PAGES 4 /* fewer are not worth it, in most of these tests */

static size_t spare_none; /* nearly full huge pages keep nothing */

/* A span of the class, all of its blocks handed out. */
struct whole {
	struct hm_slab *s;
	unsigned n;
	bool live[MOST];
};

static void sign(void *p, unsigned cls)
{
	memset(p, (int)((uintptr_t)p >> 4 & 0xff), hm_class_usable(cls));
}

static bool is_signed(const char *p, unsigned cls)
{
	char byte = (char)((uintptr_t)p >> 4 & 0xff);

	return p[0] == byte && memcmp(p, p + 1, hm_class_usable(cls) - 1) == 0;
}

static size_t span_bytes(unsigned cls)
{
	return hm_classes[cls].slabs * HM_SLAB_SIZE;
}

static void make(struct whole *w, unsigned cls)
{
	bool zero;

	w->s = hm_pool_acquire(cls, &zero);
	must(w->s != NULL);
	(void)hm_os_advise_nohuge(hm_slab_start(w->s), span_bytes(cls));
	w->n = w->s->capacity;
	w->s->carved = w->s->capacity;
	hm_store_relaxed(&w->s->used, w->n);
	for (unsigned k = 0; k < w->n; k++) {
		w->live[k] = true;
		sign(hm_slab_block(w->s, k).p, cls);
	}
}

static void drop(struct whole *w, unsigned k)
{
	bool tiny = hm_class_is_tiny(w->s->cls);

	must(w->live[k]);
	w->live[k] = false;
	hm_slab_push(w->s, hm_to_base(hm_slab_block(w->s, k), tiny), tiny);
}

static void check_live(const struct whole *w)
{
	for (unsigned k = 0; k < w->n; k++)
		if (w->live[k])
			must_say(is_signed(hm_slab_block(w->s, k).p, w->s->cls),
				 "class %u: block %u is not as it was", w->s->cls, k);
	must(hm_slab_valid(w->s));
}

/* Pages on which no live block lies, bytes. */
static size_t free_pages(const struct whole *w)
{
	size_t page = hm_os_page_size(), bytes = 0;
	uintptr_t start = (uintptr_t)hm_slab_start(w->s);
	static bool taken[HM_SLABS * 16];

	memset(taken, 0, sizeof taken);
	for (unsigned k = 0; k < w->n; k++) {
		bool tiny = hm_class_is_tiny(w->s->cls);
		uintptr_t b = (uintptr_t)hm_to_base(hm_slab_block(w->s, k), tiny).p - start;
		uintptr_t end = b + hm_classes[w->s->cls].stride;

		for (uintptr_t i = b / page; w->live[k] && i * page < end; i++)
			taken[i] = true;
	}
	for (size_t i = 0; i < span_bytes(w->s->cls) / page; i++)
		bytes += taken[i] ? 0 : page;
	return bytes;
}

/* Takes all free blocks, those in holes too: each is one that was dropped, and no other. */
static void take_all(struct whole *w)
{
	unsigned cls = w->s->cls;
	bool tiny = hm_class_is_tiny(cls);

	do {
		for (struct hm_base b = hm_slab_detach(w->s), next; b.p != NULL; b = next) {
			char *p = hm_to_user(b, tiny).p;
			unsigned k = (unsigned)((size_t)(p - (char *)hm_slab_block(w->s, 0).p) /
						hm_classes[cls].stride);

			next = hm_link_get(b, tiny);
			must_say(k < w->n && !w->live[k] && hm_slab_block(w->s, k).p == p,
				 "class %u: block %u is handed out twice", cls, k);
			w->live[k] = true;
			sign(p, cls);
		}
		must(hm_slab_valid(w->s));
	} while (hm_hole_fill(w->s) > 0);
	for (unsigned k = 0; k < w->n; k++)
		must_say(w->live[k], "class %u: block %u is lost", cls, k);
	must(!hm_hole_any(w->s) && w->s->capacity == w->n && hm_slab_used(w->s) == w->n);
	check_live(w);
}

static void release(struct whole *w)
{
	for (unsigned k = 0; k < w->n; k++)
		if (w->live[k])
			drop(w, k);
	hm_pool_release(w->s);
}

static bool has_holes(unsigned cls)
{
	return HM_GUARDS != 2 && hm_classes[cls].capacity > 1;
}

/* What is resident after a purge is what live blocks lie on, and fewer pages than `pages`. */
static void purge_and_compare(struct whole *w, unsigned pages)
{
	char *start = hm_slab_start(w->s);
	size_t size = span_bytes(w->s->cls), before = hm_os_resident(start, size);
	size_t page = hm_os_page_size(), least = free_pages(w), bytes;
	bool some = w->s->free.p != NULL;

	bytes = hm_hole_purge(w->s, 0, pages, &spare_none);
	check_live(w);
	must(hm_os_resident(start, size) <= before);
	if (!some || !has_holes(w->s->cls)) {
		must(bytes == 0);
		return;
	}
	must_say(hm_os_resident(start, size) < size - least + pages * page,
		 "class %u: %zu bytes resident, %zu could go, %zu went", w->s->cls,
		 hm_os_resident(start, size), least, bytes);
}

/* Any pattern of frees, purges and blocks taken back in any order. */
START_TEST(random_patterns)
{
	static struct whole w;
	uint64_t state = support_seed;

	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		make(&w, cls);
		for (unsigned round = 0; round < support_times(24, 8); round++) {
			unsigned one_in = 1u << support_below(&state, 9), first, len;

			/* A stretch, and of the rest one in so many lives. */
			first = (unsigned)support_below(&state, w.n);
			len = (unsigned)support_below(&state, w.n);
			for (unsigned k = 0; k < w.n; k++)
				if (w.live[k] && hm_slab_used(w.s) > 1 &&
				    ((k - first < len) || support_below(&state, one_in) != 0))
					drop(&w, k);
			purge_and_compare(&w, PAGES);
			purge_and_compare(&w, PAGES);
			if (support_below(&state, 3) == 0)
				purge_and_compare(&w, 1);
			if (support_below(&state, 3) == 0 && hm_hole_fill(w.s) > 0)
				purge_and_compare(&w, PAGES);
			if (support_below(&state, 2) == 0)
				take_all(&w);
		}
		take_all(&w);
		drop(&w, 0);
		release(&w);
	}
}
END_TEST

static unsigned refuse_each;

static bool refuse_some(const char *call)
{
	static unsigned calls;

	return strcmp(call, "madvise") == 0 && calls++ % refuse_each == 0;
}

/* What the system refuses is memory as before, whatever part of a purge it is. */
START_TEST(refused)
{
	static struct whole w;

	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		for (refuse_each = 1; refuse_each <= 3; refuse_each++) {
			make(&w, cls);
			hm_os_fail_hook = refuse_some;
			for (unsigned round = 0; round < 4; round++) {
				for (unsigned k = 0; k < w.n; k++)
					if (w.live[k] && (k / (w.n / 8 + 1) + round) % 4 != 0)
						drop(&w, k);
				(void)hm_hole_purge(w.s, 0, PAGES, &spare_none);
				check_live(&w);
				must(refuse_each > 1 || !hm_hole_any(w.s));
			}
			hm_os_fail_hook = NULL;
			take_all(&w);
			release(&w);
		}
	}
}
END_TEST

/* A span with holes goes back to the pool: the next user of its memory knows of none. */
START_TEST(released_with_holes)
{
	static struct whole w;

	for (unsigned cls = 0; cls < HM_CLASSES; cls += 3) {
		make(&w, cls);
		for (unsigned k = 1; k < w.n; k++)
			drop(&w, k);
		(void)hm_hole_purge(w.s, 0, PAGES, &spare_none);
		must(hm_hole_any(w.s) ==
		     (has_holes(cls) && free_pages(&w) >= PAGES * hm_os_page_size()));
		release(&w);
		make(&w, cls);
		must(!hm_hole_any(w.s));
		take_all(&w);
		release(&w);
	}
}
END_TEST

/* Fresh memory behind blocks that were handed out stays while it is fresh; then it is a hole. */
START_TEST(fresh_then_shelved)
{
	static struct whole w;
	uint64_t state = support_seed;

	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		unsigned n, fresh;

		make(&w, cls);
		n = 1 + (unsigned)support_below(&state, w.n);
		fresh = w.n - n;
		for (unsigned k = 0; k < n; k++)
			if (k % 100 != 0)
				drop(&w, k);
		(void)hm_hole_purge(w.s, fresh, PAGES, &spare_none);
		check_live(&w);
		hm_hole_shelve(w.s, fresh);
		for (unsigned k = n; k < w.n; k++)
			w.live[k] = false;
		check_live(&w);
		must(hm_slab_used(w.s) == (n + 99) / 100);
		if (has_holes(cls) && fresh * (size_t)hm_classes[cls].stride > HM_SLAB_SIZE / 2)
			must(hm_hole_any(w.s) && hm_hole_bytes() >= HM_SLAB_SIZE / 4);
		take_all(&w);
		release(&w);
	}
	must(hm_hole_bytes() == 0);
}
END_TEST

/* All of a superslab, of the class, with huge pages for all one knows. */
static struct whole *make_superslab(unsigned cls)
{
	static struct whole all[4 * HM_SLABS];
	struct whole *w = NULL;

	for (unsigned i = 0; i < 4 * HM_SLABS; i++)
		make(&all[i], cls);
	/* What was prewarmed is used in part. */
	for (unsigned i = 0; i + HM_SLABS <= 4 * HM_SLABS; i++)
		if (hm_superslab_of(all[i].s) == hm_superslab_of(all[i + HM_SLABS - 1].s))
			w = &all[i];
	must(w != NULL);
	hm_store_relaxed(&hm_superslab_of(w->s)->huge, HM_HUGE_ASKED);
	return w;
}

static void drop_half(struct whole *w)
{
	for (unsigned k = 0; k < w->n / 2; k++)
		drop(w, k);
}

/*
 * Of a superslab with huge pages that is nearly all in use nothing goes, up to what may stay. When
 * something goes it has none from then on.
 */
START_TEST(huge_pages)
{
	unsigned cls = hm_class_of(512);
	struct whole *w = make_superslab(cls);
	struct hm_superslab *ss = hm_superslab_of(w->s);
	size_t half = w[0].n / 2 * (size_t)hm_classes[cls].stride, spare = 2 * half;

	for (unsigned i = 0; i < 3; i++) {
		drop_half(&w[i]);
		if (i == 2 && free_pages(&w[i]) > 0 && HM_GUARDS != 2) {
			must(hm_hole_purge(w[i].s, 0, 1, &spare) > 0);
			must(hm_hole_any(w[i].s) && !hm_superslab_is_huge(ss));
		} else if (i < 2) {
			must(hm_hole_purge(w[i].s, 0, 1, &spare) == 0);
			must(!hm_hole_any(w[i].s) && hm_superslab_is_huge(ss));
			must(HM_GUARDS == 2 || spare == (1 - i) * half);
		}
		check_live(&w[i]);
	}
	for (unsigned i = 0; i < HM_SLABS; i++) {
		take_all(&w[i]);
		release(&w[i]);
	}
}
END_TEST

/* What others have freed is not in use, taken or not; nor is what was never handed out. */
START_TEST(nearly_full)
{
	struct whole *w = make_superslab(hm_class_of(512));
	unsigned fresh = w[0].n / 2;
	size_t spare = SIZE_MAX;

	for (unsigned i = 1; i <= HM_SLABS / 8; i++)
		drop_half(&w[i]);
	must(hm_hole_spares(w[0].s, 0, &spare) && hm_hole_spares(w[0].s, fresh, &spare));
	for (unsigned i = HM_SLABS / 8 + 1; i <= HM_SLABS / 4 + 1; i++) {
		for (unsigned k = 0; k < w[i].n / 2; k++) {
			struct hm_base b = hm_to_base(hm_slab_block(w[i].s, k), true);

			w[i].live[k] = false;
			must(hm_remote_push(w[i].s, b, b, 1) == HM_PUSH_OWNED);
		}
		if (i == HM_SLABS / 4)
			must(!hm_hole_spares(w[0].s, fresh, &spare));
	}
	must(!hm_hole_spares(w[0].s, 0, &spare));
	for (unsigned i = 0; i < HM_SLABS; i++) {
		hm_remote_take(w[i].s);
		take_all(&w[i]);
		release(&w[i]);
	}
}
END_TEST

/* ---- Through the heap ---- */

#define BLOCKS 60000
static void *blocks[BLOCKS];
static size_t sizes[BLOCKS];

static void count_resident(struct hm_superslab *ss, void *arg)
{
	*(size_t *)arg += hm_os_resident(ss->base, HM_SUPERSLAB_SIZE);
}

static size_t superslab_pages(void)
{
	size_t bytes = 0;

	hm_pool_each(count_resident, &bytes);
	return bytes;
}

static void get_blocks(uint64_t *state, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		sizes[i] = 16 + support_below(state, support_below(state, 8) == 0 ? 20000 : 600);
		blocks[i] = hm_heap_malloc(sizes[i]);
		must(blocks[i] != NULL);
		memset(blocks[i], (int)(i & 0xff), sizes[i]);
	}
}

static void *free_blocks(void *arg)
{
	unsigned keep = (unsigned)(uintptr_t)arg;
	uint64_t state = support_seed;

	for (unsigned i = 0; i < BLOCKS; i++) {
		unsigned k = (unsigned)support_below(&state, BLOCKS);

		if (blocks[k] != NULL && k % keep != 0) {
			hm_heap_free(blocks[k]);
			blocks[k] = NULL;
		}
	}
	for (unsigned i = 0; i < BLOCKS; i++) {
		if (blocks[i] != NULL && i % keep != 0) {
			hm_heap_free(blocks[i]);
			blocks[i] = NULL;
		}
	}
	return NULL;
}

static void check_blocks(void)
{
	for (unsigned i = 0; i < BLOCKS; i++) {
		const unsigned char *p = blocks[i];

		if (p != NULL)
			must_say(p[0] == (i & 0xff) && memcmp(p, p + 1, sizes[i] - 1) == 0,
				 "block %u is not as it was", i);
	}
}

static void recount_blocks(void)
{
	static void *live[BLOCKS];
	size_t n = 0;

	for (unsigned i = 0; i < BLOCKS; i++)
		if (blocks[i] != NULL)
			live[n++] = blocks[i];
	recount(live, n);
}

static void refill_and_end(uint64_t *state)
{
	for (unsigned i = 0; i < BLOCKS; i++)
		if (blocks[i] == NULL)
			get_blocks(state, i, i + 1);
	check_blocks();
	recount_blocks();
	for (unsigned i = 0; i < BLOCKS; i++)
		hm_heap_free(blocks[i]);
	hm_heap_purge();
	recount_nothing_in_use();
}

/* Of blocks of all sizes one in 200 lives: what it lies on stays, and little more. */
START_TEST(survivors)
{
	uint64_t state = support_seed;
	size_t full;

	hm_options.thp = HM_THP_NEVER;
	hm_options.dirty_max = 0;
	for (unsigned round = 0; round < 3; round++) {
		get_blocks(&state, 0, BLOCKS);
		full = superslab_pages();
		free_blocks((void *)200);
		check_blocks();
		recount_blocks();
		hm_holes_look_all(hm_tls_heap);
		recount_blocks();
		must_say(HM_GUARDS == 2 || HM_SANITIZE || superslab_pages() < full / 3,
			 "%zu of %zu bytes stay", superslab_pages(), full);
		refill_and_end(&state);
	}
}
END_TEST

/* The same when another thread frees them, and when their thread has gone. */
START_TEST(waiting_slabs)
{
	uint64_t state = support_seed;
	size_t full;

	hm_options.thp = HM_THP_NEVER;
	hm_options.dirty_max = 0;
	get_blocks(&state, 0, BLOCKS);
	full = superslab_pages();
	/* This thread's slabs are its no more. */
	hm_release_caches(hm_tls_heap);
	support_in_thread(free_blocks, (void *)200);
	check_blocks();
	recount_blocks();
	(void)hm_given_look_all();
	recount_blocks();
	must_say(HM_GUARDS == 2 || HM_SANITIZE || superslab_pages() < full / 3,
		 "%zu of %zu bytes stay", superslab_pages(), full);
	refill_and_end(&state);
}
END_TEST

/* Nobody asks for it: with a small bound the frees alone see to it. */
START_TEST(without_being_asked)
{
	uint64_t state = support_seed;
	size_t full;

	hm_options.thp = HM_THP_NEVER;
	hm_options.dirty_max = (size_t)1 << 20;
	get_blocks(&state, 0, BLOCKS);
	full = superslab_pages();
	free_blocks((void *)200);
	must_say(HM_GUARDS == 2 || HM_SANITIZE || superslab_pages() < full / 2,
		 "%zu of %zu bytes stay", superslab_pages(), full);
	refill_and_end(&state);
}
END_TEST

static void have_huge_pages(struct hm_superslab *ss, void *arg)
{
	(void)arg;
	hm_store_relaxed(&ss->huge, HM_HUGE_ASKED);
}

/* Half a slab in each `one_in` is free, and the look that is due sees it. */
static size_t holes_of_look(unsigned size, unsigned n, unsigned one_in)
{
	for (unsigned i = 0; i < n; i++)
		must((blocks[i] = hm_heap_malloc(size)) != NULL);
	hm_pool_each(have_huge_pages, NULL);
	/* The last superslab is not full, nor are the first ones when they were prewarmed. */
	for (unsigned i = 2048; i < n - 1024; i++) {
		if (i / 8 % one_in == 1) {
			hm_heap_free(blocks[i]);
			blocks[i] = NULL;
		}
	}
	hm_tls_heap->freed_max = 0;
	do
		hm_holes_look(hm_tls_heap);
	while (hm_tls_heap->look.busy);
	return hm_hole_bytes();
}

static void free_all(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		hm_heap_free(blocks[i]);
	hm_heap_purge();
	recount_nothing_in_use();
}

/*
 * A look leaves nearly full huge pages whole, up to its part of the bound; who asks for all that
 * can go, or is over a limit, has all of it.
 */
START_TEST(huge_pages_of_a_heap)
{
	unsigned n = 40000, size = 4000;

	if (HM_GUARDS == 2 || hm_os_page_size() != 4096)
		return; /* no pages in half a slab */
	hm_options.thp = HM_THP_NEVER;
	hm_options.dirty_max = 0;
	/* A twelfth is free: a sixteenth may stay. */
	must(holes_of_look(size, n, 50) == 0);
	(void)hm_heap_purge();
	must(hm_hole_bytes() > 0);
	free_all(n);
	must(holes_of_look(size, n, 12) > 0);
	free_all(n);
	hm_options.limit_soft = 1;
	must(holes_of_look(size, n, 100) > 0);
	free_all(n);
}
END_TEST

/* What is resident of this thread's fresh memory, whole pages, where they are many. */
static size_t fresh_resident(void)
{
	size_t page = hm_os_page_size(), bytes = 0;

	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		const struct hm_bin *bin = &hm_tls_heap->bins[cls];
		uintptr_t from = hm_align_up((uintptr_t)bin->bump, page);
		uintptr_t to = ((uintptr_t)bin->bump + bin->bump_left * hm_classes[cls].stride) /
			       page * page;

		if (bin->bump_left > 0 && to >= from + 4 * page)
			bytes += hm_os_resident((char *)from, to - from);
	}
	return bytes;
}

/* Some blocks of each class in memory that was used before: the rest goes, and is zero. */
START_TEST(bound_slabs)
{
	uint64_t state = support_seed;
	void *few[HM_CLASSES][3];
	size_t n = 0;

	hm_options.thp = HM_THP_NEVER;
	hm_options.dirty_max = (size_t)1 << 30;
	hm_options.purge_delay = 86400000;
	get_blocks(&state, 0, BLOCKS);
	for (unsigned i = 0; i < BLOCKS; i++)
		hm_heap_free(blocks[i]);
	hm_release_caches(hm_tls_heap);
	for (unsigned i = 0; i < 3; i++)
		for (unsigned cls = 0; cls < HM_TINY_CLASSES; cls++)
			if (support_class_in_use(cls))
				memset(few[cls][i] = support_alloc(cls), 1, hm_class_usable(cls));
	must(fresh_resident() > 0);
	for (unsigned cls = 0; cls < HM_TINY_CLASSES; cls++) {
		if (support_class_in_use(cls)) {
			hm_heap_free(few[cls][1]);
			blocks[n++] = few[cls][0];
			blocks[n++] = few[cls][2];
		}
	}
	hm_holes_look_all(hm_tls_heap);
	recount(blocks, n);
	must_say(HM_GUARDS == 2 || HM_SANITIZE || fresh_resident() == 0, "%zu bytes stay",
		 fresh_resident());
	while (n < 10000) {
		size_t size = 1 + support_below(&state, 4000);
		char *p = hm_heap_calloc(size);

		must(p != NULL && p[0] == 0 && memcmp(p, p + 1, size - 1) == 0);
		memset(p, 1, size);
		blocks[n++] = p;
		if (n % 1000 == 0)
			hm_holes_look_all(hm_tls_heap);
	}
	recount(blocks, n);
	while (n > 0)
		hm_heap_free(blocks[--n]);
	hm_heap_purge();
	recount_nothing_in_use();
}
END_TEST

int main(void)
{
	const TTest *tests[] = { random_patterns,    refused,	released_with_holes,
				 fresh_then_shelved, huge_pages, nearly_full, huge_pages_of_a_heap,
				 survivors, waiting_slabs, bound_slabs, without_being_asked };

	return SUPPORT_RUN("hole", tests);
}
