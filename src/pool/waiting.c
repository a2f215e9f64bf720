/*
 * waiting.c - the waiting lists, and giving a slab up.
 *
 * owns: one lock and two lists a class (waiting.h).
 * called from: heap/refill.c (take), heap/release.c and heap/remote_free.c.
 */
#include "base/base.h"

#include "pool/waiting.h"

#include "base/assert.h"
#include "os/lock.h"
#include "policy/dirty.h"
#include "pool/pool.h"
#include "slab/hole.h"

struct waiting {
	struct hm_lock lock;
	_Atomic uint32_t count; /* written under the lock; a hint without it */
	_Atomic bool awake;     /* there are woken ones; the same */
	struct hm_list woken, dozing;
} __attribute__((aligned(64)));

static struct waiting waiting[HM_CLASSES] = {
	[0 ... HM_CLASSES - 1] = { .lock = HM_LOCK_INIT(HM_RANK_WAITING) },
};

static struct waiting *lock_class(unsigned cls)
{
	struct waiting *w = &waiting[hm_class_checked(cls)];

	hm_lock_take(&w->lock);
	if (hm_unlikely(w->woken.next == NULL)) {
		hm_list_init(&w->woken);
		hm_list_init(&w->dozing);
	}
	return w;
}

static void unlock_class(struct waiting *w)
{
	bool awake = !hm_list_empty(&w->woken);

	if (hm_load_relaxed(&w->awake) != awake)
		hm_store_relaxed(&w->awake, awake);
	hm_lock_release(&w->lock);
}

static void insert(struct waiting *w, struct hm_slab *s)
{
	const struct hm_class *c = &hm_classes[s->cls];
	bool woken = c->capacity - hm_slab_used(s) >= c->wake;

	hm_list_add_head(woken ? &w->woken : &w->dozing, &s->node);
	hm_store_relaxed(&hm_remote_of(s)->waiting_class, s->cls);
	hm_count_add(&w->count, 1);
}

static void unlink_slab(struct waiting *w, struct hm_slab *s)
{
	hm_list_remove(&s->node);
	hm_store_relaxed(&hm_remote_of(s)->waiting_class, HM_CLASSES);
	hm_count_add(&w->count, (uint32_t)-1);
}

/* Gives s up as waiting; false when remote blocks came meanwhile. */
static bool try_wait(struct hm_slab *s)
{
	struct waiting *w = lock_class(s->cls);
	bool done;

	hm_store_relaxed(&s->binder, NULL);
	insert(w, s);
	done = hm_remote_wait(s);
	if (!done)
		unlink_slab(w, s);
	unlock_class(w);
	return done;
}

void hm_waiting_give_up(struct hm_slab *s)
{
	for (;;) {
		hm_remote_take(s);
		if (hm_slab_used(s) == 0) {
			hm_pool_release(s);
			return;
		}
		if (s->free.p != NULL || s->carved < s->capacity || hm_hole_any(s)) {
			if (try_wait(s)) {
				hm_dirty_note();
				return;
			}
		} else {
			hm_store_relaxed(&s->binder, NULL);
			if (hm_remote_sleep(s))
				return;
		}
	}
}

/* Under the lock: the slab of a list's node becomes the caller's. */
static struct hm_slab *claim(struct waiting *w, struct hm_list *n)
{
	struct hm_slab *s = hm_container(n, struct hm_slab, node);

	unlink_slab(w, s);
	hm_remote_claim_waiting(s);
	return s;
}

struct hm_slab *hm_waiting_take(unsigned cls, bool any)
{
	struct hm_slab *s = NULL;
	struct hm_list *l;
	struct waiting *w;

	w = &waiting[hm_class_checked(cls)];
	if (!hm_load_relaxed(&w->awake) && !(any && hm_load_relaxed(&w->count) > 0))
		return NULL;
	w = lock_class(cls);
	l = any && hm_list_empty(&w->woken) ? &w->dozing : &w->woken;
	if (!hm_list_empty(l))
		s = claim(w, l->next);
	unlock_class(w);
	return s;
}

uint32_t hm_waiting_count(unsigned cls)
{
	return hm_load_relaxed(&waiting[hm_class_checked(cls)].count);
}

struct hm_slab *hm_waiting_take_oldest(unsigned cls)
{
	struct waiting *w = lock_class(cls);
	struct hm_list *l = hm_list_empty(&w->woken) ? &w->dozing : &w->woken;
	struct hm_slab *s = hm_list_empty(l) ? NULL : claim(w, l->prev);

	unlock_class(w);
	return s;
}

/*
 * The slab may have gone another way since the push: it is still the one that
 * was meant only if it waits in this class, which cannot change under the lock.
 */
static bool still_waits(struct hm_slab *s, unsigned cls)
{
	return hm_load_relaxed(&hm_remote_of(s)->waiting_class) == cls;
}

void hm_waiting_woke(struct hm_slab *s, unsigned cls)
{
	struct waiting *w = lock_class(cls);

	if (still_waits(s, cls)) {
		hm_list_remove(&s->node);
		hm_list_add_head(&w->woken, &s->node);
	}
	unlock_class(w);
	hm_dirty_note();
}

size_t hm_waiting_complete(struct hm_slab *s, unsigned cls)
{
	struct waiting *w = lock_class(cls);
	bool mine = still_waits(s, cls) &&
		    hm_remote_count(hm_load_acquire(&hm_remote_of(s)->word)) == 0;
	size_t bytes = 0;

	if (mine) {
		unlink_slab(w, s);
		hm_remote_claim_waiting(s);
	}
	unlock_class(w);
	if (mine) {
		hm_remote_take(s);
		hm_check(hm_slab_used(s) == 0);
		bytes = s->carved * (size_t)hm_classes[cls].stride;
		hm_pool_release(s);
	}
	return bytes;
}

void hm_waiting_fork_take(void)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++)
		lock_class(cls);
}

void hm_waiting_fork_release(bool child)
{
	for (unsigned cls = HM_CLASSES; cls-- > 0;) {
		if (child)
			hm_lock_reset(&waiting[cls].lock);
		else
			hm_lock_release(&waiting[cls].lock);
	}
}
