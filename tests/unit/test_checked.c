/*
 * test_checked.c - the run-time checks, in every build: the geometry of checked blocks, no word
 * about programs that do nothing wrong, also beside blocks and threads from before, and each
 * wrong use found with its pointer and offset (lessons.md, L18).
 */
#include "support.h"

#include "hakmem.h"

#include "heap/checked.h"
#include "heap/thread.h"
#include "report/stats.h"

#include "death.h"
#include "recount.h"

#define WORD 8
#define MOST (HM_MEDIUM_REQUEST_MAX - WORD)
#define QUARANTINE 1024

static bool is_checked(const void *p)
{
	return hm_registry_get(p) == HM_REG_SUPERSLAB && hm_checked_has(support_slab_of(p));
}

/* The largest request that finds the class, 0 when none does. */
static size_t most_of(unsigned cls)
{
	size_t n = hm_class_usable(cls) - WORD;

	return n <= MOST && hm_class_of(n + WORD) == cls ? n : 0;
}

static void *alloc_most(unsigned cls)
{
	void *p = hak_malloc(most_of(cls));

	must(p != NULL && support_slab_of(p)->cls == cls);
	return p;
}

/* ---- Nothing wrong, nothing said ---- */

static void try_size(size_t n)
{
	char *p = hak_malloc(n), *q = hak_calloc(1, n);

	must(p != NULL && q != NULL && is_checked(p) && is_checked(q));
	must((uintptr_t)p % HM_ALIGN == 0 && (uintptr_t)q % HM_ALIGN == 0);
	must(hak_usable_size(p) == n && hak_usable_size(q) == n && hak_good_size(n) == n);
	for (size_t i = 0; i < n; i += i < 100 ? 1 : 97)
		must(q[i] == 0 && (i >= 4096 || p[i] != 0));
	memset(p, 0xff, n);
	memset(q, 0, n);
	if (n % 3 == 0)
		hak_free(p);
	else
		hak_free_sized(p, n);
	hak_free(q);
}

static void all_sizes(void *arg)
{
	(void)arg;
	hm_thread_start_checked();
	for (size_t n = 0; n < 9000; n++)
		try_size(n);
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		size_t n = most_of(cls);

		for (size_t d = 0; n > 20 && d < 20; d++) {
			try_size(n - d);
			if (n + d <= MOST)
				try_size(n + d);
		}
	}
	/* Larger ones are ordinary. */
	for (size_t n = MOST + 1; n < MOST + 40; n++) {
		char *p = hak_malloc(n);

		must(p != NULL && !is_checked(p) && hak_usable_size(p) >= n);
		p[n - 1] = 1;
		hak_free(p);
	}
	for (size_t align = 1; align <= (size_t)4 << 20; align *= 2) {
		for (size_t n = 0; n < (size_t)3 << 20; n = n * 3 + 1) {
			char *p = hak_memalign(align, n);

			must(p != NULL && (uintptr_t)p % align == 0);
			memset(p, 0x11, n);
			must(is_checked(p) ? hak_usable_size(p) == n : hak_usable_size(p) >= n);
			hak_free_aligned_sized(p, align, n);
		}
	}
	hm_heap_purge();
	recount_nothing_in_use();
	hm_checked_finish();
}

START_TEST(exact_sizes)
{
	support_must_be_silent(all_sizes, NULL);
}
END_TEST

#define SLOTS 600

struct slot {
	unsigned char *p;
	size_t n;
};

static size_t some_size(uint64_t *state)
{
	switch (support_below(state, 100)) {
	case 0:
		return support_below(state, (size_t)3 << 20);
	case 1:
	case 2:
	case 3:
		return support_below(state, 70000);
	default:
		return support_below(state, support_below(state, 10) == 0 ? 9000 : 300);
	}
}

static void fill(struct slot *s)
{
	must(s->p != NULL);
	memset(s->p, (int)(s->n & 0xff), s->n < 256 ? s->n : 256);
	if (s->n > 0)
		s->p[s->n - 1] = (unsigned char)(s->n & 0xff);
}

