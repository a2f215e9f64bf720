/*
 * range.c - mapping, retaining and unmapping ranges of units.
 *
 * owns: the retained ranges and their lock.
 * called from: pool/large.c, pool/superslab_map.c.
 * System calls are made without the lock: what is being purged is on no list yet, what is
 * being unmapped on none any more.
 */
#include "base/base.h"
#include "pool/range.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/geometry.h"
#include "base/list.h"
#include "os/lock.h"
#include "os/os.h"
#include "policy/ace.h"
#include "space/registry.h"

/* Lists by units; the last is for all from there on. */
#define BINS 64
/* Not retained after the first such refusal; then each time twice as many. */
#define DECLINE_MIN 64
/* A record counts units in 16 bits. */
#define UNITS_MAX ((size_t)UINT16_MAX)

static struct {
	struct hm_lock lock;
	bool ready;
	/* So many are not retained: the system was short of addresses, or locks new mappings. */
	_Atomic uint32_t declined, decline_next;
	struct hm_list bins[2][BINS]; /* records of first units; [1]: with huge pages */
	uint64_t filled[2];	      /* bit i: bins[][i] is not empty */
	_Atomic size_t bytes;	      /* written under the lock */
} ranges = { .lock = HM_LOCK_INIT(HM_RANK_RANGE) };

static void lock_ranges(void)
{
	hm_lock_take(&ranges.lock);
	if (hm_likely(ranges.ready))
		return;
	for (unsigned huge = 0; huge < 2; huge++)
		for (unsigned i = 0; i < BINS; i++)
			hm_list_init(&ranges.bins[huge][i]);
	ranges.ready = true;
}

size_t hm_range_retained(void)
{
	return hm_load_relaxed(&ranges.bytes);
}

static struct hm_superslab *record_of(const void *unit)
{
	struct hm_zone *z = hm_zone_of(unit);

	return z == NULL ? NULL : hm_zone_unit(z, unit);
}

static struct hm_superslab *from_node(struct hm_list *n)
{
	return hm_container(n, struct hm_superslab, node);
}

static unsigned bin_of(size_t units)
{
	return units < BINS ? (unsigned)units - 1 : BINS - 1;
}

/* Both have records. Under the lock, as the next. */
static void link_range(char *p, size_t units, bool huge)
{
	struct hm_superslab *first = record_of(p);
	struct hm_superslab *last = record_of(p + (units - 1) * HM_SUPERSLAB_SIZE);
	unsigned bin = bin_of(units);

	/* A unit that was never a superslab has none yet; those that were, walkers read. */
	if (first->base == NULL)
		first->base = p;
	first->retained = last->retained = (uint16_t)units;
	hm_store_relaxed(&first->huge, huge);
	hm_store_relaxed(&last->huge, huge);
	hm_list_add_head(&ranges.bins[huge][bin], &first->node);
	ranges.filled[huge] |= (uint64_t)1 << bin;
	hm_count_add(&ranges.bytes, units * HM_SUPERSLAB_SIZE);
}

static void unlink_range(struct hm_superslab *first)
{
	size_t units = first->retained;
	unsigned bin = bin_of(units);
	bool huge = hm_load_relaxed(&first->huge);

	hm_list_remove(&first->node);
	if (hm_list_empty(&ranges.bins[huge][bin]))
		ranges.filled[huge] &= ~((uint64_t)1 << bin);
	record_of(first->base + (units - 1) * HM_SUPERSLAB_SIZE)->retained = 0;
	first->retained = 0;
	hm_count_add(&ranges.bytes, -(units * HM_SUPERSLAB_SIZE));
}

/* The tightest fit, still linked, or NULL. */
static struct hm_superslab *find(size_t units, bool huge)
{
	uint64_t fit = ranges.filled[huge] >> bin_of(units) << bin_of(units);
	struct hm_superslab *best = NULL;
	struct hm_list *l;

	if (fit == 0)
		return NULL;
	l = &ranges.bins[huge][hm_ctz64(fit)];
	if (l != &ranges.bins[huge][BINS - 1])
		return from_node(l->next);
	for (struct hm_list *n = l->next; n != l; n = n->next) {
		struct hm_superslab *ss = from_node(n);

		if (ss->retained >= units && (best == NULL || ss->retained < best->retained))
			best = ss;
	}
	return best;
}

