/*
 * prewarm.c - the work of the first calls, done before main: superslabs with their
 * pages, the main thread's heap, the registry's zone, a slab of each common class.
 *
 * owns: nothing.
 * called from: heap/init.c, when the option prewarm is not 0.
 */
#include "base/base.h"

#include "heap/prewarm.h"

#include "heap/heap.h"
#include "os/os.h"
#include "pool/pool.h"

/* The largest size whose class gets a slab: twenty of them, most of a superslab. */
#define CARVED_MAX 1024

/* One that is there already, since somebody allocated before us: it is used before new ones. */
static void populate(struct hm_superslab *ss, void *arg)
{
	size_t *done = arg;

	hm_os_populate(ss->base, HM_SUPERSLAB_SIZE);
	++*done;
}

/*
 * A block of each class comes and goes, by the ways that any block does: then the
 * class has a slab, whose next blocks are fresh memory, and one on its list.
 */
static void carve(void)
{
	unsigned last = hm_class_of(CARVED_MAX);

	if (hm_heap_is_static(hm_tls_heap))
		hm_heap_init_thread();
	if (hm_heap_is_static(hm_tls_heap))
		return;
	for (unsigned cls = hm_class_of(1); cls <= last; cls++)
		hm_heap_free(hm_heap_malloc(hm_class_usable(cls)));
}

void hm_heap_prewarm(size_t superslabs)
{
	size_t done = 0;

	hm_pool_each(populate, &done);
	if (done < superslabs)
		(void)hm_pool_prewarm(superslabs - done);
	carve();
}
