/*
 * hole.h - the pages of a partly used slab on which no live block lies go back
 * to the OS.
 *
 * owns: the hole bits of struct hm_remote, one for each page that was given back.
 * A block that touches a hole is missing: on no list, and counted neither in
 * `carved` nor in `capacity`, so that to everybody else the slab is one of fewer
 * blocks; only numbers of blocks (hm_slab_block) still go up to the class's
 * capacity. invariants: a missing block touches holes of one run only, and all
 * blocks that touch a hole are missing; a slab with holes is all carved and does
 * not sleep (remote.h), for it has blocks to give.
 * With full guards there are no holes: free blocks are poisoned, and looked at.
 * A second free of a missing block is not found out.
 * called from: heap/ and pool/.
 */
#ifndef HM_SLAB_HOLE_H
#define HM_SLAB_HOLE_H

#include "base/base.h"
#include "slab/slab.h"

/*
 * Owner, all is carved. Gives back what pages it can, if they are `least` or more.
 * The last `fresh` blocks of those in use were never handed out. Bytes. Of *spare: hm_hole_spares.
 */
size_t hm_hole_purge(struct hm_slab *s, unsigned fresh, unsigned least, size_t *spare);

/*
 * Would that find anything, as far as can be told without a look at the free
 * list? No, too, when it was tried before and more than three quarters of what
 * was used then are used now.
 */
bool hm_hole_is_likely(const struct hm_slab *s, unsigned fresh);

/*
 * Does it lie in a superslab with huge pages of which seven eighths or more are in use? To give
 * back a part of a huge page breaks it up: of such not even the pages without a live block go,
 * while what is free or fresh in s is within *spare, and is taken off it. Owner.
 */
bool hm_hole_spares(const struct hm_slab *s, unsigned fresh, size_t *spare);

/*
 * Before a part of a superslab goes back: no huge pages from now on. Else the next touch, or
 * khugepaged some time later, would bring back the whole 2 MiB.
 */
void hm_hole_refuse_huge(struct hm_superslab *ss);

/*
 * Owner: the last n blocks, which are counted as used, were never handed out and
 * will not be soon. Those beyond their first page are missing from now on, the
 * others free.
 */
void hm_hole_shelve(struct hm_slab *s, unsigned n);

/* Owner. The first run of holes: its blocks are on the free list again. Blocks; 0: no hole. */
uint32_t hm_hole_fill(struct hm_slab *s);

/* Are there any that a block touches? Owner. */
bool hm_hole_any(const struct hm_slab *s);

/*
 * Owner, the span goes back to the pool: its holes are no more than free memory.
 * A bit for each of its slabs of which holes are half or more.
 */
uint32_t hm_hole_forget(struct hm_slab *s);

/* Bytes of all holes. Any thread. */
size_t hm_hole_bytes(void);

#endif
