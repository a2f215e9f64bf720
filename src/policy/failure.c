/*
 * failure.c - the counters of failed allocations.
 *
 * owns: them.
 * called from: policy/failure.h's users.
 */
#include "base/base.h"
#include "policy/failure.h"

#include "base/atomic.h"
#include "base/probe.h"
#include "os/os.h"

struct hm_failure_words hm_failures[HM_FAILURES];

hm_cold void hm_failure_count(enum hm_failure why, size_t size)
{
	hm_add_relaxed(&hm_failures[why].times, 1);
	hm_store_relaxed(&hm_failures[why].last_size, size);
	hm_probe2(fail, why, size);
}

void hm_failure_get_counts(struct hm_failure_counts *out)
{
	for (unsigned i = 0; i < HM_FAILURES; i++) {
		out->times[i] = hm_load_relaxed(&hm_failures[i].times);
		out->last_size[i] = hm_load_relaxed(&hm_failures[i].last_size);
	}
	out->map_errno = hm_load_relaxed(&hm_os_counts.map_errno);
}
