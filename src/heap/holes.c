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

/* Slabs that one call looks at: what they have is purged in some 0.3 ms. */
#define LOOK_SLABS 64

/* The next class, or that it is over. */
static void next_class(struct hm_look *look, uint32_t slabs)
{
	look->cls++;
	look->left = slabs;
}

/* s is on the bin's partial list. */
static void look_at(struct hm_look *look, struct hm_bin *bin, struct hm_slab *s)
{
	size_t stride = hm_classes[s->cls].stride;

	/* Once round the list: it is as it was when all have had their turn. */
	hm_list_remove(&s->node);
	hm_remote_take(s);
	if (hm_slab_used(s) == 0) {
		bin->nr_partial--;
		hm_pool_release(s);
		return;
	}
	if (hm_hole_is_likely(s))
		hm_hole_purge(s);
	hm_list_add_head(&bin->partial, &s->node);
	look->slack += (s->carved - hm_slab_used(s)) * stride;
}

static void begin(struct hm_heap *h)
{
	/* A block on a list pins its pages, and a program that changes leaves lists behind. */
	hm_release_lists(h);
	h->look = (struct hm_look){ .left = h->bins[0].nr_partial, .busy = true };
	h->freed = 0;
	h->freed_max = 0; /* each call comes here until it is done */
}

static void end(struct hm_heap *h)
{
	unsigned heaps = hm_heaps_in_use();
	size_t blocks = hm_pool_bytes_in_use();

	blocks -= h->look.slack < blocks ? h->look.slack : blocks;
	h->freed_max = hm_ace_look_after(blocks, h->look.slack) / (heaps > 1 ? heaps : 1);
	h->look.busy = false;
}

void hm_holes_look(struct hm_heap *h)
{
	struct hm_look *look = &h->look;

	if (!look->busy)
		begin(h);
	for (unsigned n = 0; n < LOOK_SLABS && look->cls < HM_CLASSES;) {
		struct hm_bin *bin = &h->bins[look->cls];

		if (look->left == 0 || hm_list_empty(&bin->partial)) {
			next_class(look, look->cls + 1 < HM_CLASSES ? bin[1].nr_partial : 0);
			continue;
		}
		look->left--;
		n++;
		look_at(look, bin, hm_container(bin->partial.prev, struct hm_slab, node));
	}
	if (look->cls == HM_CLASSES)
		end(h);
}

void hm_holes_look_all(struct hm_heap *h)
{
	begin(h);
	while (h->look.busy)
		hm_holes_look(h);
}

/* One slab that waits. False: none does. */
static bool look_waiting(unsigned cls, size_t *bytes)
{
	struct hm_slab *s = hm_waiting_take_oldest(cls);

	if (s == NULL)
		return false;
	hm_remote_take(s);
	if (hm_slab_used(s) > 0 && hm_hole_is_likely(s))
		*bytes += hm_hole_purge(s);
	hm_waiting_give_up(s);
	return true;
}

size_t hm_holes_look_waiting_class(unsigned cls)
{
	size_t bytes = 0;

	for (uint32_t n = hm_waiting_count(cls); n > 0 && look_waiting(cls, &bytes); n--)
		;
	return bytes;
}

size_t hm_holes_look_waiting(void)
{
	size_t bytes = 0;

	for (unsigned cls = 0; cls < HM_CLASSES; cls++)
		bytes += hm_holes_look_waiting_class(cls);
	return bytes;
}

void hm_holes_look_given(struct hm_heap *h)
{
	struct hm_look *look = &h->look_given;
	size_t bytes = 0;

	if (!look->busy)
		*look = (struct hm_look){ .left = hm_waiting_count(0), .busy = true };
	h->given = 0;
	h->given_max = 0;
	for (unsigned n = 0; n < LOOK_SLABS && look->cls < HM_CLASSES;) {
		if (look->left == 0 || !look_waiting(look->cls, &bytes)) {
			next_class(look, look->cls + 1 < HM_CLASSES ?
						 hm_waiting_count(look->cls + 1) :
						 0);
			continue;
		}
		look->left--;
		n++;
	}
	if (look->cls == HM_CLASSES) {
		h->given_max = hm_ace_look_after(hm_pool_bytes_in_use(), 0);
		look->busy = false;
	}
}
