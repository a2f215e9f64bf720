/*
 * thread.c - heaps and threads: birth, death, and what comes after.
 *
 * owns: the TLS pointer, all heaps (type-stable, recycled), the pthread key.
 * A thread starts at the static empty heap, on which every fast path misses,
 * and gets its own on the first miss. Its second round of pthread destructors
 * gives everything back and leaves it at the static late heap, on which every
 * fast path misses too and whose slow path uses one shared heap under a lock.
 * The shared heap also serves when there is no memory for another heap.
 * called from: the slow paths, api/start.c, thread exit.
 */
#include "base/base.h"

#include "heap/thread.h"

#include "base/bits.h"
#include "os/lock.h"
#include "os/os.h"

#include <pthread.h>

struct hm_heap hm_empty_heap, hm_late_heap;

__thread struct hm_heap *hm_tls_heap
	__attribute__((tls_model("initial-exec"))) = &hm_empty_heap;

/* The first thread's heap needs no mapping. */
static struct hm_heap first_heap, shared_heap;
static struct hm_lock late_lock = HM_LOCK_INIT(HM_RANK_LATE);

static struct {
	struct hm_lock lock;
	struct hm_list all;
	_Atomic uint32_t in_use;
	/*
	 * Where the first thread's TLS pointer is. The loader may copy the TLS image
	 * over it after it was set; on the next miss it is found again.
	 */
	_Atomic(struct hm_heap **) first_tls;
	char *chunk, *chunk_end; /* memory for more heaps */
	pthread_key_t key;
	bool have_key;
} heaps = { .lock = HM_LOCK_INIT(HM_RANK_HEAPS) };

#define HEAP_CHUNK ((size_t)64 << 10)
#define HEAP_STRIDE hm_align_up(sizeof(struct hm_heap), 64)

void hm_heap_reset(struct hm_heap *h)
{
	hm_classes_fill_lookup(h->lookup);
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		h->sll[cls].head.p = NULL;
		h->sll[cls].budget = hm_classes[cls].budget - 1;
		hm_list_init(&h->bins[cls].partial);
	}
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
		char *chunk = hm_os_map_aligned(hm_align_up(HEAP_CHUNK, page), page);

		if (chunk == NULL)
			return NULL;
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

static struct hm_heap *acquire_heap(void)
{
	struct hm_heap *h;
	bool first;

	lock_heaps();
	first = !first_heap.in_use && heaps.first_tls == NULL;
	h = find_unused();
	if (h == NULL)
		h = first ? &first_heap : new_heap();
	if (h != NULL) {
		if (h->node.next != NULL)
			hm_list_remove(&h->node);
		else
			hm_heap_reset(h);
		if (first)
			heaps.first_tls = &hm_tls_heap;
		h->in_use = true;
		h->exiting = false;
		hm_list_add_tail(&heaps.all, &h->node);
		hm_count_add(&heaps.in_use, 1);
	}
	hm_lock_release(&heaps.lock);
	return h;
}

static void release_heap(struct hm_heap *h)
{
	lock_heaps();
	h->in_use = false;
	hm_list_remove(&h->node);
	hm_list_add_head(&heaps.all, &h->node);
	hm_count_add(&heaps.in_use, (uint32_t)-1);
	if (heaps.first_tls == &hm_tls_heap)
		heaps.first_tls = (struct hm_heap **)&heaps; /* nobody's */
	hm_lock_release(&heaps.lock);
}

unsigned hm_heaps_in_use(void)
{
	return hm_load_relaxed(&heaps.in_use);
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

	if (heaps.first_tls == &hm_tls_heap && first_heap.in_use) {
		hm_tls_heap = &first_heap;
		return &first_heap;
	}
	h = acquire_heap();
	if (h == NULL)
		return &hm_late_heap; /* for this call: the next miss tries again */
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
		hm_release_caches(h);
		pthread_setspecific(heaps.key, h);
		return;
	}
	hm_tls_heap = &hm_late_heap;
	hm_release_all(h);
	release_heap(h);
}

void hm_thread_start(void)
{
	pthread_key_t key;

	if (heaps.have_key || pthread_key_create(&key, at_thread_exit) != 0)
		return;
	heaps.key = key;
	heaps.have_key = true;
	if (hm_tls_heap != &hm_empty_heap && hm_tls_heap != &hm_late_heap)
		watch_exit(hm_tls_heap);
}

struct hm_heap *hm_late_take(void)
{
	hm_lock_take(&late_lock);
	if (hm_unlikely(!shared_heap.in_use)) {
		hm_heap_reset(&shared_heap);
		lock_heaps();
		shared_heap.in_use = true;
		hm_list_add_tail(&heaps.all, &shared_heap.node);
		hm_lock_release(&heaps.lock);
	}
	return &shared_heap;
}

void hm_late_release(void)
{
	hm_lock_release(&late_lock);
}

void hm_heaps_each(void (*f)(struct hm_heap *h, void *arg), void *arg)
{
	lock_heaps();
	for (struct hm_list *n = heaps.all.next; n != &heaps.all; n = n->next)
		f(hm_container(n, struct hm_heap, node), arg);
	hm_lock_release(&heaps.lock);
}

void hm_heaps_fork_take(void)
{
	hm_lock_take(&late_lock);
	lock_heaps();
}

/*
 * In the child the heaps of the threads that vanished stay in use for ever:
 * they stopped anywhere, so nobody takes them over; their blocks can be freed.
 */
void hm_heaps_fork_release(bool child)
{
	if (child) {
		hm_store_relaxed(&heaps.in_use, 1);
		hm_lock_reset(&heaps.lock);
		hm_lock_reset(&late_lock);
	} else {
		hm_lock_release(&heaps.lock);
		hm_lock_release(&late_lock);
	}
}
