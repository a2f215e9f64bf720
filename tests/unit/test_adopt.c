/*
 * test_adopt.c - two threads race for a slab that nobody owns: one has it, the other has
 * changed nothing (lessons.md, L5); and what exiting threads leave behind.
 */
#include "support.h"

#include "heap/cache.h"
#include "os/os.h"
#include "pool/pool.h"
#include "pool/waiting.h"
#include "recount.h"

#include "heap/thread.h"

#include <limits.h>
#include <sched.h>

static struct hm_base block(struct hm_slab *s, unsigned k)
{
	return hm_to_base(hm_slab_block(s, k), hm_class_is_tiny(s->cls));
}

/* ---- Raw: the claim itself ---- */

static struct {
	struct hm_slab *s;
	bool by_push[2];
	bool won[2];
	unsigned rounds;
	_Atomic unsigned go, done; /* rounds begun, and ended by the second contender */
} duel;

/* What contender i does: claims by name, or pushes block i. The winner looks at what it has. */
static bool contend(unsigned i)
{
	struct hm_slab *s = duel.s;

	if (duel.by_push[i])
		return hm_remote_push(s, block(s, i), block(s, i), 1) == HM_PUSH_CLAIMED;
	return hm_remote_claim_dormant(s);
}

/* Barriers wake one thread after the other: these two meet by spinning. */
static void await(_Atomic unsigned *word, unsigned round)
{
	for (unsigned i = 0; hm_load_acquire(word) != round; i++)
		if (i > 2000)
			sched_yield();
}

/* Now the one is a little earlier, now the other. */
static void linger(uint64_t *state)
{
	for (size_t i = support_below(state, 40); i > 0; i--)
		__asm__ __volatile__("");
}

static void *contender(void *arg)
{
	uint64_t state = support_seed;

	(void)arg;
	for (unsigned r = 1; r <= duel.rounds; r++) {
		await(&duel.go, r);
		linger(&state);
		duel.won[1] = contend(1);
		hm_store_release(&duel.done, r);
	}
	return NULL;
}

/* One winner; the slab is as that one claim, and the other's push if it was one, left it. */
static void judge(struct hm_slab *s)
{
	unsigned pushes = (unsigned)duel.by_push[0] + (unsigned)duel.by_push[1];
	unsigned winner = duel.won[0] ? 0 : 1;
	unsigned drained = duel.by_push[winner] ? 1 : 0;
	uint32_t word = hm_load_acquire(&hm_remote_of(s)->word);

	must_say(duel.won[0] + duel.won[1] == 1, "%d winners", duel.won[0] + duel.won[1]);
	must((word & HM_REMOTE_OWNED) && !(word & HM_REMOTE_WAITING));
	must(hm_remote_count(word) == pushes - drained);
	must(hm_slab_used(s) == s->capacity - drained && hm_slab_valid(s));
	must(s->free.p == (drained ? block(s, winner).p : NULL));
	if (pushes > drained)
		must(support_remote_list(s).p == block(s, 1 - winner).p);
	must(hm_load_relaxed(&s->binder) == NULL);
}

static void run_duel(struct hm_slab *s, bool push0, bool push1)
{
	uint64_t state = support_seed + 1;
	pthread_t t;

	duel.s = s;
	duel.by_push[0] = push0;
	duel.by_push[1] = push1;
	duel.rounds = support_times(50000, 20000);
	hm_store_relaxed(&duel.go, 0);
	hm_store_relaxed(&duel.done, 0);
	must(pthread_create(&t, NULL, contender, NULL) == 0);
	for (unsigned r = 1; r <= duel.rounds; r++) {
		hm_remote_take(s);
		hm_slab_detach(s);
		must(hm_remote_sleep(s));
		hm_store_release(&duel.go, r);
		linger(&state);
		duel.won[0] = contend(0);
		await(&duel.done, r);
		judge(s);
	}
	pthread_join(t, NULL);
}

START_TEST(one_wins)
{
	static const unsigned classes[] = { 0, 9, 35 };

	for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
		bool zero;
		struct hm_slab *s = hm_pool_acquire(classes[i], &zero);

		must(s != NULL);
		s->carved = s->capacity;
		hm_store_relaxed(&s->used, s->capacity);
		run_duel(s, false, false);
		run_duel(s, false, true);
		run_duel(s, true, true);
	}
}
END_TEST

/* ---- Heaps: the same through the boundary that binds ---- */

/* Allocates until a slab of the class has all blocks out and sleeps; p[i] its blocks. */
static struct hm_slab *sleeping_slab(unsigned cls, void **p)
{
	struct hm_slab *s;
	unsigned n = hm_classes[cls].capacity;
	void *next;

	for (unsigned i = 0; i < n; i++)
		p[i] = support_alloc(cls);
	next = support_alloc(cls);
	s = support_slab_of(p[0]);
	must(support_slab_of(p[n - 1]) == s && support_slab_of(next) != s);
	must(hm_load_relaxed(&hm_remote_of(s)->word) == n * HM_REMOTE_COUNT_ONE);
	p[n] = next;
	return s;
}

