/*
 * limit.h - the soft and the hard limit of the memory that the heap holds.
 *
 * owns: the limits in force, whether the heap is over the soft one, and what
 * was promised under the hard one and is not counted yet.
 * What counts is what heap/room.h measures; the limits are asked about on slow
 * paths that take more memory, never by a malloc or free that does not.
 * Soft: the option limit_soft, or of the control group memory.high, nine tenths
 * of memory.max, whichever is less; at most seven eighths of the hard limit.
 * Over it, all that can go goes once, and little is kept (ace.h). A limit below what is
 * live changes nothing but that: the next purge comes when an eighth was added.
 * Hard: the option limit_hard. The group's files are read once, when the heap
 * has grown to 32 MiB, and not at all if limit_soft is set, or if the program has
 * confined itself before (os/filter.h).
 * called from: heap/room.c; policy/ace.c and pool/large_cache.c (is_over); report/.
 */
#ifndef HM_POLICY_LIMIT_H
#define HM_POLICY_LIMIT_H

#include "base/base.h"
#include "os/cgroup.h"

/* Is there any limit, as far as is known? */
bool hm_limit_is_set(void);

/*
 * The heap is about to hold so many bytes. True: that crosses the soft limit, or
 * is an eighth more than what the last purge left, and the caller, nobody else,
 * purges and then calls hm_limit_purged with what is held.
 */
bool hm_limit_is_due(size_t bytes);
void hm_limit_purged(size_t bytes);

/* Was the soft limit crossed? What is free need not be kept. */
bool hm_limit_is_over(void);

/*
 * Is there room for so many bytes more under the hard limit? True: they are the
 * caller's until hm_limit_settle, by when they are measured, or not taken. So
 * threads that take at the same time are not over the limit together.
 */
bool hm_limit_reserve(size_t bytes, size_t (*measure)(void));
void hm_limit_settle(size_t bytes);

/*
 * Is it so far over the hard limit, a sixteenth, that what needs no new memory is refused, too?
 * Pages that come back inside slabs in use ask nobody before.
 */
bool hm_limit_is_exceeded(size_t bytes);

/* What other threads were about to do, they will not. */
void hm_limit_fork_child(void);

struct hm_limit_counts {
	uint64_t soft, hard; /* bytes; 0: none */
	uint64_t crossed;    /* purges since the soft limit was crossed */
	bool over, read;     /* `read`: the group was looked at; else it is all zero */
	struct hm_cgroup group;
};
void hm_limit_get_counts(struct hm_limit_counts *out);

#endif
