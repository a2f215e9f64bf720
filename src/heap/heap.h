/*
 * heap.h - the thread heap: TLS SLLs, bins, remote batches; and the allocator's
 * entries that the faces in api/ call.
 *
 * owns: struct hm_heap, one a thread, type-stable (never unmapped, recycled by
 * later threads); reached by one initial-exec TLS pointer, which starts at a
 * static empty heap on which every fast path misses.
 * called from: api/ and the parts of the heap.
 */
#ifndef HM_HEAP_HEAP_H
#define HM_HEAP_HEAP_H

#include "base/atomic.h"
#include "base/base.h"
#include "base/list.h"
#include "policy/failure.h"
#include "slab/slab.h"

/* TLS SLL of a class: what malloc pops and free pushes. Budget counts frees, not length. */
struct hm_sll {
	struct hm_base head;
	int32_t budget;
};

/* The rest of a class, off the fast paths: one cache line. */
struct hm_bin {
	char *bump;             /* fresh memory of `bound`: user address of the next block */
	uint32_t bump_left;     /* blocks in it; counted as used in their slab */
	bool recycled;          /* look elsewhere first: a slab or `back` may have free blocks */
	bool bump_zero;         /* fresh memory is known to be zero */
	uint16_t budget;        /* frees between two looks at the list (budget.h) */
	struct hm_base back;    /* the second list: older frees, spilled first */
	struct hm_slab *bound;  /* where refills come from; NULL: none */
	struct hm_list partial; /* other slabs bound to this heap, each with a free block */
	struct hm_base mark;    /* the front's first block when the budget was last spent */
	uint8_t rearmed;        /* times in a row that it was still the first */
	uint8_t rests;          /* HM_RESTS_*: what has not happened of late */
	uint16_t spilled;       /* when blocks last went home, by h->events; 0: refilled since */
	uint32_t nr_partial;
} __attribute__((aligned(64)));

/*
 * Neither spilled nor refilled since the last sweep; not refilled since the last look for holes,
 * or since a part of the second list was spilled.
 */
#define HM_RESTS_SWEEP 1u
#define HM_RESTS_LOOK 2u
#define HM_RESTS_BACK 4u

_Static_assert(sizeof(struct hm_bin) == 64, "one cache line a bin");

/* Blocks of one slab on their way home: one atomic operation a batch (after BatchIt, ISMM 2024). */
struct hm_batch {
	struct hm_slab *slab;
	struct hm_base first, last;
	uint32_t count, limit;
};

#define HM_BATCHES 16

/* How often a class came to the slow paths; these run over at 2^32. */
struct hm_class_counts {
	_Atomic uint32_t refills, spills;
};

/* A look for holes, which goes on over several calls: where it is, what it saw (bytes). */
struct hm_look {
	size_t slack;  /* free and resident in slabs that were looked at */
	size_t spare, spare_max; /* bytes that nearly full huge pages may keep: still, and in all */
	uint32_t left; /* slabs of the class */
	uint16_t cls;
	bool busy;
	bool resting; /* at classes only that rest */
};

struct hm_heap {
	/*
	 * First: its offset 0 saves malloc an instruction. One more than there are classes, which
	 * is always empty: what is diverted (thread.h) is looked up there.
	 */
	struct hm_sll sll[HM_CLASSES + 1];
	/*
	 * The hint box: the zone freed into last. An address p lies in it when slot
	 * (p ^ hint) / 64 KiB is below hint_slots, which is 0 while there is none;
	 * its slab line is then that of the table. Zones never go: no hint is stale.
	 */
	uintptr_t hint;
	size_t hint_slots;
	char *hint_table;
	_Atomic size_t many_max; /* HM_MANY_REQUEST_MAX; 0: diverted */
	_Atomic uint8_t lookup[HM_TINY_LOOKUP]; /* twice the class, by 16-byte steps */

