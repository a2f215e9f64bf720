/*
 * large_cache.c - freed large mappings that wait to be used again.
 *
 * owns: two lists: the cached, youngest first, and the parked.
 * The cached are runs of units (2 MiB): what is freed joins its neighbours, what
 * is too long is cut, so that pages are used again whatever the sizes are.
 * called from: pool/large.c, with its lock held.
 */
#include "base/base.h"
#include "pool/large_cache.h"

#include "base/geometry.h"
#include "os/os.h"
#include "policy/figures.h"
#include "policy/limit.h"
#include "policy/options.h"
#include "pool/large_shape.h"
#include "space/registry.h"

/* A search touches a header, on a page of its own, for each: short lists only. */
#define ENTRIES_MAX 64
/* Of what was live of late, beyond what is live, each free forgets this part. */
#define DECAY 512

static struct {
	struct hm_list kept;
	struct hm_list parked;
	size_t nr;
	size_t nr_parked, parked_bytes;
	size_t lately; /* bytes */
	uint64_t clock;
	uint64_t hits, grown, misses;
} cache = {
	.kept = { &cache.kept, &cache.kept },
	.parked = { &cache.parked, &cache.parked },
};

size_t hm_large_cache_bytes(void)
{
	return hm_load_relaxed(&hm_figures.large_cached_bytes);
}

static struct hm_large *block_of(struct hm_list *node)
{
	return hm_container(node, struct hm_large, node);
}

static size_t more(size_t a, size_t b)
{
	return a > b ? a : b;
}

/*
 * Three quarters of what is live: blocks of 5 to 25 MiB took 1.3 of the time with
 * one half. When the program shrinks, a quarter of what was live of late, as of
 * other memory (ace.h), so that not much stays behind when it calls no more.
 * Nothing when the heap is over its soft limit.
 */
static size_t bound(size_t live, size_t freed)
{
	size_t limit = more(live / 4 * 3, hm_option_bytes(hm_options.dirty_max));

	cache.lately = more(cache.lately, live + freed);
	cache.lately -= (cache.lately - live) / DECAY;
	limit = more(limit, cache.lately / 4);
	if (hm_limit_is_over())
		return 0;
	return limit < hm_options.large_cache ? limit : (size_t)hm_options.large_cache;
}

static void unlink_kept(struct hm_large *l)
{
	hm_list_remove(&l->node);
	cache.nr--;
	hm_count_add(&hm_figures.large_cached_bytes, -l->map_size);
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
		size_t span = hm_large_span(l);

		if (span >= need && span < *best) {
			found = l;
			*best = span;
		}
	}
	return found;
}

static void link_kept(struct hm_large *l)
{
	hm_list_add_head(&cache.kept, &l->node);
	cache.nr++;
	hm_count_add(&hm_figures.large_cached_bytes, l->map_size);
}

/*
 * Cuts l, on no list, off behind the unit in which `size` bytes end: the rest,
 * whole units, with a header of its own and on no list; NULL when there is none.
 * Nobody knows where the spare pages are: each part is said to have its share.
 */
static struct hm_large *cut(struct hm_large *l, size_t size)
{
	size_t span = hm_large_span(l), page = hm_os_page_size(), spare;
	struct hm_large *rest;

	size = (size + HM_SUPERSLAB_MASK) & ~(size_t)HM_SUPERSLAB_MASK;
	if (size >= span)
		return NULL;
	spare = (size_t)((double)l->spare * ((double)(span - size) / (double)span)) * page;
	rest = (struct hm_large *)(void *)((char *)l + size);
	rest->magic = 0;
	hm_large_set_span(rest, span - size - spare, span - size);
	rest->user_offset = 0;
	rest->zero = false;
	rest->huge = l->huge;
	rest->moved = l->moved;
	rest->freed_at = l->freed_at;
	spare = l->spare * page - spare;
	hm_large_set_span(l, size > spare ? size - spare : page, size);
	return rest;
}

/* What a longer one has too much stays in the cache, if the registry takes it. */
static void keep_rest(struct hm_large *l, size_t need)
{
	size_t whole = l->map_size, span = hm_large_span(l);
	struct hm_large *rest = cut(l, need);

	if (rest == NULL)
		return;
	if (hm_registry_set(rest, HM_REG_LARGE))
		link_kept(rest);
	else
		hm_large_set_span(l, whole, span);
}

