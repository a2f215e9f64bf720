/*
 * thread.c - heaps and threads: birth, death, and what comes after.
 *
 * owns: the TLS pointer, all heaps (type-stable, recycled), the pthread key.
 * A thread starts at the static empty heap, on which every fast path misses,
 * and gets its own on the first miss. Its second round of pthread destructors
 * gives everything back and leaves it at the static late heap, on which every
 * fast path misses too and whose slow path uses one shared heap under a lock.
 * The shared heap also serves when there is no memory for another heap.
 * A checked thread goes from the empty heap to the static checked one, and stays.
 * called from: the slow paths, api/start.c, thread exit.
 */
#include "base/base.h"

#include "heap/thread.h"

#include "base/bits.h"
#include "base/probe.h"
#include "heap/budget.h"
#include "heap/checked.h"
#include "heap/passthrough.h"
#include "os/lock.h"
#include "os/os.h"
#include "policy/ace.h"
#include "policy/ace_state.h"
#include "policy/figures.h"
#include "pool/range.h"

#include <pthread.h>

struct hm_heap hm_empty_heap, hm_late_heap, hm_checked_heap;

__thread struct hm_heap *hm_tls_heap
	__attribute__((tls_model("initial-exec"))) = &hm_empty_heap;

__attribute__((used)) static const char *const keep_init = &hm_init_linked;

/*
 * Heaps begin with a page: their lists then lie where the first blocks of a slab
 * do, at whose start little else is. 64 bytes before a page a program of small
 * batches took 1.4 of the time, for loads that alias stores 4 KiB away.
 */
#define HEAP_ALIGN 4096

/* The first thread's heap needs no mapping. */
static struct hm_heap first_heap __attribute__((aligned(HEAP_ALIGN)));
static struct hm_heap shared_heap;
static struct hm_lock late_lock = HM_LOCK_INIT(HM_RANK_LATE);

#define TLS_BUCKETS 64

static struct {
	struct hm_lock lock;
	struct hm_list all;
	_Atomic(struct hm_heap *) youngest; /* written under the lock */
	_Atomic bool checked; /* threads that come get the checked heap */
	_Atomic bool diverted; /* written under the lock */
	bool first_taken;
	/*
	 * Heaps in use by the address of their thread's TLS pointer. A thread that
	 * misses and finds itself here had its pointer overwritten (the loader copies
	 * the TLS image after the first allocations), or has the place of a thread that
	 * ended without a turn of our destructor: in both cases the heap is its own.
	 */
	struct hm_heap *by_tls[TLS_BUCKETS];
	char *chunk, *chunk_end; /* memory for more heaps */
	pthread_key_t key;
	bool have_key;
} heaps HM_START_DATA = { .lock = HM_LOCK_INIT(HM_RANK_HEAPS) };

#define HEAP_CHUNK ((size_t)64 << 10)
#define HEAP_STRIDE hm_align_up(sizeof(struct hm_heap), HEAP_ALIGN)

/* The bounds of looks for holes, as a heap without slabs has them. */
static void reset_looks(struct hm_heap *h)
{
	h->freed_max = hm_ace_look_least(hm_heaps_in_use());
	h->turned_max = hm_ace_look_turned(0, hm_heaps_in_use(), hm_ace_state_patience());
	h->turned = 0;
	h->purged = h->wanted = 0;
	h->rest_purged = h->rest_wanted = 0;
	h->looked = h->look.busy = false;
}

/* Its thread may be looking sizes up meanwhile, and finds the old or the new class. */
static void divert(struct hm_heap *h, bool on)
{
	uint8_t lookup[HM_TINY_LOOKUP];

	hm_classes_fill_lookup(lookup);
	for (unsigned i = 0; i < HM_TINY_LOOKUP; i++)
		hm_store_relaxed(&h->lookup[i], on ? (uint8_t)HM_DIVERTED : lookup[i]);
	hm_store_relaxed(&h->many_max, on ? 0 : (size_t)HM_MANY_REQUEST_MAX);
}

/* Of the thread that had it nothing is left, and what it did is nothing to this one. */
static void begin_again(struct hm_heap *h)
{
	reset_looks(h);
	hm_budget_begin_again(h);
}

void hm_heap_reset(struct hm_heap *h)
{
	/* No thread has it. */
	hm_classes_fill_lookup((uint8_t *)h->lookup);
	hm_store_relaxed(&h->many_max, (size_t)HM_MANY_REQUEST_MAX);
	if (hm_unlikely(hm_load_relaxed(&heaps.diverted)))
		divert(h, true);
	reset_looks(h);
	h->given_max = hm_ace_look_least(hm_heaps_in_use());
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		h->sll[cls].head.p = NULL;
		hm_list_init(&h->bins[cls].partial);
	}
	hm_budget_reset(h);
}

