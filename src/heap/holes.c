/*
 * holes.c - when a heap's slabs that stay in use are looked through for pages without a
 * live block (slab/hole.h): when what is free in them has grown by so much, or so much went
 * through them. Those that wait for adoption: given.c.
 *
 * owns: a count of the pool's, as of the last look; works on the calling thread's heap.
 * called from: heap/release.c, heap/given.c, purge and thread exit.
 */
#include "base/base.h"

#include "heap/heap.h"

#include "base/probe.h"
#include "heap/thread.h"
#include "os/os.h"
#include "policy/ace.h"
#include "policy/purge_count.h"
#include "pool/in_use.h"
#include "pool/pool.h"
#include "pool/waiting.h"
#include "slab/hole.h"

/* Slabs that one call looks at: what they have is purged in some 0.3 ms. */
#define LOOK_SLABS 64

/* Fewer pages of fresh memory are not worth a system call. */
#define FRESH_PAGES 4
/* Of a slab that has pages for sure, as many slabs as of those that may. */
#define BOUND_COST 4

/* Of the pool's slabs, ever, when the last look began. */
static _Atomic uint64_t acquired;

/* A look at all counts anew what is free; one at classes that rest takes off what went. */
static size_t purge(struct hm_heap *h, struct hm_slab *s, unsigned fresh)
{
	size_t bytes = hm_hole_purge(s, fresh,
				     hm_ace_hole_least(h->look.resting, hm_heaps_in_use()),
				     &h->look.spare);

	hm_remote_of(s)->waited = false;
	hm_remote_of(s)->rested = h->look.resting;
	hm_count_add(&h->holed, bytes);
	if (h->look.resting) {
		h->rest_purged += bytes;
		hm_freed_less(h, bytes);
	} else {
		h->purged += bytes;
	}
	return bytes;
}

/* s is on the bin's partial list. */
static void look_at(struct hm_heap *h, struct hm_bin *bin, struct hm_slab *s)
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
	if (hm_hole_is_likely(s, 0))
		purge(h, s, 0);
	hm_list_add_head(&bin->partial, &s->node);
	h->look.slack += (s->carved - hm_slab_used(s)) * stride;
}

/*
 * Fresh memory of a slab that was used before is resident: whole pages of it go
 * back, and what remains of the first is cleared, so that all of it is zero.
 */
static bool look_at_fresh(struct hm_heap *h, struct hm_bin *bin)
{
	const struct hm_slab *s = bin->bound;
	char *end = hm_slab_start(s) + hm_classes[s->cls].slabs * HM_SLAB_SIZE;
	size_t page = hm_os_page_size(), left = (size_t)(end - bin->bump);
	size_t whole = left / page * page; /* a slab ends with a page */

	if (HM_GUARDS == 2 || bin->bump_zero || whole < FRESH_PAGES * page ||
	    hm_hole_spares(s, bin->bump_left, &h->look.spare))
		return false;
	hm_hole_refuse_huge(hm_superslab_of(s));
	if (!hm_os_purge(end - whole, whole))
		return false;
	hm_purge_count(HM_PURGE_HOLES, whole);
	memset(bin->bump, 0, left - whole);
	bin->bump_zero = true;
	return true;
}

/* Returns what it cost, in slabs of which pages went. */
static unsigned look_at_bound(struct hm_heap *h, struct hm_bin *bin)
{
	struct hm_slab *s = bin->bound;
	unsigned cost = 0;

	if (s == NULL)
		return 0;
	if (bin->bump_left > 0 && look_at_fresh(h, bin))
		cost = BOUND_COST;
	if (s->carved == s->capacity && hm_hole_is_likely(s, bin->bump_left))
		cost += purge(h, s, bin->bump_left) > 0 ? BOUND_COST : 0;
	h->look.slack += (s->carved - hm_slab_used(s)) * (size_t)hm_classes[s->cls].stride;
	return cost;
}

/* The class's turn; or the end. */
static unsigned enter_class(struct hm_heap *h, unsigned cls)
{
	struct hm_bin *bin = &h->bins[cls];
	bool rests;

	h->look.cls = (uint16_t)cls;
	h->look.left = 0;
	if (cls == HM_CLASSES)
		return 0;
	rests = (bin->rests & HM_RESTS_LOOK) != 0;
	bin->rests |= HM_RESTS_LOOK;
	if (h->look.resting && !rests)
		return 0;
	if (h->look.resting)
		hm_release_class(h, cls);
	h->look.left = bin->nr_partial;
	return look_at_bound(h, bin);
}

/*
 * Much was freed since the last look began, and no slab was wanted: then none is soon. Where there
 * are several threads the others may be about to begin.
 */
void hm_holes_look_pool(void)
{
	struct hm_pool_counts counts;

	if (!hm_ace_is_alone(hm_heaps_in_use()))
		return;
	hm_pool_get_counts(&counts);
	if (hm_load_relaxed(&acquired) == counts.acquired)
		hm_pool_purge_older(0, HM_PURGE_BOUND);
	hm_store_relaxed(&acquired, counts.acquired);
}

/* Bytes of the slabs that a heap has, without memory that is still fresh. */
static size_t bytes_bound(const struct hm_heap *h)
{
	size_t bytes = 0;

	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		const struct hm_bin *bin = &h->bins[cls];
		const struct hm_class *c = &hm_classes[cls];
		size_t slabs = bin->nr_partial + (size_t)(bin->bound != NULL);

		bytes += slabs * c->slabs * HM_SLAB_SIZE - bin->bump_left * (size_t)c->stride;
	}
	return bytes;
}