static void must_be_whole(const struct slot *s, size_t n)
{
	for (size_t i = 0; i < n && i < 256; i++)
		must(s->p[i] == (s->n & 0xff));
}

static void resize(struct slot *s, size_t n)
{
	size_t kept = n < s->n ? n : s->n;

	if (s->n % 3 == 0 && hak_expand(s->p, n) != NULL)
		must(hak_usable_size(s->p) >= n);
	s->p = hak_realloc(s->p, n == 0 ? 1 : n);
	must_be_whole(s, kept);
	s->n = n == 0 ? 1 : n;
	fill(s);
}

static void make(struct slot *s, size_t n, uint64_t *state)
{
	s->n = n;
	switch (support_below(state, 4)) {
	case 0:
		s->p = hak_calloc(1, n);
		for (size_t i = 0; i < n && i < 5000; i++)
			must(s->p[i] == 0);
		break;
	case 1:
		s->p = hak_memalign((size_t)8 << support_below(state, 12), n);
		break;
	default:
		s->p = hak_malloc(n);
	}
	fill(s);
}

static void random_operations(void *arg)
{
	static struct slot slots[SLOTS];
	uint64_t state = support_seed;
	unsigned times = support_times(1000000, 100000);

	(void)arg;
	hm_thread_start_checked();
	for (unsigned i = 0; i < times; i++) {
		struct slot *s = &slots[support_below(&state, SLOTS)];

		if (s->p == NULL) {
			make(s, some_size(&state), &state);
			continue;
		}
		must_be_whole(s, s->n);
		if (support_below(&state, 3) == 0) {
			resize(s, some_size(&state));
		} else {
			if (is_checked(s->p) && s->n % 2 == 0)
				hak_free_sized(s->p, s->n);
			else
				hak_free(s->p);
			s->p = NULL;
		}
	}
	for (unsigned i = 0; i < SLOTS; i++)
		hak_free(slots[i].p);
	hm_checked_finish();
	hm_heap_purge();
	recount_nothing_in_use();
}

START_TEST(a_million_operations)
{
	support_must_be_silent(random_operations, NULL);
}
END_TEST

/* ---- Threads, and what was there before ---- */

#define BOXES 1024

static struct {
	_Atomic(void *) box[BOXES];
	_Atomic bool on, stop;
	_Atomic unsigned ready;
	unsigned rounds;
} common;

static void *exchange(void *arg)
{
	uint64_t state = support_seed + (uintptr_t)arg;

	for (unsigned i = 0; i < common.rounds; i++) {
		struct slot s;
		void *old;

		make(&s, some_size(&state), &state);
		old = hm_swap_acq_rel(&common.box[support_below(&state, BOXES)], s.p);
		if (i % 4 == 0 && old != NULL)
			old = hak_realloc(old, some_size(&state) + 1);
		hak_free(old);
	}
	return NULL;
}

static void *exchange_from_before(void *arg)
{
	void *p = hak_malloc(100);

	hm_add_relaxed(&common.ready, 1);
	while (!hm_load_acquire(&common.on))
		sched_yield();
	must(!is_checked(p));
	hak_free(p);
	return exchange(arg);
}

static void empty_boxes(void)
{
	for (unsigned i = 0; i < BOXES; i++)
		hak_free(hm_swap_acq_rel(&common.box[i], NULL));
}

static void exchange_all(void *arg)
{
	unsigned threads = *(const unsigned *)arg;

	hm_thread_start_checked();
	common.rounds = support_times(100000, 10000) / threads;
	support_run_threads(threads, exchange);
	empty_boxes();
	hm_heap_purge();
	recount_nothing_in_use();
}

START_TEST(several_threads)
{
	for (size_t t = 0; t < SUPPORT_THREAD_COUNTS; t++) {
		unsigned threads = support_threads[t];

		support_must_be_silent(exchange_all, &threads);
	}
}
END_TEST