static void lock_heaps(void)
{
	hm_lock_take(&heaps.lock);
	if (hm_unlikely(heaps.all.next == NULL))
		hm_list_init(&heaps.all);
}

/* A heap from the chunk; the mapping is made with the lock held: rare, and short. */
static struct hm_heap *new_heap(void)
{
	struct hm_heap *h;

	if ((size_t)(heaps.chunk_end - heaps.chunk) < HEAP_STRIDE) {
		size_t page = hm_os_page_size();
		char *chunk = hm_os_map_aligned(hm_align_up(HEAP_CHUNK, page), page, false);

		if (chunk == NULL && hm_range_drop() > 0)
			chunk = hm_os_map_aligned(hm_align_up(HEAP_CHUNK, page), page, false);
		if (chunk == NULL)
			return NULL;
		hm_os_advise_nohuge(chunk, hm_align_up(HEAP_CHUNK, page));
		heaps.chunk = chunk;
		heaps.chunk_end = chunk + hm_align_up(HEAP_CHUNK, page);
	}
	h = (struct hm_heap *)(void *)heaps.chunk;
	heaps.chunk += HEAP_STRIDE;
	return h;
}

static struct hm_heap *find_unused(void)
{
	struct hm_heap *h = hm_container(heaps.all.next, struct hm_heap, node);

	/* Unused heaps stand before used ones. */
	return hm_list_empty(&heaps.all) || h->in_use ? NULL : h;
}

static struct hm_heap **bucket_of(struct hm_heap **tls)
{
	uintptr_t bits = (uintptr_t)tls;

	return &heaps.by_tls[(bits >> 12 ^ bits >> 23) % TLS_BUCKETS];
}

static struct hm_heap *find_own(void)
{
	struct hm_heap *h = *bucket_of(&hm_tls_heap);

	while (h != NULL && h->tls != &hm_tls_heap)
		h = h->tls_next;
	return h;
}

static void set_own(struct hm_heap *h)
{
	struct hm_heap **bucket = bucket_of(&hm_tls_heap);

	h->tls = &hm_tls_heap;
	h->tls_next = *bucket;
	*bucket = h;
}

static void unset_own(struct hm_heap *h)
{
	struct hm_heap **at = bucket_of(h->tls);

	while (*at != h)
		at = &(*at)->tls_next;
	*at = h->tls_next;
	h->tls = NULL;
}

/* Under the lock: h is ready, and found by hm_heaps_each from now on. */
static void enter(struct hm_heap *h)
{
	h->older = hm_load_relaxed(&heaps.youngest);
	h->number = h->older == NULL ? 0 : h->older->number + 1;
	hm_store_release(&heaps.youngest, h);
}

/* A heap that nobody has: used before, or new. NULL when the OS refuses. */
static struct hm_heap *take_unused(void)
{
	struct hm_heap *h = find_unused();

	if (h != NULL) {
		hm_list_remove(&h->node);
	} else {
		h = heaps.first_taken ? new_heap() : &first_heap;
		heaps.first_taken = true;
		if (h == NULL)
			return NULL;
		hm_heap_reset(h);
		enter(h);
	}
	h->in_use = true;
	hm_list_add_tail(&heaps.all, &h->node);
	hm_count_add(&hm_figures.heaps_in_use, 1);
	set_own(h);
	return h;
}

/* *used: a thread ended with it. */
static struct hm_heap *acquire_heap(bool *used)
{
	struct hm_heap *h;

	lock_heaps();
	h = find_own();
	if (h == NULL)
		h = take_unused();
	*used = h != NULL && h->exiting;
	if (h != NULL)
		h->exiting = false;
	hm_lock_release(&heaps.lock);
	hm_probe(heap_begin, h);
	return h;
}

static void release_heap(struct hm_heap *h)
{
	lock_heaps();
	h->in_use = false;
	unset_own(h);
	hm_list_remove(&h->node);
	hm_list_add_head(&heaps.all, &h->node);
	hm_count_add(&hm_figures.heaps_in_use, (uint32_t)-1);
	hm_lock_release(&heaps.lock);
	hm_probe(heap_end, h);
}

unsigned hm_heaps_in_use(void)
{
	return hm_load_relaxed(&hm_figures.heaps_in_use);
}

