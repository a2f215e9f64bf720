/*
 * lock.h - ranked locks: a word, spin a little, then futex.
 *
 * owns: nothing but the ranks. Locks are taken in increasing rank order; guard
 * builds check it. None is held across a system call that can block for long,
 * none is taken on a fast path. A locked word of a vanished thread is made
 * anew in the fork child with hm_lock_reset.
 * called from: every floor above that shares state.
 */
#ifndef HM_OS_LOCK_H
#define HM_OS_LOCK_H

#include "base/base.h"
#include "base/atomic.h"

/* The lock order, outermost first. Two locks of one rank are never held together, but by fork. */
enum hm_rank {
	HM_RANK_HELPER = 1, /* a step of the helper thread, which fork waits for */
	HM_RANK_CHECKED,  /* the heap of checked threads */
	HM_RANK_PROFILE,  /* sampled blocks, and what is known of them */
	HM_RANK_LATE,     /* the shared heap of threads past their destructors */
	HM_RANK_HEAPS,    /* the list of heaps */
	HM_RANK_WAITING,  /* one a class: slabs that wait for adoption */
	HM_RANK_POOL,     /* superslabs and their free slabs */
	HM_RANK_LARGE,    /* large blocks and their cache */
	HM_RANK_RANGE,    /* retained ranges of addresses */
	HM_RANK_REGISTRY, /* growing the registry */
	HM_RANK_META,     /* metadata memory */
	HM_RANK_OS,       /* the mapping hint */
};

struct hm_lock {
	_Atomic uint32_t word; /* 0 free, 1 taken, 2 taken with sleepers */
	uint32_t rank; /* full guard builds; else 0, so that what has a lock is not in .data */
};

#define HM_LOCK_INIT(rank_) { 0, HM_GUARDS == 2 ? (rank_) : 0 }

void hm_lock_take_slow(struct hm_lock *l);
void hm_lock_wake(struct hm_lock *l);
/* Guard builds: abort when the order is wrong. `taking` true at take, false at release. */
void hm_lock_check_order(struct hm_lock *l, bool taking);

hm_inline void hm_lock_take(struct hm_lock *l)
{
	uint32_t expected = 0;

	if (HM_GUARDS == 2)
		hm_lock_check_order(l, true);
	if (hm_unlikely(!atomic_compare_exchange_strong_explicit(
		    &l->word, &expected, 1, memory_order_acquire, memory_order_relaxed)))
		hm_lock_take_slow(l);
}

hm_inline void hm_lock_release(struct hm_lock *l)
{
	if (HM_GUARDS == 2)
		hm_lock_check_order(l, false);
	if (hm_unlikely(hm_swap_release(&l->word, 0) == 2))
		hm_lock_wake(l);
}

/* In the fork child: the lock is free again, whoever held it. */
void hm_lock_reset(struct hm_lock *l);

/*
 * Fork takes every lock, also the many of one rank: true before the first is
 * taken, false after the last is released (in the parent) or reset (in the
 * child). Tells the checker only.
 */
void hm_lock_forking(bool on);

#endif
