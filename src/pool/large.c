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
#include "os/lock.h"
#include "os/os.h"
#include "policy/ace.h"
#include "policy/dirty.h"
#include "pool/large_cache.h"
#include "pool/large_shape.h"
#include "pool/pool.h"
#include "slab/layout.h"
#include "space/registry.h"

static struct {
	struct hm_lock lock;
	struct hm_list list;
	size_t nr, most, most_bytes;
	_Atomic size_t bytes; /* written under the lock */
	uint64_t allocated, freed;
} live = {
	.lock = HM_LOCK_INIT(HM_RANK_LARGE),
	.list = { &live.list, &live.list },
};

static size_t live_bytes(void)
{
	return hm_load_relaxed(&live.bytes);
}

static char *user_of(const struct hm_large *l)
{
	return (char *)(uintptr_t)l + l->user_offset;
}

static uint64_t live_magic(const struct hm_large *l)
{
	return HM_LARGE_MAGIC ^ (uintptr_t)l;
}

/* The address whose unit has the block's entry in the registry. */
static void *registered_at(struct hm_large *l, bool shifted)
{
	return (char *)l + (shifted ? HM_SUPERSLAB_SIZE : 0);
}

static bool enter(struct hm_large *l, bool shifted)
{
	return hm_registry_set(registered_at(l, shifted),
			       shifted ? HM_REG_LARGE_SHIFTED : HM_REG_LARGE);
}

static void leave(struct hm_large *l)
{
	hm_registry_set(registered_at(l, hm_large_is_shifted(l->user_offset)), HM_REG_NONE);
}

/* Full guards: the eight bytes after the user's. Any address, hence the copy. */
static uint64_t canary_value(const struct hm_large *l)
{
	return HM_CANARY_LIVE ^ (uintptr_t)user_of(l);
}

static void canary_set(struct hm_large *l)
{
	uint64_t v = canary_value(l);

	if (HM_CANARY_BYTES > 0)
		memcpy(user_of(l) + l->user_size, &v, sizeof v);
}

static void canary_check(const struct hm_large *l)
{
	uint64_t v;

	if (HM_CANARY_BYTES == 0)
		return;
	memcpy(&v, user_of(l) + l->user_size, sizeof v);
	if (hm_unlikely(v != canary_value(l)))
		hm_die("free(): a large block was written past its end", "pointer",
		       (uintptr_t)user_of(l), "size", l->user_size, NULL, 0);
}

/* Under the lock: a block of `size` mapped bytes at l is somebody's from here on. */
static void admit(struct hm_large *l, size_t size, size_t offset)
{
	l->map_size = size;
	l->user_offset = offset;
	l->user_size = size - offset - HM_CANARY_BYTES;
	l->magic = live_magic(l);
	canary_set(l);
	hm_list_add_head(&live.list, &l->node);
	live.nr++;
	hm_count_add(&live.bytes, size);
	if (live.nr > live.most)
		live.most = live.nr;
	if (live_bytes() > live.most_bytes)
		live.most_bytes = live_bytes();
}

/* Under the lock: the contrary. The registry still has it. */
static void withdraw(struct hm_large *l)
{
	l->magic = 0;
	hm_list_remove(&l->node);
	live.nr--;
	hm_count_add(&live.bytes, -l->map_size);
}

