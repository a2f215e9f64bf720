/*
 * figures.h - the few counts of the heap that are worth a look while the process runs: who counts
 * writes them here, and a tool of another process reads them where they are (report/view.h).
 *
 * owns: the counts. Each is written as its comment says and read at any time.
 * called from: pool/, slab/hole.c and heap/thread.c write; report/view.c says where they are.
 */
#ifndef HM_POLICY_FIGURES_H
#define HM_POLICY_FIGURES_H

#include "base/atomic.h"
#include "base/base.h"

/* What is written under different locks is in different cache lines. */
struct hm_figures {
	/* Slabs that are not free, and free ones that are resident; under the pool's lock. */
	_Alignas(64) _Atomic size_t slabs_in_use;
	_Atomic size_t slabs_dirty;
	/* Pages given back in slabs in use; by any thread. */
	_Alignas(64) _Atomic size_t hole_pages;
	/* Large blocks, their mapped bytes, and those of freed ones; under their lock. */
	_Alignas(64) _Atomic size_t large_blocks;
	_Atomic size_t large_bytes, large_cached_bytes;
	/* Heaps that a thread has; under the lock of the list of heaps. */
	_Alignas(64) _Atomic uint32_t heaps_in_use;
};

extern struct hm_figures hm_figures;

#endif
