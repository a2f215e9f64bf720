/*
 * large.c - blocks that no class holds: mapping, finding, resizing, freeing.
 *
 * owns: the lock, the list and the counters of live large blocks.
 * called from: heap/.
 * System calls are made without the lock. A header is read only with the lock
 * held and after the registry has said, under it, that there is one: so a
 * stale or made-up pointer never faults, whatever other threads free.
 */
#include "base/base.h"
#include "pool/large.h"

#include "base/assert.h"
#include "base/bits.h"
#include "base/geometry.h"
#include "base/probe.h"
#include "os/lock.h"
#include "os/os.h"
#include "policy/ace.h"
#include "policy/dirty.h"
#include "policy/figures.h"
#include "policy/purge_count.h"
#include "pool/large_cache.h"
#include "pool/large_shape.h"
#include "pool/pool.h"
#include "pool/range.h"
#include "slab/layout.h"
#include "space/registry.h"

static struct {
	struct hm_lock lock;
	struct hm_list list;
	size_t nr_moved;
	struct hm_large_counts n; /* without those of the next, and what is cached */
} live = {
	.lock = HM_LOCK_INIT(HM_RANK_LARGE),
	.list = { &live.list, &live.list },
};

static size_t live_bytes(void)
{
	return hm_load_relaxed(&hm_figures.large_bytes);
}

/* With fewer blocks the holes that they leave are not many, and not worth system calls. */
#define KEEP_FROM 64
static bool keeps_ranges(void)
{
	return hm_load_relaxed(&hm_figures.large_blocks) >= KEEP_FROM;
}

static uint64_t live_magic(const struct hm_large *l)
{
	return HM_LARGE_MAGIC ^ (uintptr_t)l;
}

/* Under the lock: a block of `size` of `span` mapped bytes at l is somebody's from here on. */
static void admit(struct hm_large *l, size_t size, size_t span, size_t offset)
{
	hm_large_set_span(l, size, span);
	l->user_offset = offset;
	l->user_size = size - offset - HM_CANARY_BYTES;
	l->magic = live_magic(l);
	hm_large_canary_set(l);
	hm_list_add_head(&live.list, &l->node);
	hm_count_add(&hm_figures.large_blocks, 1);
	live.nr_moved += l->moved != 0;
	live.n.usable += l->user_size;
	hm_count_add(&hm_figures.large_bytes, size);
	if (hm_load_relaxed(&hm_figures.large_blocks) > live.n.most)
		live.n.most = hm_load_relaxed(&hm_figures.large_blocks);
	if (live_bytes() > live.n.most_bytes)
		live.n.most_bytes = live_bytes();
}

/* Under the lock: the contrary. The registry still has it. */
static void withdraw(struct hm_large *l)
{
	l->magic = 0;
	hm_list_remove(&l->node);
	hm_count_add(&hm_figures.large_blocks, (size_t)-1);
	live.nr_moved -= l->moved != 0;
	live.n.usable -= l->user_size;
	hm_count_add(&hm_figures.large_bytes, -l->map_size);
}

/* Unmaps what left the cache. Not under the lock. Returns the bytes that went back to the OS. */
static size_t unmap_all(struct hm_list *leaving)
{
	size_t page = hm_os_page_size(), bytes = 0;

	while (!hm_list_empty(leaving)) {
		struct hm_large *l = hm_container(leaving->next, struct hm_large, node);
		struct hm_large header = *l;
		size_t span = hm_large_span(l);

		hm_list_remove(&l->node);
		if (hm_range_unmap(l, span, l->huge, l->moved != 0, keeps_ranges())) {
			bytes += header.map_size;
			continue;
		}
		/* A purge that came to locked pages only later took it before it was refused. */
		*l = header;
		if (l->map_size > page && hm_os_purge((char *)l + page, span - page))
			bytes += l->map_size - page;
		hm_lock_take(&live.lock);
		hm_large_cache_park(l);
		hm_lock_release(&live.lock);
	}
	return bytes;
}

size_t hm_large_purge(void)
{
	struct hm_list leaving;

	hm_list_init(&leaving);
	hm_lock_take(&live.lock);
	hm_large_cache_empty(&leaving);
	hm_lock_release(&live.lock);
	return unmap_all(&leaving);
}

