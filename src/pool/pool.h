/*
 * pool.h - the shared pool: superslabs, their free slabs, and what stays warm.
 *
 * owns: all superslabs; their masks and lists, under one lock.
 * A free slab serves any class. Placement prefers the superslab with the
 * tightest fit, so that sparse ones drain and become empty. Free slabs that are
 * resident stay so within a bound (ace.h) and for a while (option purge_delay,
 * looked at when slabs are released); what is beyond is purged, the superslab
 * that nothing was released into for longest first. Superslabs are unmapped only
 * when the OS refused memory. No soft caps: acquiring fails only when the OS does.
 * called from: heap/ and pool/waiting.c.
 */
#ifndef HM_POOL_POOL_H
#define HM_POOL_POOL_H

#include "base/base.h"
#include "policy/purge_count.h"
#include "slab/slab.h"
#include "space/superslab.h"

/*
 * A span for the class, formatted, owned by the caller, bound to nobody yet;
 * *zero tells whether its memory is known to be zero. NULL when the OS refused.
 */
struct hm_slab *hm_pool_acquire(unsigned cls, bool *zero);

/* Owner, all blocks back (used == 0): the span is free for any class at once. */
void hm_pool_release(struct hm_slab *s);

/*
 * Gives back of what is free and has waited for so many ms, some superslabs. Returns the bytes
 * purged; 0: there is no more, or the OS refuses.
 */
size_t hm_pool_purge_older(uint64_t delay, enum hm_purge_reason why);

/* Gives every page of free slabs back to the OS. Returns the bytes purged. */
size_t hm_pool_purge_all(void);

/*
 * When the OS refuses memory: unmaps every empty superslab, so that large
 * blocks can have the address space. Bytes.
 */
size_t hm_pool_unmap_empty(void);

/* Maps n superslabs and faults them in. Returns how many it got. */
size_t hm_pool_prewarm(size_t n);

/* Of slabs that are free and resident; as of some moment. */
size_t hm_pool_bytes_dirty(void);

struct hm_pool_counts {
	size_t superslabs; /* mapped */
	size_t empty;      /* of these, with no slab in use */
	size_t purged;     /* of these, purged */
	size_t in_use;     /* slabs that are not free */
	size_t lately;     /* the same, as it was of late */
	size_t dirty;      /* slabs that are free and resident */
	uint64_t acquired, released; /* spans, ever */
};
void hm_pool_get_counts(struct hm_pool_counts *out);

/* Every superslab in turn: f is called without the lock; their records never go away. */
void hm_pool_each(void (*f)(struct hm_superslab *ss, void *arg), void *arg);

/* Also taken by report/held.c: while it is, no superslab with a slab in use is unmapped. */
void hm_pool_fork_take(void);
void hm_pool_fork_release(bool child);

#endif