	struct hm_bin bins[HM_CLASSES + 1]; /* the last has nothing, as its list */
	struct hm_batch batches[HM_BATCHES];
	struct hm_list node; /* of all heaps */
	bool in_use;         /* a thread has it; under the heaps' lock */
	bool exiting;        /* its thread's destructors run */
	uint8_t kept_one;    /* the class of one-block spans that has free ones; 0: none */
	bool alone;          /* it adopts no slab, and gives up none that others could adopt */
	uint8_t failure;     /* enum hm_failure: why a refill failed */
	bool looked;         /* for holes, since its thread has it */
	bool asking;         /* its thread is in the program's handler (room.h) */
	struct hm_heap **tls;     /* where its thread's TLS pointer is; NULL: nobody's */
	struct hm_heap *tls_next; /* with the same hash of that */
	/*
	 * Bytes that are free in slabs of this heap, as of the last look for holes or
	 * less (`seen`), now, and when to think of the next.
	 */
	size_t seen, freed, freed_max;
	size_t rested; /* `freed` after the last look at classes that rest, or at all, or less */
	size_t told; /* of `freed`, so much is known to others (in_use.h) */
	size_t turned, turned_max; /* the same of all that went home, whatever became of it */
	struct hm_look look, look_given;
	/*
	 * Bytes given to slabs that wait, less those free in adopted ones; all that were given;
	 * since others were told, which is due at so many (given.c).
	 */
	ptrdiff_t given;
	size_t given_all, given_max;
	size_t purged, wanted; /* bytes of holes: by the last look, and taken again since */
	unsigned patience;
	/* The same of looks at classes that rest. */
	size_t rest_purged, rest_wanted;
	unsigned rest_patience;
	size_t budgets; /* bytes of all classes' budgets */
	uint64_t touched[HM_CLASS_WORDS]; /* bits: classes that spent theirs, or had it changed */
	uint32_t version; /* of the state that it began with (policy/ace_state.h) */
	unsigned share;   /* how much of that */
	int64_t to_sample; /* bytes to the next sample of the profile (profile.h) */
	unsigned profile;  /* which profile that is */
	unsigned asked; /* times that a slab was wanted: each some-th asks for limits */
	unsigned events; /* spills and refills: the time by which a spill is recent */
	unsigned refused; /* times that these could not grow since the last sweep */
	/* Statistics; the owner counts, others may read. */
	_Atomic uint64_t refills, spills, remote_frees, remote_pushes, adopted, given_up;
	_Atomic uint64_t holed; /* bytes that its looks gave back */
	_Atomic uint32_t looks, doubled, sweeps, more_patient, less_patient;
	struct hm_class_counts counts[HM_CLASSES];
	struct hm_heap *older; /* the one that was made before it */
	unsigned number;       /* of those made, from 0 */
};

/*
 * The static heaps, of which nothing is ever set: that of a thread that has none yet, of one
 * that has none any more, and of one that is checked (checked.h).
 */
extern struct hm_heap hm_empty_heap, hm_late_heap, hm_checked_heap;

/* The table of a thread's heap ends in the largest tiny class. */
hm_inline bool hm_heap_is_static(const struct hm_heap *h)
{
	return hm_load_hint(uint8_t, &h->lookup[HM_TINY_LOOKUP - 1]) == 0;
}

/* What the table says of every size while mallocs are diverted: twice a class that is none. */
#define HM_DIVERTED ((size_t)2 * HM_CLASSES)

extern __thread struct hm_heap *hm_tls_heap __attribute__((tls_model("initial-exec")));

/* ---- Entries of the faces. None sets errno; NULL is out of memory (or too large). ---- */

/* n bytes, 16-byte aligned; n may be 0. */
void *hm_heap_malloc(size_t n);
/* The same, zeroed. */
void *hm_heap_calloc(size_t n);
/* align: power of two. n + align may not overflow PTRDIFF_MAX (the caller checked). */
void *hm_heap_memalign(size_t align, size_t n);
/*
 * For what found no block by itself (hm_refill_block: h->failure): the handler of the hard limit
 * is asked, and what fails in the end is counted. NULL, or the block.
 */
void *hm_heap_failed(size_t n, size_t align, bool *zero, enum hm_failure why);
/* p not NULL, n > 0: keeps contents and, if p was allocated so, no particular alignment. */
void *hm_heap_realloc(void *p, size_t n);
/* Usable size grows to at least n where it stands: p, else NULL. */
void *hm_heap_expand(void *p, size_t n);
/* NULL is ignored. Keeps errno. */
void hm_heap_free(void *p);
/* Bytes the holder of p may use; 0 for NULL and for what is not ours. */
size_t hm_heap_usable(const void *p);
/* What hm_heap_usable(hm_heap_malloc(n)) would be; n itself when out of range. */
size_t hm_heap_good_size(size_t n);
/*
 * free with the size that was asked for (align 0: none): a size that the block
 * cannot have is reported as wrong use.
 */
void hm_heap_free_sized(void *p, size_t n, size_t align);