size_t hm_large_purge_older(uint64_t *clock)
{
	struct hm_list leaving;

	hm_list_init(&leaving);
	hm_lock_take(&live.lock);
	hm_large_cache_expire(*clock, &leaving);
	*clock = hm_large_cache_clock();
	hm_lock_release(&live.lock);
	return hm_purge_count(HM_PURGE_DELAY, unmap_all(&leaving));
}

/* The OS refused: what is mapped and not in use goes back. Did anything? */
static bool make_room(void)
{
	return hm_purge_count(HM_PURGE_REFUSED,
			      hm_large_purge() + hm_range_drop() + hm_pool_unmap_empty()) > 0;
}

/* Live blocks that are looked at for one that can tell; each costs a cache miss. */
#define WITNESSES 16

/*
 * Was the youngest live block of half the size at least, without huge pages, used
 * whole? It is read under the lock, its pages asked for without: if it goes meanwhile
 * the answer is about something else, and harmless.
 */
static bool wants_huge(size_t size)
{
	const char *evidence = NULL;
	size_t evidence_size = 0;

	hm_lock_take(&live.lock);
	if (hm_ace_wants_huge_large(size, live.n.allocated)) {
		struct hm_list *n = live.list.next;

		for (unsigned i = 0; n != &live.list && i < WITNESSES; n = n->next, i++) {
			struct hm_large *l = hm_container(n, struct hm_large, node);

			if (l->huge || l->map_size < size / 2 ||
			    !hm_ace_wants_huge_large(l->map_size, 0))
				continue;
			evidence = (const char *)l;
			evidence_size = l->map_size;
			break;
		}
	}
	hm_lock_release(&live.lock);
	return evidence != NULL && hm_ace_is_block_dense(evidence, evidence_size);
}

/*
 * The advice comes before the first touch, that of the header too, which is zero: with
 * huge pages "always" it alone would bring 2 MiB.
 */
static struct hm_large *map_block(const struct hm_large_shape *s, bool tight, size_t *span)
{
	bool huge = wants_huge(s->exact) || hm_ace_huge_always();
	struct hm_large *l;

	*span = hm_large_span_for(s->size, huge || tight);
	l = hm_large_map(s, *span, &huge);
	if (l != NULL && !hm_large_enter(l, hm_large_is_shifted(s->offset))) {
		(void)hm_os_unmap(l, *span);
		return NULL;
	}
	if (l != NULL) {
		l->huge = huge;
		l->moved = 0;
	}
	return l;
}

/* Under the lock: the live block that the unit of p has an entry for, or NULL. */
static struct hm_large *entry_of(const void *p)
{
	uintptr_t base = hm_superslab_base(p);
	enum hm_reg_kind kind = hm_registry_get(p);
	struct hm_large *l;

	if (kind == HM_REG_LARGE_SHIFTED)
		base -= HM_SUPERSLAB_SIZE;
	else if (kind != HM_REG_LARGE)
		return NULL;
	l = (struct hm_large *)base;
	return l->magic == live_magic(l) ? l : NULL;
}

struct hm_large *hm_large_find(const void *p)
{
	enum hm_reg_kind kind = hm_registry_get(p);
	struct hm_large *l;

	if (kind != HM_REG_LARGE && kind != HM_REG_LARGE_SHIFTED)
		return NULL;
	hm_lock_take(&live.lock);
	l = entry_of(p);
	if (l != NULL && hm_large_user(l) != p)
		l = NULL;
	hm_lock_release(&live.lock);
	return l;
}

struct hm_large *hm_large_find_interior(const void *p)
{
	struct hm_large *found = NULL;

	hm_lock_take(&live.lock);
	for (struct hm_list *n = live.list.next; n != &live.list && found == NULL; n = n->next) {
		struct hm_large *l = hm_container(n, struct hm_large, node);

		if ((uintptr_t)p - (uintptr_t)l < hm_large_span(l))
			found = l;
	}
	hm_lock_release(&live.lock);
	return found;
}

