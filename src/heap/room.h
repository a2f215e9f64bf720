/*
 * room.h - whether there is room for more memory under the limits (policy/limit.h),
 * making some, and the program's handler when there is none.
 *
 * owns: the handler, and when the last full look for free pages was.
 * Between the heap and what the pool and the large blocks hand out: nothing else
 * takes memory for blocks. Everything here is on slow paths; without limits it
 * is a few loads for each slab and large block.
 * called from: heap/; api/control.c (the handler); report/collect.c.
 */
#ifndef HM_HEAP_ROOM_H
#define HM_HEAP_ROOM_H

#include "base/base.h"
#include "heap/heap.h"
#include "policy/failure.h"
#include "policy/options.h"
#include "pool/large.h"

/*
 * Bytes that count against the limits: slabs in use less their holes, free slabs
 * that are resident, large blocks live and cached. As of some moment.
 */
size_t hm_room_resident(void);

/* hm_pool_acquire within the limits. NULL: h->failure says why. */
struct hm_slab *hm_room_acquire(struct hm_heap *h, unsigned cls, bool *zero);

/* hm_large_alloc and hm_large_resize within the limits, tried again when room was made. */
void *hm_room_large(size_t n, size_t align, bool *zero, enum hm_failure *why);
void *hm_room_resize(struct hm_large *l, size_t n, bool may_move, enum hm_failure *why);

/*
 * A refill of h failed, which h->failure says why: what its lists hold goes home,
 * what is kept goes back to the OS. Locks of rank LATE and CHECKED may be held.
 */
void hm_room_make(struct hm_heap *h);

/* Is the heap so far over the hard limit that a refill of h fails (limit.h)? */
bool hm_room_look(struct hm_heap *h);
hm_inline bool hm_room_is_exceeded(struct hm_heap *h)
{
	return hm_unlikely(hm_load_hint(uint64_t, &hm_options.limit_hard) != 0) && hm_room_look(h);
}

/*
 * The hard limit refuses n bytes: asks the program's handler whether to try again.
 * `tries`: how often it was asked for this allocation. No lock is held.
 */
bool hm_room_ask(size_t n, unsigned tries);

/* NULL: none. The one that was there before. */
typedef int (*hm_room_handler)(size_t n);
hm_room_handler hm_room_set_handler(hm_room_handler handler);

#endif