/* Blocks and threads of before are ordinary, and go by turns through everybody's hands. */
static void with_ordinary(void *arg)
{
	pthread_t t[4];

	(void)arg;
	common.rounds = support_times(30000, 5000);
	for (unsigned i = 0; i < BOXES; i++)
		hm_store_relaxed(&common.box[i], hak_malloc(i * i % 200000));
	for (uintptr_t i = 0; i < 2; i++)
		must(pthread_create(&t[i], NULL, exchange_from_before, (void *)i) == 0);
	while (hm_load_acquire(&common.ready) < 2)
		sched_yield();
	hm_thread_start_checked();
	hm_store_release(&common.on, true);
	for (uintptr_t i = 2; i < 4; i++)
		must(pthread_create(&t[i], NULL, exchange, (void *)i) == 0);
	for (unsigned i = 0; i < 4; i++)
		must(pthread_join(t[i], NULL) == 0);
	empty_boxes();
	hm_checked_finish();
	hm_heap_purge();
}

START_TEST(beside_ordinary_blocks)
{
	support_must_be_silent(with_ordinary, NULL);
}
END_TEST

static void *keep_busy(void *arg)
{
	uint64_t state = support_seed + (uintptr_t)arg;

	hm_add_relaxed(&common.ready, 1);
	while (!hm_load_relaxed(&common.stop)) {
		struct slot s;

		make(&s, some_size(&state), &state);
		hak_free(hm_swap_acq_rel(&common.box[support_below(&state, BOXES)], s.p));
	}
	return NULL;
}

static void forks(void *arg)
{
	pthread_t t[4];

	(void)arg;
	hm_thread_start_checked();
	for (uintptr_t i = 0; i < 4; i++)
		must(pthread_create(&t[i], NULL, keep_busy, (void *)i) == 0);
	while (hm_load_acquire(&common.ready) < 4)
		sched_yield();
	for (unsigned i = 0; i < support_times(60, 10); i++) {
		int status = -1;
		pid_t pid = fork();

		must(pid >= 0);
		if (pid == 0) {
			common.rounds = 300;
			exchange(NULL);
			empty_boxes();
			hm_checked_finish();
			_exit(fork() == 0 ? (exchange(NULL), 0) : 0);
		}
		must(waitpid(pid, &status, 0) == pid);
		must_say(status == 0, "status %#x", (unsigned)status);
	}
	hm_store_relaxed(&common.stop, true);
	for (unsigned i = 0; i < 4; i++)
		must(pthread_join(t[i], NULL) == 0);
}

START_TEST(forks_of_many_threads)
{
	support_must_be_silent(forks, NULL);
}
END_TEST

static void totals(void *arg)
{
	struct hm_stats st;
	void *p[300];

	(void)arg;
	hm_thread_start_checked();
	for (unsigned i = 0; i < 300; i++)
		p[i] = hak_malloc(i * 10);
	hm_stats_collect(&st);
	must_say(st.live_blocks == 300, "%zu", st.live_blocks);
	for (unsigned i = 0; i < 200; i++)
		hak_free(p[i]);
	hm_stats_collect(&st);
	must_say(st.live_blocks == 100, "%zu", st.live_blocks);
	hm_heap_purge();
	hm_stats_collect(&st);
	must_say(st.live_blocks == 100, "%zu", st.live_blocks);
	recount(p + 200, 100);
}

START_TEST(truthful_totals)
{
	support_must_be_silent(totals, NULL);
}
END_TEST

/* ---- Each wrong use ---- */

struct victim {
	unsigned cls;
	size_t n; /* less than the class holds */
	char *p;
	size_t at; /* offset that the line must name, or 0 */
	unsigned char with;
};

/* Frees enough that what was freed before leaves the quarantine. */
static void free_others(void)
{
	void *p[QUARANTINE];

	for (unsigned i = 0; i < QUARANTINE; i++)
		p[i] = hak_malloc(1);
	for (unsigned i = 0; i < QUARANTINE; i++)
		hak_free(p[i]);
}