/* Unmaps what left the cache. Not under the lock. Returns the bytes that went back to the OS. */
static size_t unmap_all(struct hm_list *leaving)
{
	size_t page = hm_os_page_size();
	size_t bytes = 0;

	while (!hm_list_empty(leaving)) {
		struct hm_large *l = hm_container(leaving->next, struct hm_large, node);
		size_t size = l->map_size;

		hm_list_remove(&l->node);
		if (hm_os_unmap(l, size)) {
			bytes += size;
			continue;
		}
		if (size > page && hm_os_purge((char *)l + page, size - page))
			bytes += size - page;
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
	return unmap_all(&leaving);
}

/* The OS refused: what is mapped and not in use goes back. Did anything? */
static bool make_room(void)
{
	return hm_large_purge() + hm_pool_unmap_empty() > 0;
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
	struct hm_list *n;

	hm_lock_take(&live.lock);
	if (hm_ace_wants_huge_large(size, live.allocated)) {
		n = live.list.next;
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

/* The whole of it, or the mapping would be two that mremap cannot move together. */
static void make_huge(struct hm_large *l, size_t size)
{
	l->huge = hm_os_advise_huge(l, size);
}

/*
 * Before the first touch, that of the header too, which is zero: with huge pages
 * "always" it alone would bring 2 MiB.
 */
static void advise(struct hm_large *l, size_t size, bool dense)
{
	if ((dense || hm_ace_huge_always()) && hm_os_advise_huge(l, size))
		l->huge = true;
	else
		hm_os_advise_nohuge(l, size);
}

static struct hm_large *map_block(const struct hm_large_shape *s)
{
	bool dense = wants_huge(s->exact);
	struct hm_large *l = hm_large_map(s);

	if (l != NULL)
		advise(l, s->size, dense);
	if (l != NULL && !enter(l, hm_large_is_shifted(s->offset))) {
		(void)hm_os_unmap(l, s->size);
		return NULL;
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
	if (l != NULL && user_of(l) != p)
		l = NULL;
	hm_lock_release(&live.lock);
	return l;
}

struct hm_large *hm_large_find_interior(const void *p)
{
	struct hm_large *found = NULL;
	struct hm_list *n;

	hm_lock_take(&live.lock);
	for (n = live.list.next; n != &live.list && found == NULL; n = n->next) {
		struct hm_large *l = hm_container(n, struct hm_large, node);

		if ((uintptr_t)p - (uintptr_t)l < l->map_size)
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
	return entry_of(l) == l || entry_of(registered_at(l, true)) == l;
}

bool hm_large_free(struct hm_large *l)
{
	struct hm_list leaving;
	bool was_live;

	hm_list_init(&leaving);
	hm_lock_take(&live.lock);
	was_live = is_live(l);
	if (was_live) {
		canary_check(l);
		withdraw(l);
		live.freed++;
		if (hm_large_is_shifted(l->user_offset)) {
			leave(l);
			hm_list_add_tail(&leaving, &l->node);
		} else {
			hm_large_cache_put(l, live_bytes(), &leaving);
		}
	}
	hm_lock_release(&live.lock);
	unmap_all(&leaving);
	hm_dirty_note();
	return was_live;
}

/* The mapping has its new size already, where it stood. */
static void *settle(struct hm_large *l, size_t size)
{
	hm_lock_take(&live.lock);
	withdraw(l);
	l->zero = false;
	admit(l, size, l->user_offset);
	hm_lock_release(&live.lock);
	return user_of(l);
}

/*
 * Before anything moves: the registry has room for the new place (and for the
 * unit behind it, where a shifted block is entered).
 */
static bool has_room(void *target)
{
	return hm_registry_reserve(target) != NULL &&
	       hm_registry_reserve((char *)target + HM_SUPERSLAB_SIZE) != NULL;
}

/*
 * While the mapping moves, the block is on no list and not in the registry: it
 * is its holder's alone, who is inside this call.
 */
static void *move(struct hm_large *l, size_t size, bool needed)
{
	size_t old_size = l->map_size, offset = l->user_offset;
	struct hm_large *to;

	hm_lock_take(&live.lock);
	withdraw(l);
	leave(l);
	hm_lock_release(&live.lock);

	to = hm_os_remap_move(l, old_size, size, HM_SUPERSLAB_SIZE, has_room);
	if (to == NULL && needed && make_room())
		to = hm_os_remap_move(l, old_size, size, HM_SUPERSLAB_SIZE, has_room);
	if (to != NULL)
		l = to;
	/* Neither place needs a new zone. */
	hm_check(enter(l, hm_large_is_shifted(offset)));

	hm_lock_take(&live.lock);
	l->zero = false;
	admit(l, to != NULL ? size : old_size, offset);
	hm_lock_release(&live.lock);
	return to != NULL ? user_of(l) : NULL;
}

/* needed: other memory is given back before it fails. */
static void *grow(struct hm_large *l, size_t size, bool needed)
{
	if (hm_os_remap_in_place(l, l->map_size, size))
		return settle(l, size);
	return move(l, size, needed);
}

void *hm_large_resize(struct hm_large *l, size_t n, bool may_move)
{
	size_t old_size = l->map_size, exact, size;
	void *user;

	if (!hm_large_mapping_size(l->user_offset, n, &exact))
		return NULL;
	size = hm_large_whole_units(exact);
	canary_check(l);
	if (exact <= old_size &&
	    (size >= old_size || !may_move || old_size - size < old_size / 8))
		return user_of(l);
	if (size > old_size && may_move) {
		/* What was filled so far is the evidence. */
		if (!l->huge && hm_ace_wants_huge_large(old_size, 0) &&
		    hm_ace_is_block_dense((const char *)l, old_size))
			make_huge(l, old_size);
		user = grow(l, size, false);
		return user != NULL ? user : grow(l, exact, true);
	}
	if (hm_os_remap_in_place(l, old_size, size))
		return settle(l, size);
	return size < old_size ? user_of(l) : NULL;
}

/*
 * From the cache, or NULL. Any cached block begins at its base, so that any
 * offset will do. One that has to grow is better than none: the pages that it
 * has need not be faulted in again, and mremap moves them by whole page tables.
 */
static void *reuse(const struct hm_large_shape *s)
{
	struct hm_large *l;
	void *user;
	bool fits;

	if (hm_large_is_shifted(s->offset))
		return NULL;
	hm_lock_take(&live.lock);
	l = hm_large_cache_take(s->size);
	fits = l != NULL;
	if (l == NULL)
		l = hm_large_cache_take_shorter(s->size);
	if (l != NULL) {
		admit(l, l->map_size, s->offset);
		l->zero = false;
		live.allocated++;
	}
	hm_lock_release(&live.lock);
	if (l == NULL || fits)
		return l == NULL ? NULL : user_of(l);
	user = grow(l, s->size, false);
	if (user == NULL)
		(void)hm_large_free(l);
	return user;
}

void *hm_large_alloc(size_t n, size_t align, bool *zero)
{
	struct hm_large *l;
	struct hm_large_shape s;
	size_t total;
	void *user;

	if (!hm_large_choose_shape(n, align, &s) || hm_add_overflows(s.size, align, &total) ||
	    total > PTRDIFF_MAX)
		return NULL;
	*zero = false;
	user = reuse(&s);
	if (user != NULL)
		return user;
	l = map_block(&s);
	if (l == NULL) {
		s.size = s.exact;
		l = map_block(&s);
	}
	if (l == NULL && make_room())
		l = map_block(&s);
	if (l == NULL)
		return NULL;

	*zero = true;
	hm_lock_take(&live.lock);
	admit(l, s.size, s.offset);
	l->zero = true;
	live.allocated++;
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
	out->live = live.nr;
	out->live_bytes = live_bytes();
	out->most = live.most;
	out->most_bytes = live.most_bytes;
	out->allocated = live.allocated;
	out->freed = live.freed;
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
