/*
 * large.h - blocks that no class holds: a mapping each, with its header in it.
 *
 * owns: large mappings and the cache of freed ones (large_cache.h), under one lock.
 * called from: heap/ for what has no class; api/ never.
 * invariants: the registry has a block from before it is handed out until
 * before it is unmapped; what the registry has as large is mapped.
 * A large mapping begins at a 2 MiB-aligned base. Its header (struct hm_large)
 * is at the base; the user pointer follows it at a coloured, 64-byte aligned
 * offset, or at the requested alignment: up to 1 MiB inside the first unit, and
 * for alignments of 2 MiB and more the mapping begins one unit (2 MiB) before
 * the user pointer, which is itself registered as HM_REG_LARGE_SHIFTED.
 * Only the unit of the base (or the user pointer's) is registered.
 */
#ifndef HM_POOL_LARGE_H
#define HM_POOL_LARGE_H

#include "base/atomic.h"
#include "base/base.h"
#include "base/list.h"

#define HM_LARGE_MAGIC 0x6b6d6c61726765ull

struct hm_large {
	uint64_t magic;      /* HM_LARGE_MAGIC ^ the header's address while live, else not */
	size_t map_size;     /* bytes from the base that count, multiple of the page size */
	size_t user_offset;  /* of the user pointer from the base */
	size_t user_size;    /* usable bytes: map_size - user_offset (less the canary) */
	struct hm_list node; /* of the live or of the cached ones */
	bool zero;           /* the user bytes are known to be zero */
	bool huge;           /* asked for huge pages */
	uint16_t moved;      /* by mremap: the number of the move, which parts of it share; or 0 */
	uint32_t spare;      /* pages mapped behind map_size, untouched for all one knows */
	uint64_t freed_at;   /* order of entry into the cache */
};

/*
 * A block of at least n bytes (n > 0, any size up to PTRDIFF_MAX) whose address
 * is a multiple of align (power of two >= 16). *zero tells whether it is known
 * to be zero. NULL when the OS refuses; the cache has then been emptied first.
 */
void *hm_large_alloc(size_t n, size_t align, bool *zero);

/* The header of the large block whose user pointer is exactly p, or NULL. Reads the registry. */
struct hm_large *hm_large_find(const void *p);

/* The large block p points into, or NULL; for diagnosis only (walks the live list). */
struct hm_large *hm_large_find_interior(const void *p);

/* Does p point into a freed block that is in the cache? For diagnosis: a double free, mostly. */
bool hm_large_was_freed(const void *p);

/*
 * Frees a live block found by hm_large_find. A second free is found out: false. In full-guard
 * builds a block that was written past its end ends the process here.
 */
bool hm_large_free(struct hm_large *l);

/*
 * Resizes to at least n bytes: in place, or moved by mremap, contents kept up to
 * the smaller size. The new user pointer (same alignment modulo 2 MiB; callers
 * that must keep more copy instead), or NULL with the block whole. A block that
 * would become less than an eighth shorter stays as it is.
 * may_move false: grown in place or NULL, never made shorter.
 */
void *hm_large_resize(struct hm_large *l, size_t n, bool may_move);

/* Unmaps what the cache holds; bytes given back. */
size_t hm_large_purge(void);

/* Bytes of blocks live and cached; as of some moment, without the lock. */
size_t hm_large_bytes(void);

/*
 * Unmaps what the cache held already when *clock was set, and sets it anew (*clock 0 at first):
 * of two calls, the second unmaps what was freed before the first and is not in use again.
 */
size_t hm_large_purge_older(uint64_t *clock);

struct hm_large_counts {
	size_t live, live_bytes; /* blocks, mapped bytes */
	size_t usable;           /* of these, what the program may use */
	size_t most, most_bytes; /* the highest that these have been */
	size_t cached, cached_bytes;
	uint64_t allocated, freed; /* blocks ever */
	uint64_t hits, grown, misses; /* looks into the cache: found one, a shorter one, none */
};
void hm_large_get_counts(struct hm_large_counts *out);

void hm_large_fork_take(void);
void hm_large_fork_release(bool child);

#endif