static void put(struct victim *v, size_t at)
{
	((unsigned char *)support_raw(v->p))[at] = v->with;
	v->at = at;
}

static void double_free(struct victim *v)
{
	hak_free(v->p);
	hak_free(support_raw(v->p));
}

/* It has left the quarantine; another one keeps its slab. */
static void double_free_later(struct victim *v)
{
	void *keep = alloc_most(v->cls);

	hak_free(v->p);
	free_others();
	hak_free(support_raw(v->p));
	hak_free(keep);
}

static void *free_it(void *p)
{
	hak_free(p);
	return NULL;
}

static void double_free_by_another(struct victim *v)
{
	support_in_thread(free_it, v->p);
	hak_free(support_raw(v->p));
}

static void free_interior(struct victim *v)
{
	hak_free(v->p + HM_ALIGN / 2);
}

static void realloc_of_free(struct victim *v)
{
	hak_free(v->p);
	v->p = hak_realloc(support_raw(v->p), 100);
}

static void overrun(struct victim *v)
{
	put(v, v->n);
	hak_free(v->p);
}

static void overrun_realloc(struct victim *v)
{
	put(v, v->n);
	v->p = hak_realloc(v->p, v->n + 1);
}

static void overrun_usable(struct victim *v)
{
	put(v, v->n);
	v->n = hak_usable_size(v->p);
}

static void overrun_by_three(struct victim *v)
{
	v->with = ((unsigned char *)support_raw(v->p))[v->n + 2] ^ 0x55;
	put(v, v->n + 2);
	hak_free(v->p);
}

static void write_after_free(struct victim *v)
{
	hak_free(v->p);
	put(v, v->n / 2);
	free_others();
}

static void write_after_free_at_exit(struct victim *v)
{
	hak_free(v->p);
	put(v, v->n - 1);
	hm_checked_finish();
}

/* It is kept back while others come and go. */
static void write_long_after_free(struct victim *v)
{
	hak_free(v->p);
	for (unsigned i = 0; i < QUARANTINE / 2; i++)
		hak_free(hak_malloc(i % 100));
	put(v, v->n / 2);
	hm_checked_finish();
}

static void write_after_free_at_purge(struct victim *v)
{
	hak_free(v->p);
	put(v, v->n);
	hm_heap_purge();
}

static void size_too_large(struct victim *v)
{
	hak_free_sized(v->p, v->n + 1);
}

static void size_too_small(struct victim *v)
{
	hak_free_aligned_sized(v->p, HM_ALIGN, v->n - 1);
}

static const struct wrong {
	const char *name;
	void (*commit)(struct victim *v);
	const char *entry, *what;
} wrongs[] = {
	{ "double free", double_free, "free", "double free" },
	{ "double free later", double_free_later, "free", "double free" },
	{ "double free by another", double_free_by_another, "free", "double free" },
	{ "interior", free_interior, "free", "middle" },
	{ "realloc of a free block", realloc_of_free, "realloc", "double free" },
	{ "overrun by one", overrun, "free", "past its end" },
	{ "overrun, then realloc", overrun_realloc, "realloc", "past its end" },
	{ "overrun, then the size", overrun_usable, "malloc_usable_size", "past its end" },
	{ "overrun by three", overrun_by_three, "free", "past its end" },
	{ "write after free", write_after_free, "free", "free block was written" },
	{ "the same at exit", write_after_free_at_exit, "exit", "free block was written" },
	{ "the same much later", write_long_after_free, "exit", "free block was written" },
	{ "the same at a purge", write_after_free_at_purge, "purge", "free block was written" },
	{ "size too large", size_too_large, "free_sized", "size given" },
	{ "size too small", size_too_small, "free_aligned_sized", "size given" },
};

static struct {
	const struct wrong *w;
	struct victim v;
} crime;

static void commit(void *arg)
{
	(void)arg;
	crime.w->commit(&crime.v);
}

