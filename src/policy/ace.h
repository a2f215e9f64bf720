/*
 * ace.h - adaptive cache engine: the few knobs that matter, behind functions.
 *
 * owns: nothing yet; the policy is fixed. The hot path reads what was set and
 * never decides; these are asked on slow paths only.
 * called from: pool/pool.c, heap/release.c.
 */
#ifndef HM_POLICY_ACE_H
#define HM_POLICY_ACE_H

#include "base/base.h"

/* Partial slabs of a class that one heap keeps for itself, with so many heaps in use. */
unsigned hm_ace_partial_max(unsigned heaps);

/* Empty superslabs that stay resident, of so many in use. */
size_t hm_ace_keep_empty(size_t in_use);

/*
 * Does a heap of so many superslabs in use ask for huge pages for the next one,
 * which a class with so many slabs needs? What is made for a class that fills
 * its slabs is used whole; one slab each of many classes is mostly untouched.
 */
bool hm_ace_wants_huge(size_t in_use, unsigned cls, size_t slabs);

#endif