struct hm_large *hm_large_cache_take(size_t need)
{
	size_t any = SIZE_MAX, best = need + need / 4 + 1;
	struct hm_large *l = search(&cache.kept, need, &any);

	if (l != NULL) {
		unlink_kept(l);
		keep_rest(l, need);
		cache.hits++;
		return l;
	}
	l = search(&cache.parked, need, &best);
	if (l != NULL) {
		unlink_parked(l);
		cache.hits++;
	}
	return l;
}

struct hm_large *hm_large_cache_take_shorter(size_t need)
{
	size_t longest = need / 4;
	struct hm_large *found = NULL;

	for (struct hm_list *n = cache.kept.next; n != &cache.kept; n = n->next) {
		struct hm_large *l = block_of(n);

		if (hm_large_span(l) < need && l->map_size > longest) {
			found = l;
			longest = l->map_size;
		}
	}
	if (found != NULL) {
		unlink_kept(found);
		cache.grown++;
	} else {
		cache.misses++;
	}
	return found;
}

/* l, on no list, and what of the cache lies right before or behind it, become one. */
static struct hm_large *join_neighbours(struct hm_large *l)
{
	struct hm_list *n, *next;

	for (n = cache.kept.next; n != &cache.kept; n = next) {
		struct hm_large *other = block_of(n), *low, *high;
		size_t span;

		next = n->next;
		low = other < l ? other : l;
		high = other < l ? l : other;
		/* Two kinds of mapping, or of two moves, would be one that mremap cannot move. */
		span = hm_large_span(low);
		if ((char *)low + span != (char *)high || low->huge != high->huge ||
		    low->moved != high->moved)
			continue;
		unlink_kept(other);
		hm_registry_set(high, HM_REG_NONE);
		hm_large_set_span(low, low->map_size + high->map_size,
				  span + hm_large_span(high));
		l = low;
	}
	return l;
}

/* Of the one that waits longest, what is too much, or all of it. */
static void shorten_oldest(size_t limit, struct hm_list *leaving)
{
	struct hm_large *oldest = block_of(cache.kept.prev), *rest = NULL;
	size_t bytes = hm_large_cache_bytes(), excess = bytes > limit ? bytes - limit : 0;

	unlink_kept(oldest);
	if (excess > 0 && excess + HM_SUPERSLAB_SIZE <= hm_large_span(oldest))
		rest = cut(oldest, hm_large_span(oldest) - excess - HM_SUPERSLAB_MASK);
	if (rest == NULL) {
		dismiss(oldest, leaving);
		return;
	}
	dismiss(rest, leaving);
	link_kept(oldest);
	hm_list_remove(&oldest->node);
	hm_list_add_tail(&cache.kept, &oldest->node);
}

void hm_large_cache_put(struct hm_large *l, size_t live, struct hm_list *leaving)
{
	size_t limit = bound(live, l->map_size);

	if (l->map_size > limit) {
		dismiss(l, leaving);
		return;
	}
	l = join_neighbours(l);
	l->freed_at = ++cache.clock;
	link_kept(l);
	while (hm_large_cache_bytes() > limit || cache.nr > ENTRIES_MAX)
		shorten_oldest(limit, leaving);
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

uint64_t hm_large_cache_clock(void)
{
	return cache.clock;
}

void hm_large_cache_expire(uint64_t clock, struct hm_list *leaving)
{
	struct hm_list *n, *next;

	/* What was cut off a block is as old as that: not quite in order. */
	for (n = cache.kept.next; n != &cache.kept; n = next) {
		struct hm_large *l = block_of(n);

		next = n->next;
		if (l->freed_at > clock)
			continue;
		unlink_kept(l);
		dismiss(l, leaving);
	}
}

static bool list_has(struct hm_list *list, const void *p)
{
	for (struct hm_list *n = list->next; n != list; n = n->next) {
		const struct hm_large *l = block_of(n);

		if ((uintptr_t)p - (uintptr_t)l < hm_large_span(l))
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
	out->cached_bytes = hm_large_cache_bytes() + cache.parked_bytes;
	out->hits = cache.hits;
	out->grown = cache.grown;
	out->misses = cache.misses;
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
