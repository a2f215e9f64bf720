/*
 * large_cache.c - freed large mappings that wait to be used again.
 *
 * owns: two lists: the cached, youngest first, and the parked.
 * called from: pool/large.c, with its lock held.
 */
#include "base/base.h"
#include "pool/large_cache.h"

#include "policy/options.h"
#include "space/registry.h"

/* What may stay even when next to nothing is live. */
#define FLOOR_BYTES ((size_t)16 << 20)
/* A search touches a header, on a page of its own, for each: short lists only. */
#define ENTRIES_MAX 64

static struct {
	struct hm_list kept;
	struct hm_list parked;
	size_t nr, bytes;
	size_t nr_parked, parked_bytes;
	uint64_t clock;
} cache = {
	.kept = { &cache.kept, &cache.kept },
	.parked = { &cache.parked, &cache.parked },
};

static struct hm_large *block_of(struct hm_list *node)
{
	return hm_container(node, struct hm_large, node);
}

static size_t bound(size_t live)
{
	size_t limit = live / 2 > FLOOR_BYTES ? live / 2 : FLOOR_BYTES;

	return limit < hm_options.large_cache ? limit : (size_t)hm_options.large_cache;
}

static void unlink_kept(struct hm_large *l)
{
	hm_list_remove(&l->node);
	cache.nr--;
	cache.bytes -= l->map_size;
}

static void unlink_parked(struct hm_large *l)
{
	hm_list_remove(&l->node);
	cache.nr_parked--;
	cache.parked_bytes -= l->map_size;
}

/* From here on nobody finds it; the caller unmaps it when the lock is released. */
static void dismiss(struct hm_large *l, struct hm_list *leaving)
{
	hm_registry_set(l, HM_REG_NONE);
	hm_list_add_tail(leaving, &l->node);
}

/* The smallest of the list that has `need` bytes and fewer than *best. */
static struct hm_large *search(struct hm_list *list, size_t need, size_t *best)
{
	struct hm_large *found = NULL;

	for (struct hm_list *n = list->next; n != list; n = n->next) {
		struct hm_large *l = block_of(n);

		if (l->map_size >= need && l->map_size < *best) {
			found = l;
			*best = l->map_size;
		}
	}
	return found;
}

struct hm_large *hm_large_cache_take(size_t need)
{
	size_t best = need + need / 4 + 1;
	struct hm_large *l = search(&cache.kept, need, &best);
	struct hm_large *parked = search(&cache.parked, need, &best);

	if (parked != NULL) {
		unlink_parked(parked);
		return parked;
	}
	if (l != NULL)
		unlink_kept(l);
	return l;
}

struct hm_large *hm_large_cache_take_shorter(size_t need)
{
	size_t longest = need / 4;
	struct hm_large *found = NULL;

	for (struct hm_list *n = cache.kept.next; n != &cache.kept; n = n->next) {
		struct hm_large *l = block_of(n);

		if (l->map_size < need && l->map_size > longest) {
			found = l;
			longest = l->map_size;
		}
	}
	if (found != NULL)
		unlink_kept(found);
	return found;
}

void hm_large_cache_put(struct hm_large *l, size_t live, struct hm_list *leaving)
{
	size_t limit = bound(live);

	if (l->map_size > limit) {
		dismiss(l, leaving);
		return;
	}
	l->freed_at = ++cache.clock;
	hm_list_add_head(&cache.kept, &l->node);
	cache.nr++;
	cache.bytes += l->map_size;
	while (cache.bytes > limit || cache.nr > ENTRIES_MAX) {
		struct hm_large *oldest = block_of(cache.kept.prev);

		unlink_kept(oldest);
		dismiss(oldest, leaving);
	}
}

void hm_large_cache_empty(struct hm_list *leaving)
{
	while (!hm_list_empty(&cache.kept)) {
		struct hm_large *l = block_of(cache.kept.next);

		unlink_kept(l);
		dismiss(l, leaving);
	}
	while (!hm_list_empty(&cache.parked)) {
		struct hm_large *l = block_of(cache.parked.next);

		unlink_parked(l);
		dismiss(l, leaving);
	}
}

static bool list_has(struct hm_list *list, const void *p)
{
	for (struct hm_list *n = list->next; n != list; n = n->next) {
		const struct hm_large *l = block_of(n);

		if ((const char *)l + l->user_offset == p)
			return true;
	}
	return false;
}

bool hm_large_cache_has(const void *p)
{
	return list_has(&cache.kept, p) || list_has(&cache.parked, p);
}

void hm_large_cache_count(struct hm_large_counts *out)
{
	out->cached = cache.nr + cache.nr_parked;
	out->cached_bytes = cache.bytes + cache.parked_bytes;
}

void hm_large_cache_park(struct hm_large *l)
{
	/*
	 * Fails only for a block that was shifted and whose header lies in another leaf than
	 * its user pointer: then nothing but addresses is lost, the pages went back.
	 */
	if (!hm_registry_set(l, HM_REG_LARGE))
		return;
	hm_list_add_head(&cache.parked, &l->node);
	cache.nr_parked++;
	cache.parked_bytes += l->map_size;
}