bool hm_large_was_freed(const void *p)
{
	bool was;

	hm_lock_take(&live.lock);
	was = hm_large_cache_has(p);
	hm_lock_release(&live.lock);
	return was;
}

/* Under the lock: is l, once found, a live block still? Reads nothing unmapped. */
static bool is_live(struct hm_large *l)
{
	return entry_of(l) == l || entry_of(hm_large_entry_at(l, true)) == l;
}

bool hm_large_free(struct hm_large *l)
{
	struct hm_list leaving;
	bool was_live;

	hm_list_init(&leaving);
	hm_lock_take(&live.lock);
	was_live = is_live(l);
	if (was_live) {
		hm_large_canary_check(l);
		withdraw(l);
		live.n.freed++;
		hm_probe2(large_free, hm_large_user(l), l->user_size);
		if (hm_large_is_shifted(l->user_offset)) {
			hm_large_leave(l);
			hm_list_add_tail(&leaving, &l->node);
		} else {
			hm_large_cache_put(l, live_bytes(), &leaving);
		}
	}
	hm_lock_release(&live.lock);
	hm_purge_count(HM_PURGE_BOUND, unmap_all(&leaving));
	hm_dirty_note();
	return was_live;
}

/* The mapping has its new size already, where it stood. */
static void *settle(struct hm_large *l, size_t size, size_t span)
{
	hm_lock_take(&live.lock);
	withdraw(l);
	l->zero = false;
	admit(l, size, span, l->user_offset);
	hm_lock_release(&live.lock);
	return hm_large_user(l);
}

/*
 * While the mapping moves, the block is on no list and not in the registry: it
 * is its holder's alone, who is inside this call.
 */
static void *move(struct hm_large *l, size_t size, size_t span, bool needed)
{
	size_t old_size = l->map_size, old_span = hm_large_span(l), offset = l->user_offset;
	struct hm_large *to;
	bool is_short;

	hm_lock_take(&live.lock);
	withdraw(l);
	hm_large_leave(l);
	hm_lock_release(&live.lock);

	to = hm_large_remap(l, old_span, span, keeps_ranges(), &is_short);
	if (to == NULL && needed && is_short && make_room())
		to = hm_large_remap(l, old_span, span, keeps_ranges(), &is_short);
	if (to != NULL)
		l = to;
	/* Neither place needs a new zone. */
	hm_check(hm_large_enter(l, hm_large_is_shifted(offset)));

	hm_lock_take(&live.lock);
	l->zero = false;
	admit(l, to != NULL ? size : old_size, to != NULL ? span : old_span, offset);
	hm_lock_release(&live.lock);
	return to != NULL ? hm_large_user(l) : NULL;
}

/* In place: by spare pages, by what is retained behind it, or by a mapping made longer. */
static void *grow_in_place(struct hm_large *l, size_t size, size_t span)
{
	size_t old = hm_large_span(l);

	if (span <= old)
		return settle(l, size, old);
	/* One that was moved would be two mappings to the kernel, that it does not move again. */
	if (l->moved == 0 && old % HM_SUPERSLAB_SIZE == 0 && span % HM_SUPERSLAB_SIZE == 0 &&
	    hm_range_extend((char *)l + old, span - old, l->huge))
		return settle(l, size, span);
	return hm_os_remap_in_place(l, old, span) ? settle(l, size, span) : NULL;
}

/* needed: other memory is given back before it fails. */
static void *grow(struct hm_large *l, size_t size, bool needed)
{
	size_t span = needed ? size : hm_large_span_for(size, l->huge);
	void *user = grow_in_place(l, size, span);

	return user != NULL ? user : move(l, size, span, needed);
}

/* What is behind the new end goes, or its memory does. */
static void *shrink(struct hm_large *l, size_t size)
{
	size_t old = hm_large_span(l), span = hm_large_span_for(size, false);

	if (span < old && hm_range_unmap((char *)l + span, old - span, l->huge, l->moved != 0,
					 keeps_ranges()))
		old = span;
	if (old > size)
		(void)hm_os_purge((char *)l + size, old - size);
	return settle(l, size, old);
}