void *hm_range_take(size_t size, bool huge)
{
	size_t units = size / HM_SUPERSLAB_SIZE, all;
	struct hm_superslab *ss;
	char *p = NULL;

	if (hm_range_retained() == 0 || units > UNITS_MAX)
		return NULL;
	lock_ranges();
	ss = find(units, huge);
	if (ss != NULL) {
		p = ss->base;
		all = ss->retained;
		/* Its last unit has a record; the rest begins where it may have none. */
		if (all > units && hm_registry_reserve(p + units * HM_SUPERSLAB_SIZE) == NULL)
			p = NULL;
	}
	if (p != NULL) {
		unlink_range(ss);
		if (all > units)
			link_range(p + units * HM_SUPERSLAB_SIZE, all - units, huge);
	}
	hm_lock_release(&ranges.lock);
	return p;
}

bool hm_range_extend(void *end, size_t more, bool huge)
{
	struct hm_superslab *ss = record_of(end);
	size_t units = more / HM_SUPERSLAB_SIZE, all = 0;
	char *rest = (char *)end + more;

	if (hm_range_retained() == 0 || ss == NULL || hm_registry_reserve(rest) == NULL)
		return false;
	lock_ranges();
	/* It is a first unit: below it is the caller's. */
	if (ss->retained >= units && hm_load_relaxed(&ss->huge) == huge)
		all = ss->retained;
	if (all != 0) {
		unlink_range(ss);
		if (all > units)
			link_range(rest, all - units, huge);
	}
	hm_lock_release(&ranges.lock);
	return all != 0;
}

/* A range that is on no list becomes one with the retained ones beside it. */
static void retain(char *p, size_t units, bool huge)
{
	struct hm_superslab *low, *high;

	lock_ranges();
	low = record_of(p - HM_SUPERSLAB_SIZE);
	if (low != NULL && low->retained != 0 && hm_load_relaxed(&low->huge) == huge &&
	    low->retained + units <= UNITS_MAX) {
		p -= low->retained * HM_SUPERSLAB_SIZE;
		units += low->retained;
		unlink_range(record_of(p));
	}
	high = record_of(p + units * HM_SUPERSLAB_SIZE);
	if (high != NULL && high->retained != 0 && hm_load_relaxed(&high->huge) == huge &&
	    high->retained + units <= UNITS_MAX) {
		units += high->retained;
		unlink_range(high);
	}
	link_range(p, units, huge);
	hm_lock_release(&ranges.lock);
}

/* The longest goes first: the fewest holes for its bytes. */
static struct hm_superslab *longest(void)
{
	struct hm_superslab *best = NULL;

	for (unsigned huge = 0; huge < 2; huge++) {
		struct hm_list *l;

		if (ranges.filled[huge] == 0)
			continue;
		l = &ranges.bins[huge][hm_log2_64(ranges.filled[huge])];
		for (struct hm_list *n = l->next; n != l; n = n->next) {
			struct hm_superslab *ss = from_node(n);

			if (best == NULL || ss->retained > best->retained)
				best = ss;
			/* In the other bins all are as long. */
			if (l != &ranges.bins[huge][BINS - 1])
				break;
		}
	}
	return best;
}

static size_t unmap_to(size_t limit)
{
	size_t bytes = 0;

	while (hm_range_retained() > limit) {
		struct hm_superslab *ss;
		size_t units;
		bool huge;
		char *p;

		lock_ranges();
		ss = longest();
		if (ss == NULL) {
			hm_lock_release(&ranges.lock);
			break;
		}
		p = ss->base;
		units = ss->retained;
		huge = hm_load_relaxed(&ss->huge);
		unlink_range(ss);
		hm_lock_release(&ranges.lock);
		if (!hm_os_unmap(p, units * HM_SUPERSLAB_SIZE)) {
			retain(p, units, huge);
			break;
		}
		bytes += units * HM_SUPERSLAB_SIZE;
	}
	return bytes;
}

/*
 * One refusal need not be the last: a program may have asked for more than there can be. Where it
 * is, as in a small address space, soon none is retained any more. Racy, which is harmless.
 */
static void decline_some(void)
{
	uint32_t n = hm_load_relaxed(&ranges.decline_next);

	if (n == 0)
		n = DECLINE_MIN;
	hm_store_relaxed(&ranges.declined, n);
	hm_store_relaxed(&ranges.decline_next, n < UINT32_MAX / 2 ? 2 * n : n);
}

static bool is_declined(void)
{
	uint32_t n = hm_load_relaxed(&ranges.declined);

	if (hm_likely(n == 0))
		return false;
	hm_store_relaxed(&ranges.declined, n - 1);
	return true;
}

size_t hm_range_drop(void)
{
	size_t bytes = unmap_to(0);

	if (bytes > 0)
		decline_some();
	return bytes;
}

/* Memory does not go back: it is locked, and what is retained may be, too (mlockall). */
static void drop_locked(void)
{
	if (hm_range_drop() == 0)
		decline_some();
}

