/*
 * remote_free.c - blocks of slabs that are not this thread's, batched by slab.
 *
 * owns: the batches of the calling thread's heap.
 * Frees to one slab collect in a direct-mapped table and go home with one
 * atomic operation (after BatchIt: Lietar, Wrigstad, Clebsch et al., ISMM
 * 2024). What a table may hold back is bounded by count and bytes.
 * called from: free_slow, spills, thread exit.
 */
#include "base/base.h"

#include "heap/heap.h"

#include "pool/pool.h"
#include "pool/waiting.h"

#define BATCH_MAX 32
#define BATCH_BYTES 4096

/* A push made this thread the owner of s: it finds the slab a place. */
static void dispose(struct hm_heap *h, struct hm_slab *s)
{
	if (hm_slab_used(s) == 0)
		hm_pool_release(s);
	else if (h != NULL && hm_load_relaxed(&s->owner) == h)
		hm_release_bind(h, s);
	else
		hm_waiting_give_up(s);
}

void hm_remote_give(struct hm_heap *h, struct hm_slab *s, struct hm_base first,
		    struct hm_base last, uint32_t n)
{
	unsigned cls = s->cls; /* stable while a block is out, not after the push */
	size_t bytes = n * (size_t)hm_classes[cls].stride, less = 0;

	if (h != NULL)
		hm_count_add(&h->remote_pushes, 1);
	switch (hm_remote_push(s, first, last, n)) {
	case HM_PUSH_OWNED:
		return;
	case HM_PUSH_DONE:
		break;
	case HM_PUSH_CLAIMED:
		dispose(h, s);
		break;
	case HM_PUSH_WAKE:
		hm_waiting_woke(s, cls);
		break;
	case HM_PUSH_LAST:
		less = hm_waiting_complete(s, cls);
		break;
	}
	if (h != NULL) {
		hm_given_less(h, less);
		hm_given_more(h, bytes);
	}
}

static void flush_batch(struct hm_heap *h, struct hm_batch *bt)
{
	struct hm_batch full = *bt;

	bt->slab = NULL;
	if (full.slab != NULL)
		hm_remote_give(h, full.slab, full.first, full.last, full.count);
}

static uint32_t batch_limit(const struct hm_slab *s)
{
	uint32_t n = BATCH_BYTES / hm_classes[s->cls].stride;

	return n > BATCH_MAX ? BATCH_MAX : n;
}

static struct hm_batch *batch_of(struct hm_heap *h, const struct hm_slab *s)
{
	uintptr_t bits = (uintptr_t)s >> HM_META_SHIFT;

	return &h->batches[(bits ^ bits >> 15) % HM_BATCHES];
}

void hm_remote_free(struct hm_heap *h, struct hm_slab *s, struct hm_base b)
{
	struct hm_batch *bt = batch_of(h, s);
	bool tiny = hm_class_is_tiny(s->cls);

	hm_count_add(&h->remote_frees, 1);
	if (bt->slab == s) {
		hm_link_set(b, tiny, bt->first);
		bt->first = b;
		bt->count++;
	} else {
		flush_batch(h, bt);
		hm_link_set(b, tiny, (struct hm_base){ NULL });
		*bt = (struct hm_batch){
			.slab = s, .first = b, .last = b, .count = 1, .limit = batch_limit(s)
		};
	}
	if (bt->count >= bt->limit)
		flush_batch(h, bt);
}

void hm_remote_flush(struct hm_heap *h)
{
	for (unsigned i = 0; i < HM_BATCHES; i++)
		flush_batch(h, &h->batches[i]);
}
