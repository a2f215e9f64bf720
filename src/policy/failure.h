/*
 * failure.h - why an allocation failed, and how many did.
 *
 * owns: a counter for each reason, and the last size that failed so.
 * A failure is counted once, when NULL is on its way to the program: not the
 * attempts before memory was found after all, and not a realloc that stays.
 * called from: heap/ and api/, which know the reason; report/.
 */
#ifndef HM_POLICY_FAILURE_H
#define HM_POLICY_FAILURE_H

#include "base/atomic.h"
#include "base/base.h"

enum hm_failure {
	HM_FAILURE_THRESHOLD,  /* no class, span or mapping can be that large */
	HM_FAILURE_EXHAUSTION, /* beyond the hard limit (limit.h) */
	HM_FAILURE_MAP,        /* the kernel refused; os.h has its errno */
	HM_FAILURES,
};

/* Read by report/view.h's readers, too. */
struct hm_failure_words {
	_Atomic uint64_t times;
	_Atomic size_t last_size;
};
extern struct hm_failure_words hm_failures[HM_FAILURES];

void hm_failure_count(enum hm_failure why, size_t size);

struct hm_failure_counts {
	uint64_t times[HM_FAILURES];
	size_t last_size[HM_FAILURES]; /* SIZE_MAX: more than a size can tell */
	int map_errno;                 /* 0: the kernel never refused */
};
void hm_failure_get_counts(struct hm_failure_counts *out);

#endif