/* A thread whose heap did not adopt is as it was, and holds what it could not give back. */
static void *late_comer(void *arg)
{
	struct hm_slab *s = arg;
	struct hm_heap *h;
	struct hm_bin *bin;
	uint64_t adopted;

	hm_heap_free(hm_heap_malloc(1));
	h = hm_tls_heap;
	bin = &h->bins[s->cls];
	adopted = hm_load_relaxed(&h->adopted);
	must(!hm_remote_claim_dormant(s));
	/* A block on this thread's list: its slab was this heap's once. It goes home. */
	hm_link_set(block(s, 1), hm_class_is_tiny(s->cls), (struct hm_base){ NULL });
	h->sll[s->cls].head = block(s, 1);
	hm_release_caches(h);
	must(bin->nr_partial == 0 && bin->bound == NULL && !bin->recycled);
	must(hm_list_empty(&bin->partial) && bin->back.p == NULL && h->sll[s->cls].head.p == NULL);
	must(hm_load_relaxed(&h->adopted) == adopted);
	must(hm_load_relaxed(&s->binder) != h);
	return NULL;
}

START_TEST(loser_is_untouched)
{
	static const unsigned classes[] = { 3, 10, 20, 31, 34 };
	static void *p[HM_SLAB_SIZE / HM_ALIGN + 1];

	for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
		unsigned cls = classes[i], n = hm_classes[cls].capacity;
		struct hm_slab *s = sleeping_slab(cls, p);

		must(hm_load_relaxed(&s->binder) == NULL);
		hm_remote_give(hm_tls_heap, s, block(s, 0), block(s, 0), 1);
		must(hm_load_relaxed(&s->binder) == hm_tls_heap);
		must(hm_slab_used(s) == n - 1u);
		recount(p + 1, n);
		support_in_thread(late_comer, s);
		recount(p + 2, n - 1u);
		for (unsigned k = 2; k <= n; k++)
			hm_heap_free(p[k]);
		hm_heap_purge();
		recount_nothing_in_use();
	}
}
END_TEST

/* ---- Threads that die ---- */

#define BLOCKS 6000

static struct {
	void *p[8][BLOCKS];
	unsigned threads;
} left;

static void *leaver(void *arg)
{
	size_t me = (size_t)arg;
	uint64_t state = support_seed + me;

	for (unsigned i = 0; i < BLOCKS; i++) {
		unsigned cls = (unsigned)support_below(&state, i % 50 == 0 ? 50 : 12);

		left.p[me][i] = support_alloc(cls);
		if (i > 10 && support_below(&state, 3) == 0) {
			void **old = &left.p[me][support_below(&state, i)];

			hm_heap_free(*old);
			*old = NULL;
		}
	}
	return NULL;
}

static size_t gather(void **all)
{
	size_t n = 0;

	for (unsigned t = 0; t < left.threads; t++)
		for (unsigned i = 0; i < BLOCKS; i++)
			if (left.p[t][i] != NULL)
				all[n++] = left.p[t][i];
	return n;
}

/* Frees what other threads left: thread t that of t + 1. */
static void *cleaner(void *arg)
{
	size_t whose = ((size_t)arg + 1) % left.threads;

	for (unsigned i = 0; i < BLOCKS; i++)
		hm_heap_free(left.p[whose][i]);
	return NULL;
}

START_TEST(heirs)
{
	static void *all[8 * BLOCKS];

	for (size_t t = 0; t < SUPPORT_THREAD_COUNTS; t++) {
		uint64_t before;
		size_t n;

		left.threads = support_threads[t];
		support_run_threads(left.threads, leaver);
		n = gather(all);
		recount(all, n);
		/* Their slabs are nobody's now: who is short of blocks takes what is worth it. */
		before = recount_spans();
		left.p[0][0] = left.p[0][0] != NULL ? left.p[0][0] : support_alloc(3);
		must(recount_spans() <= before + 1);
		support_run_threads(left.threads, cleaner);
		recount(NULL, 0);
		hm_heap_purge();
		recount_nothing_in_use();
	}
}
END_TEST

/* ---- Slabs with a few free blocks: the last resort ---- */

#define FEW 10 /* free blocks, below the wake mark of the class */
#define FEW_CLASS 3
static void *most[1024];

/* Leaves a slab with FEW free blocks behind. */
static void *leave_few(void *arg)
{
	unsigned n = hm_classes[FEW_CLASS].capacity;

	must(n <= 1024 && FEW < hm_classes[FEW_CLASS].wake);
	for (unsigned i = 0; i < n; i++)
		most[i] = support_alloc(FEW_CLASS);
	must(hm_slab_at(most[0]) == hm_slab_at(most[n - 1]));
	for (unsigned i = 0; i < FEW; i++)
		hm_heap_free(most[i]);
	return arg;
}

static bool refuse_maps(const char *call)
{
	return strcmp(call, "mmap") == 0;
}

