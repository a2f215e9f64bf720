/*
 * stats.h - how much memory there is, in what state.
 *
 * owns: nothing; adds up what the floors below count. Exact for a process whose
 * other threads rest; else each figure was true at some moment of the call. What other
 * threads keep on their lists for their next malloc counts as in use.
 * called from: api/control.c, api/override_glibc.c.
 */
#ifndef HM_REPORT_STATS_H
#define HM_REPORT_STATS_H

#include "base/base.h"
#include "base/geometry.h"
#include "policy/failure.h"
#include "policy/limit.h"
#include "pool/large.h"

/* Blocks of a class, in slabs that serve it. */
struct hm_stats_class {
	size_t live, free;
};

struct hm_stats {
	size_t superslabs, superslab_bytes; /* mapped */
	size_t live_blocks, live_bytes;     /* in slabs, by usable size; no large ones */
	size_t free_blocks, free_bytes;
	size_t free_slabs;                  /* 64 KiB each, for any class */
	size_t dirty_slabs;                 /* of these, what a purge would give back */
	struct hm_stats_class classes[HM_CLASSES];
	struct hm_large_counts large;
	size_t resident; /* what counts against the limits */
	struct hm_limit_counts limit;
	struct hm_failure_counts failures;
};

void hm_stats_collect(struct hm_stats *out);

/* Some lines of text to a file descriptor. No allocation, no stdio. */
void hm_stats_print(int fd);

/* What threads have learned, as a text (policy/ace_state.h); its length. */
size_t hm_stats_ace(char *buf, size_t size);

#endif
