/*
 * large_cache.h - freed large mappings that wait to be used again.
 *
 * owns: the mappings on its lists, still registered and with their headers.
 * Every function is called with the lock of large blocks held and makes no
 * system call, but for a registry that grows: what leaves is unmapped by the
 * caller, outside the lock.
 * called from: pool/large.c only.
 */
#ifndef HM_POOL_LARGE_CACHE_H
#define HM_POOL_LARGE_CACHE_H

#include "base/base.h"
#include "base/list.h"
#include "pool/large.h"

/* The best fit for `need` mapped bytes, off the cache, cut to whole units; or NULL. */
struct hm_large *hm_large_cache_take(size_t need);

/* None fits: the longest of the shorter ones, if more than a quarter of it; off the cache. */
struct hm_large *hm_large_cache_take_shorter(size_t need);

/*
 * Takes in a dead block that begins at its unit's base. What the bound (option
 * large_cache; three quarters of the `live` bytes, a quarter of what they were of
 * late or dirty_max, whichever is most) has no room for, oldest first, leaves the
 * registry and goes on `leaving`.
 */
void hm_large_cache_put(struct hm_large *l, size_t live, struct hm_list *leaving);

/* Everything goes, as above. */
void hm_large_cache_empty(struct hm_list *leaving);

/* The number of blocks taken in so far; and what was taken in when it was `clock` or less goes. */
uint64_t hm_large_cache_clock(void);
void hm_large_cache_expire(uint64_t clock, struct hm_list *leaving);

/* Does p point into what is cached? */
bool hm_large_cache_has(const void *p);

/* Bytes of what is cached and not parked. Needs no lock. */
size_t hm_large_cache_bytes(void);

/* Fills in `cached`, `cached_bytes` and what became of looks into the cache. */
void hm_large_cache_count(struct hm_large_counts *out);

/*
 * A mapping that the kernel refused to unmap (its map count is at the limit),
 * and whose pages were given back instead. It is found by take, not counted
 * against the bound, and leaves with the next hm_large_cache_empty.
 */
void hm_large_cache_park(struct hm_large *l);

#endif