/* Freed blocks are filled up to 64 KiB: what lies behind is not looked at. */
static bool applies(const struct wrong *w, size_t n)
{
	return !(w->commit == write_after_free && n / 2 >= 65536) &&
	       !(w->commit == write_long_after_free && n / 2 >= 65536) &&
	       !(w->commit == write_after_free_at_exit && n > 65536) &&
	       !(w->commit == write_after_free_at_purge && n >= 65536);
}

static void check_wrong(const struct wrong *w, unsigned cls, size_t n, unsigned char with)
{
	char text[1024], start[64], pointer[40], offset[40] = "";

	if (!applies(w, n))
		return;
	crime.w = w;
	crime.v = (struct victim){ .cls = cls, .n = n, .p = hak_malloc(n), .with = with };
	must(crime.v.p != NULL);
	snprintf(start, sizeof start, "hakmem: %s(): ", w->entry);
	snprintf(pointer, sizeof pointer, "pointer=%p ",
		 (void *)(crime.v.p + (w->commit == free_interior ? HM_ALIGN / 2 : 0)));
	if (w->commit == overrun && n + WORD < hm_class_usable(cls))
		snprintf(offset, sizeof offset, " offset=%zu ", n);
	must_say(death_of(commit, NULL, text, sizeof text), "%s, class %u, %zu: survived: %s",
		 w->name, cls, n, text);
	must_say(death_said(text, start, pointer) && strstr(text, w->what) != NULL &&
			 strstr(text, offset) != NULL,
		 "%s, class %u, %zu: %s", w->name, cls, n, text);
	hak_free(crime.v.p);
}

START_TEST(each_wrong_use)
{
	static const unsigned char with[] = { 0, ' ', 'x', 0xff };
	unsigned step = support_times(1, 5), turn = 0;

	hm_thread_start_checked();
	for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
		for (unsigned cls = 0; cls < HM_CLASSES; cls += step) {
			size_t n = most_of(cls);
			bool can_be_less = n > 5 && hm_class_of(n - 3 + WORD) == cls;

			if (n == 0 || hm_classes[cls].capacity < 3)
				continue;
			check_wrong(&wrongs[i], cls, n, with[turn++ % 4]);
			if (can_be_less)
				check_wrong(&wrongs[i], cls, n - 3, with[turn++ % 4]);
		}
	}
}
END_TEST

/* The byte behind a block without slack is never one of these. */
START_TEST(overruns_by_text)
{
	static const unsigned char text[] = { 0, '\n', ' ', '0', 'A', 'z', 127, 255 };

	hm_thread_start_checked();
	for (unsigned cls = 0; cls < HM_TINY_CLASSES; cls++) {
		for (unsigned i = 0; most_of(cls) > 0 && i < 500; i++) {
			char *p = alloc_most(cls);

			for (size_t k = 0; k < sizeof text; k++)
				must(((unsigned char *)support_raw(p))[most_of(cls)] != text[k]);
		}
	}
}
END_TEST

/* Nothing is locked when a process ends with a line: its handler may allocate. */
static void allocate_in_handler(int sig)
{
	void *p = hak_malloc(100);

	(void)sig;
	hak_free(p);
	_exit(p != NULL ? 7 : 8);
}

static void die_with_handler(void *arg)
{
	char *p = hak_malloc(100);

	(void)arg;
	signal(SIGABRT, allocate_in_handler);
	alarm(20);
	((char *)support_raw(p))[100] = 1;
	hak_free(p);
}

START_TEST(handlers_may_allocate)
{
	char text[1024];
	int status;

	hm_thread_start_checked();
	status = support_in_child(die_with_handler, NULL, text, sizeof text);
	must_say(WIFEXITED(status) && WEXITSTATUS(status) == 7, "status %#x: %s",
		 (unsigned)status, text);
}
END_TEST

int main(void)
{
	const TTest *tests[] = { exact_sizes, a_million_operations, several_threads,
				 beside_ordinary_blocks, forks_of_many_threads, truthful_totals,
				 each_wrong_use, overruns_by_text, handlers_may_allocate };

	return SUPPORT_RUN("checked", tests);
}
