/*
 * profile.h - the heap profile: of all that is allocated, blocks drawn at random with the stacks
 * that allocated them, and which of these live.
 *
 * owns: the heap of sampled blocks, and whether a profile is on.
 * Off, it costs nothing. While it is on, every malloc of a thread leaves the fast path (the
 * thread's table of classes says "none"), bytes are counted down to the next sample, at distances
 * that are exponentially distributed, and the ordinary lists serve. A sampled block comes from
 * slabs of a heap that is no thread's, whose owner is NULL to the fast paths: so each free of one,
 * by whoever, is a miss that finds the record, and a free of any other block costs what it did.
 * Large and checked blocks are ordinary, and known by their address.
 * Blocks count by malloc_usable_size. Not sampled: what threads allocate past their destructors,
 * and what the unwinder itself does.
 * called from: heap/, report/, api/.
 */
#ifndef HM_HEAP_PROFILE_H
#define HM_HEAP_PROFILE_H

#include "base/atomic.h"
#include "base/base.h"
#include "heap/heap.h"
#include "heap/profile_table.h"
#include "os/stack.h"
#include "policy/failure.h"
#include "pool/large.h"

extern struct hm_heap hm_sampled_heap;
extern _Atomic bool hm_profile_on;

hm_inline bool hm_profile_is_on(void)
{
	return hm_load_relaxed(&hm_profile_on);
}

/* Are the blocks of the span s sampled ones? Of one that has a live block. */
hm_inline bool hm_profile_has(const struct hm_slab *s)
{
	return hm_remote_of(s)->sampled;
}

/*
 * A new profile begins, with a sample each `rate` bytes on average; 1: each block. False: there is
 * no memory for it, or the program has another malloc (passthrough.h). Takes the loader's lock.
 * Any thread, with no lock of the library's; both.
 */
bool hm_profile_start(uint64_t rate);
/* No more samples; which of the sampled blocks live is still known. */
void hm_profile_stop(void);

struct hm_profile_state {
	bool begun, on;
	uint64_t rate, dropped; /* samples for which there was no memory */
	enum hm_stack_way way;
};
struct hm_profile_state hm_profile_get_state(void);

/*
 * Is the caller of malloc the unwinder? Then no sample is taken until hm_profile_resume: it holds
 * locks of its own, which a walk of the stack takes, too.
 */
bool hm_profile_pause(const void *caller);
void hm_profile_resume(void);

/* ---- While it is on, or blocks of it live: for heap.c and checked.c. ---- */

/* A block of the class for a sample; NULL: there is none to be taken now. */
void *hm_profile_alloc(struct hm_heap *h, unsigned cls, bool *zero);
/* p, a live block of the span s (hm_profile_has), is freed. */
void hm_profile_free(struct hm_slab *s, struct hm_user u);

/* hm_room_large and hm_room_resize, with samples. */
void *hm_profile_large(size_t n, size_t align, bool *zero, enum hm_failure *why);
void *hm_profile_resize(struct hm_large *l, size_t n, bool may_move, enum hm_failure *why);
/* p, of n bytes, is new, and known by its address; p, which may be NULL. */
void *hm_profile_checked(void *p, size_t n);
hm_cold void hm_profile_forget_block(void *p);

/* A block that is known by its address goes. */
hm_inline void hm_profile_forget(void *p)
{
	if (hm_unlikely(hm_table_records() > 0))
		hm_profile_forget_block(p);
}

/* For statistics, and to read the counts of a site. */
void hm_profile_take(void);
void hm_profile_release(void);

void hm_profile_fork_take(void);
void hm_profile_fork_release(bool child);

#endif