/* A new slab comes before them; when there is none to have they are not lost. */
START_TEST(few_free)
{
	unsigned taken = 0, n = 0;
	struct hm_slab *few;
	void **all = calloc(100000, sizeof(*all));

	support_run_threads(1, leave_few);
	few = hm_slab_at(most[FEW]);
	all[n] = support_alloc(FEW_CLASS);
	must(hm_slab_at(all[n++]) != few);
	hm_os_fail_hook = refuse_maps;
	while (n < 100000 && (all[n] = hm_heap_malloc(hm_class_usable(FEW_CLASS))) != NULL)
		taken += hm_slab_at(all[n++]) == few;
	hm_os_fail_hook = NULL;
	ck_assert_uint_lt(n, 100000);
	ck_assert_uint_eq(taken, FEW);
	while (n > 0)
		hm_heap_free(all[--n]);
	for (unsigned i = FEW; i < hm_classes[FEW_CLASS].capacity; i++)
		hm_heap_free(most[i]);
	free(all);
	hm_heap_purge();
	recount_nothing_in_use();
}
END_TEST

/* ---- Destructors of others that allocate and free, up to the last round ---- */

static pthread_key_t will;
static unsigned rounds;
static struct {
	void *p[8 * 64];
	_Atomic unsigned n;
} estate;

static void at_exit(void *arg)
{
	uintptr_t left_rounds = (uintptr_t)arg;

	for (unsigned i = 0; i < 16; i++) {
		void *mine = support_alloc(i % 20);

		estate.p[hm_add_relaxed(&estate.n, 1)] = support_alloc(i);
		hm_heap_free(mine);
	}
	if (left_rounds > 1)
		must(pthread_setspecific(will, (void *)(left_rounds - 1)) == 0);
}

static void *testator(void *arg)
{
	/* With a heap of its own before it exits, and without. */
	if ((uintptr_t)arg % 2 == 0)
		hm_heap_free(support_alloc(2));
	must(pthread_setspecific(will, (void *)(1 + (uintptr_t)arg % rounds)) == 0);
	return NULL;
}

static void all_testators(unsigned threads)
{
	support_run_threads(threads, testator);
	recount(estate.p, estate.n);
	while (estate.n > 0)
		hm_heap_free(estate.p[--estate.n]);
	hm_heap_purge();
	recount(NULL, 0);
}

START_TEST(destructors)
{
	unsigned before;

	must(pthread_key_create(&will, at_exit) == 0);
	hm_heap_free(support_alloc(2));
	before = hm_heaps_in_use();
	/* In one round: the heap was closed after it, nothing is left in it. */
	rounds = 1;
	for (size_t t = 0; t < SUPPORT_THREAD_COUNTS; t++) {
		all_testators(support_threads[t]);
		recount_nothing_in_use();
	}
	/*
	 * In all rounds: the later ones have the shared heap, which keeps what it has. (The
	 * sanitizers have closed a thread before its last round.)
	 */
	rounds = HM_SANITIZE ? 2 : PTHREAD_DESTRUCTOR_ITERATIONS;
	for (size_t t = 0; t < SUPPORT_THREAD_COUNTS; t++)
		all_testators(support_threads[t]);
	ck_assert_uint_eq(hm_heaps_in_use(), before);
}
END_TEST

/* While some exit and leave, others free what they left and adopt. */
static struct {
	_Atomic(void *) box[512];
	unsigned rounds;
} street;

static void *short_lived(void *arg)
{
	uint64_t state = (uint64_t)(uintptr_t)arg;

	for (unsigned i = 0; i < 400; i++) {
		void *p = support_alloc((unsigned)support_below(&state, 20));

		hm_heap_free(hm_swap_acq_rel(&street.box[support_below(&state, 512)], p));
	}
	return NULL;
}

static void *parent(void *arg)
{
	uint64_t state = support_seed + (uintptr_t)arg;

	for (unsigned r = 0; r < street.rounds; r++)
		support_in_thread(short_lived, (void *)(uintptr_t)support_random(&state));
	return NULL;
}

START_TEST(exits_and_adoptions_at_once)
{
	for (size_t t = 0; t < SUPPORT_THREAD_COUNTS; t++) {
		void *live[512];
		size_t n = 0;

		street.rounds = support_times(200, 20) / support_threads[t];
		support_run_threads(support_threads[t], parent);
		for (size_t i = 0; i < 512; i++)
			if (hm_load_relaxed(&street.box[i]) != NULL)
				live[n++] = hm_load_relaxed(&street.box[i]);
		recount(live, n);
		for (size_t i = 0; i < 512; i++)
			hm_heap_free(hm_swap_acq_rel(&street.box[i], NULL));
		hm_heap_purge();
		recount_nothing_in_use();
	}
}
END_TEST

int main(void)
{
	const TTest *tests[] = { one_wins, loser_is_untouched, heirs, few_free,
				 destructors, exits_and_adoptions_at_once };

	return SUPPORT_RUN("adopt", tests);
}