/* For all of a block, or it were two mappings. Those who look for a witness read `huge`. */
static void ask_for_huge(struct hm_large *l)
{
	bool huge = hm_os_advise_huge(l, hm_large_span(l));

	hm_lock_take(&live.lock);
	l->huge = huge;
	hm_lock_release(&live.lock);
}

void *hm_large_resize(struct hm_large *l, size_t n, bool may_move)
{
	size_t old_size = l->map_size, exact, size;
	void *user;

	if (!hm_large_mapping_size(l->user_offset, n, &exact))
		return NULL;
	size = hm_large_whole_units(exact);
	hm_large_canary_check(l);
	if (exact <= old_size &&
	    (size >= old_size || !may_move || old_size - size < old_size / 8))
		return hm_large_user(l);
	if (size > old_size && may_move) {
		/* What was filled so far is the evidence. */
		if (!l->huge && hm_ace_wants_huge_large(old_size, 0) &&
		    hm_ace_is_block_dense((const char *)l, old_size))
			ask_for_huge(l);
		user = grow(l, size, false);
		return user != NULL ? user : grow(l, exact, true);
	}
	return size > old_size ? grow_in_place(l, size, hm_large_span_for(size, l->huge)) :
				 shrink(l, size);
}

/*
 * To the kernel a moved block is of another kind than its neighbours: each splits a mapping.
 * With more of them, none is moved that need not be.
 */
#define MOVED_MAX 32

/*
 * From the cache, or NULL. Any cached block begins at its base, so that any
 * offset will do. One that has to grow is better than none: the pages that it
 * has need not be faulted in again, and mremap moves them by whole page tables.
 */
static void *reuse(const struct hm_large_shape *s)
{
	struct hm_large *l;
	size_t size;
	void *user;
	bool fits;

	if (hm_large_is_shifted(s->offset))
		return NULL;
	hm_lock_take(&live.lock);
	l = hm_large_cache_take(s->size);
	fits = l != NULL;
	if (l == NULL && live.nr_moved < MOVED_MAX)
		l = hm_large_cache_take_shorter(s->size);
	if (l != NULL) {
		/* What it may have in memory counts, and what is asked for. */
		size = fits && l->map_size < s->size ? s->size : l->map_size;
		admit(l, size, hm_large_span(l), s->offset);
		l->zero = false;
		live.n.allocated++;
	}
	hm_lock_release(&live.lock);
	if (l == NULL || fits)
		return l == NULL ? NULL : hm_large_user(l);
	user = grow(l, s->size, false);
	if (user == NULL)
		(void)hm_large_free(l);
	return user;
}

void *hm_large_alloc(size_t n, size_t align, bool *zero)
{
	struct hm_large *l;
	struct hm_large_shape s;
	size_t total, span;
	void *user;

	if (!hm_large_choose_shape(n, align, &s) || hm_add_overflows(s.size, align, &total) ||
	    total > PTRDIFF_MAX)
		return NULL;
	*zero = false;
	user = reuse(&s);
	if (user != NULL)
		return user;
	l = map_block(&s, false, &span);
	if (l == NULL) {
		s.size = s.exact;
		l = map_block(&s, true, &span);
	}
	if (l == NULL && make_room())
		l = map_block(&s, true, &span);
	if (l == NULL)
		return NULL;

	*zero = true;
	hm_lock_take(&live.lock);
	admit(l, s.size, span, s.offset);
	l->zero = true;
	live.n.allocated++;
	hm_lock_release(&live.lock);
	return (char *)l + s.offset;
}

size_t hm_large_bytes(void)
{
	return live_bytes() + hm_large_cache_bytes();
}

void hm_large_get_counts(struct hm_large_counts *out)
{
	hm_lock_take(&live.lock);
	*out = live.n;
	out->live = hm_load_relaxed(&hm_figures.large_blocks);
	out->live_bytes = live_bytes();
	hm_large_cache_count(out);
	hm_lock_release(&live.lock);
}

void hm_large_fork_take(void)
{
	hm_lock_take(&live.lock);
}

void hm_large_fork_release(bool child)
{
	(child ? hm_lock_reset : hm_lock_release)(&live.lock);
}