/*
 * Half of what is mapped, when `less` bytes of it are not counted. What was unmapped is read
 * first, as it was mapped before: so the difference is never below nothing.
 */
static size_t bound(size_t less)
{
	uint64_t unmapped = hm_load_acquire(&hm_os_counts.unmapped_bytes);
	uint64_t mapped = hm_load_relaxed(&hm_os_counts.mapped_bytes) - unmapped;

	return mapped > less ? (size_t)((mapped - less) / 2) : 0;
}

bool hm_range_advise(void *p, size_t size, bool huge)
{
	if (huge && hm_os_advise_huge(p, size))
		return true;
	hm_os_advise_nohuge(p, size);
	return false;
}

/*
 * Whole units for what asks for huge pages: given the advice before the first touch they are
 * one mapping with their neighbours, and so is what is mapped again where the end is cut off.
 * If the end cannot go it is the caller's, too, who does not know.
 */
static char *map_new(size_t size, size_t whole, bool *huge)
{
	bool apart = *huge && !hm_ace_huge_always();
	size_t mapped = *huge ? whole : size;
	char *p = hm_os_map_aligned(mapped, HM_SUPERSLAB_SIZE, apart);

	if (p == NULL && hm_range_drop() > 0)
		p = hm_os_map_aligned(mapped, HM_SUPERSLAB_SIZE, apart);
	if (p == NULL)
		return NULL;
	*huge = hm_range_advise(p, mapped, *huge);
	if (mapped > size)
		(void)hm_os_unmap(p + size, mapped - size);
	return p;
}

void *hm_range_map(size_t size, bool *huge)
{
	size_t whole = hm_align_up(size, HM_SUPERSLAB_SIZE);
	char *p = hm_range_take(whole, *huge);

	if (p == NULL)
		return map_new(size, whole, huge);
	if (whole > size)
		(void)hm_os_unmap(p + size, whole - size);
	return p;
}

/* May `size` bytes that are `mapped`, or are not, be retained? */
static bool is_allowed(size_t size, bool mapped)
{
	if (is_declined() || size > bound(mapped ? size : 0) ||
	    size / HM_SUPERSLAB_SIZE >= UNITS_MAX)
		return false;
	if (hm_os_addresses_are_free())
		return true;
	unmap_to(0);
	return false;
}

static bool has_records(char *p, size_t whole)
{
	return hm_registry_reserve(p) != NULL &&
	       hm_registry_reserve(p + whole - HM_SUPERSLAB_SIZE) != NULL;
}

static void retain_bounded(void *p, size_t whole, bool huge)
{
	retain(p, whole / HM_SUPERSLAB_SIZE, huge);
	unmap_to(bound(0));
}

void hm_range_fill(void *p, size_t size, bool huge)
{
	size_t whole = hm_align_up(size, HM_SUPERSLAB_SIZE);

	if (!is_allowed(size, false) || !has_records(p, whole) || !hm_os_map_at(p, whole))
		return;
	/* A new mapping that is locked (mlockall) has all its memory, and so had each to come. */
	if (!hm_os_purge(p, whole)) {
		(void)hm_os_unmap(p, whole);
		drop_locked();
		return;
	}
	(void)hm_range_advise(p, whole, huge);
	retain_bounded(p, whole, huge);
}

/*
 * What is behind it becomes mapped, too, and its memory goes: that last, for with it goes the
 * header of a block, which is needed when it has to stay.
 */
static bool make_whole(char *p, size_t size, size_t whole, bool huge)
{
	if (whole != size) {
		if (!hm_os_map_at(p + size, whole - size))
			return false;
		(void)hm_range_advise(p + size, whole - size, huge);
	}
	if (hm_os_purge(p, whole))
		return true;
	if (whole != size)
		(void)hm_os_unmap(p + size, whole - size);
	drop_locked();
	return false;
}

bool hm_range_unmap(void *p, size_t size, bool huge, bool moved, bool keep)
{
	size_t whole = hm_align_up(size, HM_SUPERSLAB_SIZE);

	if (keep && moved) {
		if (!hm_os_unmap(p, size))
			return false;
		hm_range_fill(p, size, huge);
		return true;
	}
	if (!keep || !is_allowed(size, true) || !has_records(p, whole) ||
	    !make_whole(p, size, whole, huge))
		return hm_os_unmap(p, size);
	retain_bounded(p, whole, huge);
	return true;
}

void hm_range_fork_take(void)
{
	lock_ranges();
}

void hm_range_fork_release(bool child)
{
	(child ? hm_lock_reset : hm_lock_release)(&ranges.lock);
}
