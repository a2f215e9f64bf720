/*
 * holes.c - when slabs that stay in use are looked through for pages without a
 * live block (slab/hole.h): a heap's own after so many bytes were freed into
 * them, those that wait for adoption after so many were given back by threads
 * that do not own them.
 *
 * owns: nothing; works on the calling thread's heap.
 * called from: heap/release.c, heap/remote_free.c, purge and thread exit.
 */
#include "base/base.h"

#include "heap/heap.h"

#include "heap/thread.h"
#include "policy/ace.h"
#include "pool/pool.h"
#include "pool/waiting.h"
#include "slab/hole.h"

/* What was seen, bytes: free and resident, and all that is neither a block nor that. */
struct look {
	size_t slack, rest;
};

/* s is on the bin's partial list. */
static void look_at(struct hm_bin *bin, struct hm_slab *s, struct look *seen)
{
	size_t stride = hm_classes[s->cls].stride;

	if (hm_hole_is_likely(s)) {
		hm_remote_take(s);
		hm_hole_purge(s);
	}
	if (hm_slab_used(s) == 0) {
		hm_list_remove(&s->node);
		bin->nr_partial--;
		hm_pool_release(s);
		return;
	}
	seen->slack += (s->carved - hm_slab_used(s)) * stride;
	seen->rest += hm_classes[s->cls].slabs * HM_SLAB_SIZE - hm_slab_used(s) * stride;
}

void hm_holes_look(struct hm_heap *h)
{
	struct look seen = { 0, 0 };
	unsigned heaps = hm_heaps_in_use();
	size_t blocks;

	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		struct hm_bin *bin = &h->bins[cls];
		struct hm_list *n, *next;

		for (n = bin->partial.next; n != &bin->partial; n = next) {
			next = n->next;
			look_at(bin, hm_container(n, struct hm_slab, node), &seen);
		}
	}
	blocks = hm_pool_bytes_in_use();
	blocks -= seen.rest < blocks ? seen.rest : blocks;
	h->freed = 0;
	h->freed_max = hm_ace_look_after(blocks, seen.slack) / (heaps > 1 ? heaps : 1);
}

/* Free slabs among them go to the pool. Bytes given back otherwise. */
static size_t look_waiting(unsigned cls)
{
	size_t bytes = 0;

	for (uint32_t n = hm_waiting_count(cls); n > 0; n--) {
		struct hm_slab *s = hm_waiting_take_oldest(cls);

		if (s == NULL)
			break;
		hm_remote_take(s);
		if (hm_hole_is_likely(s))
			bytes += hm_hole_purge(s);
		hm_waiting_give_up(s);
	}
	return bytes;
}

size_t hm_holes_look_waiting(void)
{
	size_t bytes = 0;

	for (unsigned cls = 0; cls < HM_CLASSES; cls++)
		bytes += look_waiting(cls);
	return bytes;
}

void hm_holes_note_given(struct hm_heap *h, size_t bytes)
{
	h->given += bytes;
	if (h->given < h->given_max)
		return;
	h->given = 0;
	(void)hm_holes_look_waiting();
	h->given_max = hm_ace_look_after(hm_pool_bytes_in_use(), 0);
}
