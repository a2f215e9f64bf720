/*
 * purge_count.c - the counters of what went back to the system.
 *
 * owns: them.
 * called from: policy/purge_count.h's users, who have made a system call just before.
 */
#include "base/base.h"
#include "policy/purge_count.h"

#include "base/atomic.h"

struct hm_purge_words hm_purges[HM_PURGES];

size_t hm_purge_count(enum hm_purge_reason why, size_t bytes)
{
	if (bytes > 0) {
		hm_add_relaxed(&hm_purges[why].times, 1);
		hm_add_relaxed(&hm_purges[why].bytes, bytes);
	}
	return bytes;
}

void hm_purge_get_counts(struct hm_purge_counts *out)
{
	for (unsigned i = 0; i < HM_PURGES; i++) {
		out->times[i] = hm_load_relaxed(&hm_purges[i].times);
		out->bytes[i] = hm_load_relaxed(&hm_purges[i].bytes);
	}
}
