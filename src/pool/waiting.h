/*
 * waiting.h - slabs that nobody owns and that have free blocks: one list a
 * class, from which any thread short of the class adopts.
 *
 * owns: the lists and their locks. Two a class: slabs past the wake mark, which
 * are adopted before a new slab is taken, and those with any free block, which
 * are adopted when the OS refuses a new one: less than an eighth of each.
 * invariants: a slab is on the list of class c exactly while its remote head's
 * waiting_class is c; only under the lock of c does that change from or to c.
 * called from: heap/.
 */
#ifndef HM_POOL_WAITING_H
#define HM_POOL_WAITING_H

#include "base/base.h"
#include "slab/remote.h"
#include "slab/slab.h"

/*
 * The owner gives up a slab: onto the waiting list when it has free blocks, to
 * sleep when it has none, back to the pool when all are back. It is not the
 * caller's any more when this returns. Affinity stays as it is.
 */
void hm_waiting_give_up(struct hm_slab *s);

/*
 * Claims a waiting slab of the class for the caller, who takes its list: one past the wake mark,
 * or with `any`, if there is none, another one. NULL: there is none.
 */
struct hm_slab *hm_waiting_take(unsigned cls, bool any);

/* How many of the class wait, at some moment; and the one that waits longest, claimed likewise. */
uint32_t hm_waiting_count(unsigned cls);
struct hm_slab *hm_waiting_take_oldest(unsigned cls);

/* After a push returned HM_PUSH_WAKE or HM_PUSH_LAST on a slab that was of class cls. */
void hm_waiting_woke(struct hm_slab *s, unsigned cls);
/* Bytes of its blocks, when it went to the pool by that; or 0. */
size_t hm_waiting_complete(struct hm_slab *s, unsigned cls);

void hm_waiting_fork_take(void);
void hm_waiting_fork_release(bool child);

#endif