/* Gives all that can be given back to the OS: own caches, pool, large cache. Bytes. */
size_t hm_heap_purge(void);

/* ---- Between the parts of the heap. ---- */

struct hm_heap *hm_heap_init_thread(void); /* heap.c/thread.c: a heap for this thread */
void hm_heap_reset(struct hm_heap *h);      /* empty lists, budgets as at first */

/* refill.c: the SLL is empty: a block from the second list, fresh memory or a slab. */
void *hm_refill_block(struct hm_heap *h, unsigned cls, bool *zero);
/* A slab's fresh memory was used up, or given up. */
void hm_refill_bump_is_over(struct hm_bin *bin, unsigned cls);

/* release.c */
void hm_release_spill(struct hm_heap *h, unsigned cls);
void hm_release_all(struct hm_heap *h); /* exit: SLLs, fresh memory, batches, slabs */
void hm_release_class(struct hm_heap *h, unsigned cls); /* its lists go home */
void hm_release_lists(struct hm_heap *h);  /* SLLs go home */
void hm_release_unused(struct hm_heap *h); /* bound slabs of which nothing is out */
void hm_release_caches(struct hm_heap *h); /* purge: SLLs and batches go home */
void hm_release_bind(struct hm_heap *h, struct hm_slab *s); /* into the partial list */
void hm_release_set_owner(struct hm_heap *h, struct hm_slab *s); /* affinity, if it changes */

/* remote_free.c */
void hm_remote_free(struct hm_heap *h, struct hm_slab *s, struct hm_base b);
void hm_remote_flush(struct hm_heap *h);
void hm_remote_give(struct hm_heap *h, struct hm_slab *s, struct hm_base first,
		    struct hm_base last, uint32_t n);

/* holes.c: looks for pages without a live block in slabs of this heap: a part of it, or all. */
void hm_holes_look(struct hm_heap *h);
void hm_holes_look_all(struct hm_heap *h);
/* As a look begins: some of what the pool has free goes if nobody took a slab since the last. */
void hm_holes_look_pool(void);

/*
 * given.c: the same in slabs that wait: a part of it when it is due; all of a class, or all
 * (bytes given back). What the heap gave and adopted becomes known to all; may there be
 * something to look for, as far as it knows; so many bytes of what went are wanted again.
 */
void hm_given_look(struct hm_heap *h);
size_t hm_given_look_class(unsigned cls);
size_t hm_given_look_all(void);
void hm_given_tell(struct hm_heap *h);
bool hm_given_any(const struct hm_heap *h);
void hm_given_wanted(size_t bytes);
/* A thread wants more of the class than its own slabs have, while some wait: they do not rest. */
void hm_given_asked(unsigned cls);

/* Bytes of slabs that wait became free. */
hm_inline void hm_given_more(struct hm_heap *h, size_t bytes)
{
	h->given += (ptrdiff_t)bytes;
	h->given_all += bytes;
	if (hm_unlikely(h->given_all >= h->given_max))
		hm_given_look(h);
}

/* A slab with so many waits no more. */
hm_inline void hm_given_less(struct hm_heap *h, size_t bytes)
{
	h->given -= (ptrdiff_t)bytes;
	if (hm_unlikely(h->given < -(ptrdiff_t)h->given_max))
		hm_given_tell(h);
}

/* Bytes were handed out again, or went with their slab. */
hm_inline void hm_freed_less(struct hm_heap *h, size_t bytes)
{
	h->freed -= bytes < h->freed ? bytes : h->freed;
	if (h->freed < h->seen) {
		size_t less = h->seen - h->freed;

		h->seen = h->freed;
		h->freed_max -= less < h->freed_max ? less : h->freed_max;
	}
}

/* thread.c: the locked heap of threads that have no own one. */
struct hm_heap *hm_late_take(void);
void hm_late_release(void);

/*
 * thread.c: from now on every malloc of threads with heaps of their own leaves the fast path, or
 * none does any more. Others may be inside one, or a moment late.
 */
void hm_heaps_divert(bool on);

/* thread.c: all heaps, for statistics and fork. */
void hm_heaps_add(struct hm_heap *h); /* one that is no thread's */
/* All that were ever made, the youngest first; f is called without a lock: heaps stay. */
void hm_heaps_each(void (*f)(struct hm_heap *h, void *arg), void *arg);
void hm_heaps_fork_take(void);
void hm_heaps_fork_release(bool child);

#endif