/*
 * What lives, as things are now: there may be more heaps by then. Of several each
 * looks after its part; a small one has slabs of which most was never touched.
 */
static size_t live_of(const struct hm_heap *h)
{
	size_t blocks = hm_in_use_bytes(), own;
	unsigned heaps = hm_heaps_in_use();

	if (heaps <= 1)
		return blocks;
	blocks /= heaps;
	own = bytes_bound(h);
	return own < blocks ? own : blocks;
}

/* What a look may leave in nearly full huge pages, with so much free besides. */
static size_t spare_max(const struct hm_heap *h, size_t slack)
{
	return hm_ace_spare_max(hm_ace_look_after(live_of(h), slack, hm_heaps_in_use()));
}

static void let_spare(struct hm_heap *h)
{
	h->look.spare = h->look.spare_max = spare_max(h, 0);
}

/*
 * Only at classes that nobody asked for blocks since the last look: their pages are not wanted
 * soon. But of many short looks few see a class used: so these have a patience of their own. The
 * others' lists stay.
 */
static void begin_resting(struct hm_heap *h)
{
	hm_holes_look_pool();
	h->rest_patience = hm_ace_patience(h->rest_patience, h->rest_purged, h->rest_wanted);
	h->rest_purged = h->rest_wanted = 0;
	h->looked = true;
	hm_count_add(&h->looks, 1);
	h->look = (struct hm_look){ .busy = true, .resting = true };
	let_spare(h);
	enter_class(h, 0);
	h->freed_max = 0;
}

static void learn_patience(struct hm_heap *h)
{
	unsigned patience = hm_ace_patience(h->patience, h->purged, h->wanted);

	if (patience > h->patience)
		hm_count_add(&h->more_patient, 1);
	else if (patience < h->patience)
		hm_count_add(&h->less_patient, 1);
	h->patience = patience;
	hm_probe2(look, h, patience);
}

/* All that can go, or without what nearly full huge pages may keep. */
static void begin(struct hm_heap *h, bool all)
{
	/* A block on a list pins its pages, and a program that changes leaves lists behind. */
	hm_release_lists(h);
	hm_release_unused(h);
	hm_holes_look_pool();
	learn_patience(h);
	hm_count_add(&h->looks, 1);
	h->purged = h->wanted = 0;
	h->looked = true;
	h->look = (struct hm_look){ .busy = true };
	if (!all)
		let_spare(h);
	enter_class(h, 0);
	h->freed_max = 0; /* each call comes here until it is done */
}

static void tell(struct hm_heap *h)
{
	hm_in_use_add_slack(h->freed - h->told);
	h->told = h->freed;
}

/* Begins one if it is due. That is asked again soon, since it is cheap. */
static void begin_if_due(struct hm_heap *h)
{
	unsigned heaps = hm_heaps_in_use();
	size_t live, after;

	/* 0: somebody wants one now. */
	if (h->freed_max == 0 || h->turned >= h->turned_max) {
		begin(h, false);
		return;
	}
	tell(h);
	live = live_of(h);
	after = hm_ace_look_after(live, h->seen, heaps);
	if (h->rested > h->freed)
		h->rested = h->freed;
	if (h->freed - h->seen >= hm_ace_look_patiently(after, h->patience, live, heaps))
		begin(h, false);
	else if ((h->freed - h->rested) >> h->rest_patience >= hm_ace_look_resting(after))
		begin_resting(h);
	else
		h->freed_max = h->freed + hm_ace_look_least(heaps);
}

/* What was spared counts towards the next look, as half of what that one waits for at most. */
static size_t uncounted(const struct hm_heap *h)
{
	size_t spared = h->look.spare_max - h->look.spare, most = spare_max(h, h->look.slack);

	if (spared > most)
		spared = most;
	return spared < h->look.slack ? spared : h->look.slack;
}

static void end(struct hm_heap *h)
{
	unsigned heaps = hm_heaps_in_use();

	h->look.busy = false;
	if (!h->look.resting) {
		h->seen = h->freed = h->look.slack;
		h->seen -= uncounted(h);
	}
	h->rested = h->freed;
	tell(h);
	h->freed_max = h->freed + hm_ace_look_least(heaps);
	if (h->look.resting)
		return;
	h->turned = 0;
	h->turned_max = hm_ace_look_turned(live_of(h), heaps, h->patience);
}

void hm_holes_look(struct hm_heap *h)
{
	struct hm_look *look = &h->look;

	if (!look->busy) {
		begin_if_due(h);
		if (!look->busy)
			return;
	}
	for (unsigned n = 0; n < LOOK_SLABS && look->cls < HM_CLASSES;) {
		struct hm_bin *bin = &h->bins[look->cls];

		if (look->left == 0 || hm_list_empty(&bin->partial)) {
			n += enter_class(h, look->cls + 1u);
			continue;
		}
		look->left--;
		n++;
		look_at(h, bin, hm_container(bin->partial.prev, struct hm_slab, node));
	}
	if (look->cls == HM_CLASSES)
		end(h);
}

void hm_holes_look_all(struct hm_heap *h)
{
	begin(h, true);
	while (h->look.busy)
		hm_holes_look(h);
}
