/*
 * purge_count.h - memory that went back to the system, by reason.
 *
 * owns: a counter of bytes and one of times for each reason. What is counted was purged
 * (madvise) or, of large blocks and where the system was short, unmapped.
 * called from: slab/, pool/ and heap/ where they gave back; report/.
 */
#ifndef HM_POLICY_PURGE_COUNT_H
#define HM_POLICY_PURGE_COUNT_H

#include "base/atomic.h"
#include "base/base.h"

enum hm_purge_reason {
	HM_PURGE_BOUND,   /* more was free than may stay resident, or cached */
	HM_PURGE_DELAY,   /* it was free for the purge delay */
	HM_PURGE_HOLES,   /* pages without a live block in slabs that stay in use */
	HM_PURGE_LEFT,    /* memory that a thread had set apart, when it left its slab */
	HM_PURGE_LIMIT,   /* a limit was crossed */
	HM_PURGE_ASKED,   /* hak_purge, malloc_trim */
	HM_PURGE_IDLE,    /* the helper thread: nothing was freed for long, or memory is short */
	HM_PURGE_REFUSED, /* the system had refused memory */
	HM_PURGES,
};

/* Read by report/view.h's readers, too. */
struct hm_purge_words {
	_Atomic uint64_t times, bytes;
};
extern struct hm_purge_words hm_purges[HM_PURGES];

/* Returns the bytes. 0 is not counted. */
size_t hm_purge_count(enum hm_purge_reason why, size_t bytes);

struct hm_purge_counts {
	uint64_t times[HM_PURGES], bytes[HM_PURGES];
};
void hm_purge_get_counts(struct hm_purge_counts *out);

#endif
