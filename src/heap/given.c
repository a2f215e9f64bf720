/*
 * given.c - when slabs that wait for adoption are looked through for pages without a live block:
 * when what is free in them has grown by so much, or so much went through them, as a heap's own
 * (holes.c). The threads that give to them and adopt them count together. When all but one have
 * ended, classes that it wants nothing of rest, as in a heap.
 *
 * owns: these counts, what rests, and the patience that was learned by them.
 * called from: heap/remote_free.c, heap/refill.c, heap/room.c, the helper thread, purge.
 */
#include "base/base.h"

#include "heap/heap.h"

#include "heap/thread.h"

#include "policy/ace.h"
#include "pool/in_use.h"
#include "pool/waiting.h"
#include "slab/hole.h"

/* Slabs that one call looks at. */
#define LOOK_SLABS 64

static struct {
	_Atomic ptrdiff_t grown; /* bytes free in slabs that wait, beyond those at the last look */
	_Atomic ptrdiff_t rested; /* of `grown`, at the last look at classes that rest, or less */
	_Atomic size_t turned;   /* bytes that were given to such since */
	/* Bytes that looks gave back, and that were wanted again, since it was last learned. */
	_Atomic size_t purged, wanted;
	_Atomic unsigned patience;
	_Atomic bool asked[HM_CLASSES]; /* while some waited, since the last look */
} given;

/* One slab that waits. False: none does. */
static bool look_waiting(unsigned cls, unsigned least, size_t *spare, size_t *bytes)
{
	struct hm_slab *s = hm_waiting_take_oldest(cls);

	if (s == NULL)
		return false;
	hm_remote_take(s);
	if (hm_slab_used(s) > 0 && hm_hole_is_likely(s, 0)) {
		*bytes += hm_hole_purge(s, 0, least, spare);
		hm_remote_of(s)->waited = true;
	}
	hm_waiting_give_up(s);
	return true;
}

size_t hm_given_look_class(unsigned cls)
{
	unsigned least = hm_ace_hole_least(false, hm_heaps_in_use());
	size_t bytes = 0, spare = 0;

	for (uint32_t n = hm_waiting_count(cls);
	     n > 0 && look_waiting(cls, least, &spare, &bytes); n--)
		;
	return bytes;
}

static void reset_counts(void)
{
	hm_store_relaxed(&given.grown, 0);
	hm_store_relaxed(&given.rested, 0);
	hm_store_relaxed(&given.turned, 0);
}

size_t hm_given_look_all(void)
{
	size_t bytes = 0;

	reset_counts();
	for (unsigned cls = 0; cls < HM_CLASSES; cls++)
		bytes += hm_given_look_class(cls);
	return bytes;
}

/* What this heap gave and adopted is known to all. */
void hm_given_tell(struct hm_heap *h)
{
	ptrdiff_t grown = hm_add_relaxed(&given.grown, h->given) + h->given;

	if (grown < 0)
		hm_sub_relaxed(&given.grown, grown);
	hm_add_relaxed(&given.turned, h->given_all);
	h->given = 0;
	h->given_all = 0;
}

bool hm_given_any(const struct hm_heap *h)
{
	return h->given_all > 0 || hm_load_relaxed(&given.turned) > 0;
}

static bool is_due(void)
{
	size_t live = hm_in_use_bytes(), after = hm_ace_look_after(live, 0, 1);
	unsigned patience = hm_load_relaxed(&given.patience);

	return hm_load_relaxed(&given.grown) >=
		       (ptrdiff_t)hm_ace_look_patiently(after, patience, live, 1) ||
	       hm_load_relaxed(&given.turned) >= hm_ace_look_turned(live, 1, patience);
}

/* May classes rest, and has enough been freed since they were last looked at? */
static bool is_due_resting(void)
{
	size_t after = hm_ace_look_resting_given(hm_ace_look_after(hm_in_use_bytes(), 0, 1));
	ptrdiff_t grown = hm_load_relaxed(&given.grown);

	if (!hm_ace_is_alone(hm_heaps_in_use()))
		return false;
	if (hm_load_relaxed(&given.rested) > grown)
		hm_store_relaxed(&given.rested, grown);
	return grown - hm_load_relaxed(&given.rested) >= (ptrdiff_t)after;
}

/* Threads that come to it at once may learn it from a part each: a value that is as good. */
static void learn_patience(struct hm_heap *h)
{
	size_t purged = atomic_exchange(&given.purged, 0);
	size_t wanted = atomic_exchange(&given.wanted, 0);
	unsigned was = hm_load_relaxed(&given.patience), patience;

	patience = hm_ace_patience(was, purged, wanted);
	if (patience > was)
		hm_count_add(&h->more_patient, 1);
	else if (patience < was)
		hm_count_add(&h->less_patient, 1);
	hm_store_relaxed(&given.patience, patience);
}

/* Slabs of the class that the look has to see. Classes that rest from now on do so at the next. */
static uint32_t enter_class(const struct hm_look *look, unsigned cls)
{
	bool asked = hm_load_relaxed(&given.asked[cls]);

	if (asked)
		hm_store_relaxed(&given.asked[cls], false);
	return look->resting && asked ? 0 : hm_waiting_count(cls);
}

static void begin(struct hm_heap *h, bool resting)
{
	hm_holes_look_pool();
	if (resting) {
		hm_store_relaxed(&given.rested, hm_load_relaxed(&given.grown));
	} else {
		learn_patience(h);
		reset_counts();
	}
	h->look_given = (struct hm_look){ .busy = true, .resting = resting };
	h->look_given.spare = h->look_given.spare_max =
		hm_ace_spare_max(hm_ace_look_after(hm_in_use_bytes(), 0, 1));
	h->look_given.left = enter_class(&h->look_given, 0);
	h->given_max = 0;
}

/* What went is not free any more; that it was wanted again is learned of looks at all only. */
static void account(const struct hm_look *look, size_t bytes)
{
	if (!look->resting) {
		hm_add_relaxed(&given.purged, bytes);
		return;
	}
	hm_sub_relaxed(&given.grown, (ptrdiff_t)bytes);
	hm_sub_relaxed(&given.rested, (ptrdiff_t)bytes);
}

void hm_given_look(struct hm_heap *h)
{
	struct hm_look *look = &h->look_given;
	unsigned heaps = hm_heaps_in_use(), least;
	size_t bytes = 0;

	if (!look->busy) {
		bool all;

		hm_given_tell(h);
		h->given_max = hm_ace_look_least(heaps);
		all = is_due();
		if (!all && !is_due_resting())
			return;
		begin(h, !all);
	}
	least = hm_ace_hole_least(look->resting, heaps);
	for (unsigned n = 0; n < LOOK_SLABS && look->cls < HM_CLASSES;) {
		if (look->left == 0 || !look_waiting(look->cls, least, &look->spare, &bytes)) {
			look->cls++;
			look->left = look->cls < HM_CLASSES ? enter_class(look, look->cls) : 0;
			continue;
		}
		look->left--;
		n++;
	}
	account(look, bytes);
	if (look->cls == HM_CLASSES) {
		h->given_max = hm_ace_look_least(heaps);
		look->busy = false;
		/* The counts began anew, but what was spared is free still. */
		if (!look->resting)
			hm_add_relaxed(&given.grown, (ptrdiff_t)(look->spare_max - look->spare));
	}
}

void hm_given_asked(unsigned cls)
{
	if (!hm_load_relaxed(&given.asked[cls]))
		hm_store_relaxed(&given.asked[cls], true);
}

void hm_given_wanted(size_t bytes)
{
	hm_add_relaxed(&given.wanted, bytes);
}
