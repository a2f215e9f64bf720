/*
 * ace.h - adaptive cache engine: the few knobs that matter, behind functions.
 *
 * owns: nothing; what was learned is in each heap and in pool/in_use. The hot
 * path reads what was set and never decides; these are asked on slow paths only.
 * called from: pool/ (in_use, large, pool, superslab_map) and heap/ (budget, holes,
 * release, thread).
 */
#ifndef HM_POLICY_ACE_H
#define HM_POLICY_ACE_H

#include "base/base.h"

/* Partial slabs of a class that one heap keeps for itself, with so many heaps in use. */
unsigned hm_ace_partial_max(unsigned heaps);

/* Bytes that the budgets of a heap's lists come to at most (heap/budget.h). */
size_t hm_ace_cache_max(unsigned heaps);

/* Bytes of these that a heap may begin with, from what others have learned. */
size_t hm_ace_start_max(unsigned heaps);

/* Slabs in use of late: what was, less a part of what went each time that some come or go. */
size_t hm_ace_lately(size_t lately, size_t in_use);

/* Slabs that may be free and resident, when so many were in use of late. */
size_t hm_ace_dirty_max(size_t lately);

/*
 * Bytes that may be freed in slabs that stay in use before these are looked
 * through for pages without a live block: of `live` bytes that blocks take, with
 * `slack` bytes free beside them. Each of many heaps looks after its part.
 */
size_t hm_ace_look_after(size_t live, size_t slack, unsigned heaps);
size_t hm_ace_look_least(unsigned heaps);

/* The same of all bytes freed: without growth the free blocks may still move to other slabs. */
size_t hm_ace_look_turned(size_t live, unsigned heaps, unsigned patience);

/*
 * Of `after`, so many bytes are enough for a look at classes that rest: in a heap's own slabs, or,
 * for a thread that is alone, in those that wait, which nobody else will adopt.
 */
size_t hm_ace_look_resting(size_t after);
size_t hm_ace_look_resting_given(size_t after);

/* Is this the only heap: does nobody else want what rests? */
bool hm_ace_is_alone(unsigned heaps);

/* Pages without a live block that a slab must have for them to be given back. */
unsigned hm_ace_hole_least(bool resting, unsigned heaps);

/* Of `after`, bytes free in nearly full huge pages that one look may leave there. */
size_t hm_ace_spare_max(size_t after);

/*
 * A thread may go in circles: what a look purged, it wants again before the next.
 * How many times longer, as a power of two, it then goes without.
 */
#define HM_ACE_PATIENCE_MAX 10
unsigned hm_ace_patience(unsigned patience, size_t purged, size_t wanted);

/* What hm_ace_look_after said, with patience: to dirty_max, which heaps share, or half of live. */
size_t hm_ace_look_patiently(size_t after, unsigned patience, size_t live, unsigned heaps);

/*
 * Huge pages, by evidence (option thp): memory asks for them when memory like it,
 * mapped before without them, turned out to be used whole. Else a heap of which a
 * byte is touched here and there would take 2 MiB for each. The advice is given
 * whatever the system's mode is: it may change, single sizes have modes of their
 * own, and to look costs a small process more system calls than to say it.
 */

/* Superslabs in use before any asks. */
#define HM_ACE_HUGE_AFTER 8

/* Without looking at evidence: all ask, or none ever has them. */
bool hm_ace_huge_always(void);
bool hm_ace_huge_never(void);

/* Does a heap of so many superslabs in use ask at all? One in eight or more does not. */
bool hm_ace_wants_huge(size_t in_use);

/* The same of a large block of so many bytes, which is the nth. */
bool hm_ace_wants_huge_large(size_t size, uint64_t n);

/* Is nearly all of the unit (2 MiB) in memory? Asks mincore, so not under a filter. */
bool hm_ace_is_unit_dense(const char *unit);

/* The same of a large block that hm_ace_wants_huge_large speaks of, by samples; else it is not. */
bool hm_ace_is_block_dense(const char *base, size_t size);

#endif
