/*
 * in_use.h - how much memory serves blocks, now and of late: what the bounds of
 * what may lie idle are measured by.
 *
 * owns: the counts of slabs in use and of fresh ones.
 * called from: pool/pool.c, heap/refill.c, heap/holes.c.
 */
#ifndef HM_POOL_IN_USE_H
#define HM_POOL_IN_USE_H

#include "base/base.h"

/* So many slabs more (or fewer) are not free. Under the pool's lock. */
void hm_in_use_add(size_t slabs);

/* So many of these are more (or fewer) hardly touched: fresh memory of their class. Any thread. */
void hm_in_use_add_fresh(size_t slabs);

/* So many bytes more (or fewer) are free blocks in slabs of some heap. Any thread. */
void hm_in_use_add_slack(size_t bytes);

/* Slabs that are not free. Any thread. */
size_t hm_in_use_slabs(void);

/* The bytes of these, less those of holes: what limits count; as of some moment. */
size_t hm_in_use_held(void);

/* The same, less those of fresh slabs, and the slack of which heaps have told. */
size_t hm_in_use_bytes(void);

/* The same in slabs, as it was of late (hm_ace_lately). Under the pool's lock. */
size_t hm_in_use_lately(void);

#endif