/*
 * Asks for a call at thread exit. pthread_setspecific may allocate (keys from
 * 32 up): the thread has its heap by now, so that works.
 */
static void watch_exit(struct hm_heap *h)
{
	if (heaps.have_key)
		pthread_setspecific(heaps.key, h);
}

struct hm_heap *hm_heap_init_thread(void)
{
	struct hm_heap *h;
	bool used;

	if (hm_load_relaxed(&heaps.checked))
		return hm_tls_heap = &hm_checked_heap;
	if (hm_passthrough_is_on())
		return &hm_empty_heap;
	h = acquire_heap(&used);
	if (h == NULL)
		return &hm_late_heap; /* for this call: the next miss tries again */
	if (used)
		begin_again(h);
	hm_tls_heap = h;
	watch_exit(h);
	return h;
}

/*
 * Runs first of all destructors in a round, since its key is the oldest; the
 * others then free what they hold. So it gives back once, lets the others run,
 * and closes the heap in the next round: not in the last one, which a heap that
 * was made inside a destructor would miss.
 */
static void at_thread_exit(void *arg)
{
	struct hm_heap *h = arg;

	if (h != hm_tls_heap)
		return;
	if (!h->exiting) {
		h->exiting = true;
		hm_budget_leave(h);
		hm_release_caches(h);
		pthread_setspecific(heaps.key, h);
		return;
	}
	hm_tls_heap = &hm_late_heap;
	hm_release_all(h);
	release_heap(h);
}

HM_START_CODE void hm_thread_start(void)
{
	pthread_key_t key;

	if (heaps.have_key || pthread_key_create(&key, at_thread_exit) != 0)
		return;
	heaps.key = key;
	heaps.have_key = true;
	if (hm_tls_heap != &hm_empty_heap && !hm_heap_is_static(hm_tls_heap))
		watch_exit(hm_tls_heap);
}

/* For a static heap. */
static void leave_heap(struct hm_heap *next)
{
	struct hm_heap *h = hm_tls_heap;

	hm_tls_heap = next;
	if (hm_heap_is_static(h))
		return;
	hm_release_all(h);
	release_heap(h);
}

void hm_thread_start_checked(void)
{
	if (hm_load_relaxed(&heaps.checked))
		return;
	hm_checked_init();
	hm_store_relaxed(&heaps.checked, true);
	leave_heap(&hm_checked_heap);
}

void hm_thread_leave_heap(void)
{
	leave_heap(&hm_empty_heap);
}

void hm_heaps_divert(bool on)
{
	lock_heaps();
	hm_store_relaxed(&heaps.diverted, on);
	for (struct hm_heap *h = hm_load_relaxed(&heaps.youngest); h != NULL; h = h->older)
		divert(h, on);
	hm_lock_release(&heaps.lock);
}

void hm_heaps_add(struct hm_heap *h)
{
	lock_heaps();
	h->in_use = true;
	hm_list_add_tail(&heaps.all, &h->node);
	enter(h);
	hm_lock_release(&heaps.lock);
}

struct hm_heap *hm_late_take(void)
{
	hm_lock_take(&late_lock);
	if (hm_unlikely(!shared_heap.in_use)) {
		hm_heap_reset(&shared_heap);
		hm_heaps_add(&shared_heap);
	}
	return &shared_heap;
}

void hm_late_release(void)
{
	hm_lock_release(&late_lock);
}

void hm_heaps_each(void (*f)(struct hm_heap *h, void *arg), void *arg)
{
	for (struct hm_heap *h = hm_load_acquire(&heaps.youngest); h != NULL; h = h->older)
		f(h, arg);
}

void hm_heaps_fork_take(void)
{
	hm_lock_take(&late_lock);
	lock_heaps();
}

/* New threads may get the places of those that vanished. */
static void disown_others(void)
{
	for (unsigned i = 0; i < TLS_BUCKETS; i++) {
		while (heaps.by_tls[i] != NULL)
			unset_own(heaps.by_tls[i]);
	}
	if (hm_tls_heap->in_use)
		set_own(hm_tls_heap);
}

/*
 * In the child the heaps of the threads that vanished stay in use for ever:
 * they stopped anywhere, so nobody takes them over; their blocks can be freed.
 */
void hm_heaps_fork_release(bool child)
{
	if (child) {
		disown_others();
		hm_store_relaxed(&hm_figures.heaps_in_use, hm_tls_heap->in_use);
		hm_lock_reset(&heaps.lock);
		hm_lock_reset(&late_lock);
	} else {
		hm_lock_release(&heaps.lock);
		hm_lock_release(&late_lock);
	}
}
