/*
 * remote.h - the remote head: one word a slab through which threads that do
 * not own it give blocks back, and which says who may claim it.
 *
 * owns: the word of struct hm_remote. A multi-producer stack (R. K. Treiber, Systems programming:
 * coping with parallelism, IBM RJ 5118, 1986) that only its owner empties, and
 * empties whole, so there is no ABA; the ownership bit in the same word is
 * after D. Leijen's mimalloc 3 (page->xthread_free).
 *
 *   word = | waiting | owned | count: 13 | list: 17 |
 *   list   user address of the first block, in 16-byte units from the
 *          slab's start, plus one; 0 is empty.
 *   owned  by a heap, or by a thread in transit; then count is the blocks on
 *          the list. Else count is the blocks still out, and the push that
 *          brings it to 0 knows from this word alone that it was the last.
 *   waiting  not owned, on its class's waiting list: claimed under that lock.
 *   neither  dormant: not owned, all blocks out, on no list: whoever's
 *          compare-and-swap sets `owned` has it.
 *
 * The protocol is checked exhaustively in tests/model/ownership.pml.
 * called from: pool/ and heap/.
 */
#ifndef HM_SLAB_REMOTE_H
#define HM_SLAB_REMOTE_H

#include "base/atomic.h"
#include "base/base.h"
#include "slab/slab.h"

#define HM_REMOTE_LIST_MASK ((uint32_t)0x1ffff)
#define HM_REMOTE_COUNT_SHIFT 17
#define HM_REMOTE_COUNT_ONE ((uint32_t)1 << HM_REMOTE_COUNT_SHIFT)
#define HM_REMOTE_COUNT_MASK ((uint32_t)0x1fff << HM_REMOTE_COUNT_SHIFT)
#define HM_REMOTE_OWNED ((uint32_t)1 << 30)
#define HM_REMOTE_WAITING ((uint32_t)1 << 31)

hm_inline uint32_t hm_remote_count(uint32_t word)
{
	return (word & HM_REMOTE_COUNT_MASK) >> HM_REMOTE_COUNT_SHIFT;
}

/* What a push, or an attempt to claim, found. */
enum hm_push {
	HM_PUSH_OWNED,   /* somebody owns the slab: nothing to do */
	HM_PUSH_DONE,    /* it waits: nothing to do */
	HM_PUSH_CLAIMED, /* it was dormant: the pusher owns it now, its list is taken and drained */
	HM_PUSH_WAKE,    /* it waits and has now reached the wake mark */
	HM_PUSH_LAST,    /* it waits and this was its last block */
};

/*
 * Gives back the chain first..last of n blocks, linked, all of span s, which
 * the caller holds. Any thread. On HM_PUSH_CLAIMED the caller must dispose of
 * the slab (adopt, list or release it).
 */
enum hm_push hm_remote_push(struct hm_slab *s, struct hm_base first, struct hm_base last,
			    uint32_t n);

/* Owner only. Moves the remote list to the slab's free list. Returns the number of blocks. */
uint32_t hm_remote_take(struct hm_slab *s);

/* Is anything on the remote list? A hint unless owner. */
bool hm_remote_pending(struct hm_slab *s);

/* How many are on it: owner only. */
hm_inline uint32_t hm_remote_listed(const struct hm_slab *s)
{
	return hm_remote_count(hm_load_relaxed(&hm_remote_of(s)->word));
}

/* Blocks that left its free list and did not come back in any way. Exact for the owner. */
hm_inline uint32_t hm_remote_blocks_out(const struct hm_slab *s)
{
	uint32_t word = hm_load_relaxed(&hm_remote_of(s)->word), count = hm_remote_count(word);
	uint32_t used = hm_slab_used(s);

	if (!(word & HM_REMOTE_OWNED))
		return count;
	return used > count ? used - count : 0;
}

/*
 * Claims a dormant slab: the compare-and-swap's result is the answer, and only
 * the winner drains. False: it is owned or waits, nothing was touched.
 */
bool hm_remote_claim_dormant(struct hm_slab *s);

/*
 * Owner, whose free list is empty and whose blocks are all out, gives the slab
 * up. False when remote blocks came meanwhile: still owned.
 */
bool hm_remote_sleep(struct hm_slab *s);

/*
 * Owner, under the waiting list's lock: gives the slab up as waiting, `used`
 * blocks out. False when remote blocks came meanwhile: still owned.
 */
bool hm_remote_wait(struct hm_slab *s);

/*
 * Under the waiting list's lock, the slab just unlinked from it: claims it. Its
 * remote list stays where it is: hm_remote_take gets it without a walk when the
 * free list is empty.
 */
void hm_remote_claim_waiting(struct hm_slab *s);

#endif
