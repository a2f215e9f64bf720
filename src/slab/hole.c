/*
 * hole.c - finding, making and filling holes.
 *
 * owns: the count of all holes.
 * called from: heap/ and pool/.
 */
#include "base/base.h"
#include "slab/hole.h"

#include "base/assert.h"
#include "base/bits.h"
#include "os/os.h"
#include "policy/figures.h"
#include "policy/purge_count.h"

#define BLOCKS_MAX (HM_SLAB_SIZE / HM_ALIGN)
#define PAGES_MAX (HM_SLABS * 16)

/* A span as pages and blocks. Addresses are offsets from its start. */
struct span {
	struct hm_slab *s;
	size_t page, stride, first; /* bytes; the base of block 0 */
	unsigned page_shift, pages, slab_pages, blocks;
	bool tiny;
};

static struct span span_of(struct hm_slab *s)
{
	const struct hm_class *c = &hm_classes[s->cls];
	bool tiny = hm_class_is_tiny(s->cls);
	size_t page = hm_os_page_size();
	unsigned slab_pages = (unsigned)(HM_SLAB_SIZE / page);

	return (struct span){
		.s = s,
		.page = page,
		.page_shift = hm_ctz32((uint32_t)page),
		.stride = c->stride,
		.first = hm_layout_first(s->cls) - hm_layout_lead(tiny),
		.pages = slab_pages * c->slabs,
		.slab_pages = slab_pages,
		.blocks = c->capacity,
		.tiny = tiny,
	};
}

static bool is_hole(const struct span *sp, unsigned page)
{
	return hm_remote_of(sp->s + page / sp->slab_pages)->holes >> page % sp->slab_pages & 1;
}

static void set_hole(const struct span *sp, unsigned page, bool hole)
{
	struct hm_remote *r = hm_remote_of(sp->s + page / sp->slab_pages);
	unsigned bit = 1u << page % sp->slab_pages;

	r->holes = (uint16_t)(hole ? r->holes | bit : r->holes & ~bit);
	hm_add_relaxed(&hm_figures.hole_pages, hole ? (size_t)1 : (size_t)-1);
}

size_t hm_hole_bytes(void)
{
	return hm_load_relaxed(&hm_figures.hole_pages) * hm_os_page_size();
}

uint32_t hm_hole_forget(struct hm_slab *s)
{
	uint32_t many = 0;

	for (unsigned i = 0; i < hm_classes[s->cls].slabs; i++) {
		struct hm_remote *r = hm_remote_of(s + i);
		unsigned n = r->holes != 0 ? hm_popcount32(r->holes) : 0;

		if (n == 0)
			continue;
		hm_add_relaxed(&hm_figures.hole_pages, -(size_t)n);
		if (n >= HM_SLAB_SIZE / hm_os_page_size() / 2)
			many |= (uint32_t)1 << i;
		r->holes = 0;
	}
	return many;
}

bool hm_hole_any(const struct hm_slab *s)
{
	return s->capacity < hm_classes[s->cls].capacity;
}

static unsigned number_of(const struct span *sp, struct hm_base b)
{
	/* Below 2^21 bytes: the quotient is that of 32-bit numbers, which is faster. */
	return (uint32_t)((size_t)((char *)b.p - hm_slab_start(sp->s)) - sp->first) /
	       (uint32_t)sp->stride;
}

/* The pages that block k touches: from, and up to the one before to. */
static void pages_of(const struct span *sp, unsigned k, unsigned *from, unsigned *to)
{
	size_t start = sp->first + k * sp->stride;

	*from = (unsigned)(start >> sp->page_shift);
	*to = (unsigned)((start + sp->stride - 1) >> sp->page_shift) + 1;
}

/* The blocks that touch pages [a, b): likewise. */
static void blocks_of(const struct span *sp, unsigned a, unsigned b, unsigned *from, unsigned *to)
{
	size_t start = a * sp->page, end = b * sp->page;

	*from = start <= sp->first ? 0 : (unsigned)((start - sp->first) / sp->stride);
	*to = end <= sp->first ? 0 : (unsigned)((end - sp->first - 1) / sp->stride) + 1;
	if (*to > sp->blocks)
		*to = sp->blocks;
}

/* The end of the run of holes that begins at `page`. */
static unsigned end_of_holes(const struct span *sp, unsigned page)
{
	while (page < sp->pages && is_hole(sp, page))
		page++;
	return page;
}

/* What a purge finds: a bit for each block that is neither free nor missing; the pages. */
enum page { PAGE_FREE, PAGE_PINNED, PAGE_HOLE };

struct found {
	uint64_t out[BLOCKS_MAX / 64];
	uint8_t pages[PAGES_MAX]; /* enum page */
	unsigned nr_free;
};

static void set_available(struct found *f, unsigned k)
{
	f->out[k / 64] &= ~((uint64_t)1 << k % 64);
}

/*
 * The list goes through the span anyhow, and each block on it is a miss that waits for the one
 * before. Most blocks are free: all are fetched at once, in the order of their addresses.
 */
static void fetch_links(const struct span *sp)
{
	const char *start = hm_slab_start(sp->s) + sp->first;
	size_t step = sp->stride < 64 ? 64 : sp->stride;

	for (size_t at = 0; at < sp->blocks * sp->stride; at += step)
		__builtin_prefetch(start + at);
}

static void find_available(const struct span *sp, struct found *f)
{
	unsigned from, to, a, b;

	fetch_links(sp);
	memset(f->out, 0xff, (sp->blocks + 63) / 64 * sizeof f->out[0]);
	for (struct hm_base base = sp->s->free; base.p != NULL;
	     base = hm_link_get(base, sp->tiny))
		set_available(f, number_of(sp, base));
	for (a = 0; a < sp->pages; a = b + 1) {
		b = end_of_holes(sp, a);
		if (b == a)
			continue;
		blocks_of(sp, a, b, &from, &to);
		while (from < to)
			set_available(f, from++);
	}
}

static void find_pages(const struct span *sp, struct found *f)
{
	unsigned from, to;

	memset(f->pages, PAGE_FREE, sp->pages);
	for (unsigned k = 0; k < sp->blocks; k++) {
		if (f->out[k / 64] == 0) {
			k |= 63;
		} else if (f->out[k / 64] >> k % 64 & 1) {
			pages_of(sp, k, &from, &to);
			memset(f->pages + from, PAGE_PINNED, to - from);
		}
	}
	f->nr_free = 0;
	for (unsigned i = 0; i < sp->pages; i++) {
		if (is_hole(sp, i))
			f->pages[i] = PAGE_HOLE;
		f->nr_free += f->pages[i] == PAGE_FREE;
	}
}

/* The free list anew, in order: the available blocks that lie on pinned pages only. */
static unsigned list_kept(const struct span *sp, const struct found *f)
{
	struct hm_base kept = { NULL };
	unsigned from, to, n = 0;

	for (unsigned k = sp->blocks; k-- > 0;) {
		if (f->out[k / 64] >> k % 64 & 1)
			continue;
		pages_of(sp, k, &from, &to);
		while (from < to && f->pages[from] == PAGE_PINNED)
			from++;
		if (from == to) {
			struct hm_base b = hm_to_base(hm_slab_block(sp->s, k), sp->tiny);

			hm_link_set(b, sp->tiny, kept);
			kept = b;
			n++;
		}
	}
	sp->s->free = kept;
	return n;
}

/* Block k, of which nothing is known, goes on the free list. */
static void list_block(const struct span *sp, unsigned k)
{
	struct hm_user u = hm_slab_block(sp->s, k);
	struct hm_base base = hm_to_base(u, sp->tiny);

	if (!HM_HEADERLESS && sp->tiny)
		hm_tag_set(base, HM_TAG_FREE);
	if (hm_layout_has_key(sp->tiny))
		*hm_key_at(u) = hm_key_of(u);
	hm_link_set(base, sp->tiny, sp->s->free);
	sp->s->free = base;
}

/* The run of holes [a, b), the whole of it, is memory again: its blocks are free. */
static uint32_t fill(const struct span *sp, unsigned a, unsigned b)
{
	unsigned from, to, n;

	for (unsigned i = a; i < b; i++)
		set_hole(sp, i, false);
	blocks_of(sp, a, b, &from, &to);
	n = to > from ? to - from : 0;
	while (to > from)
		list_block(sp, --to);
	sp->s->carved = (uint16_t)(sp->s->carved + n);
	sp->s->capacity = (uint16_t)(sp->s->capacity + n);
	hm_remote_of(sp->s)->tried = UINT16_MAX;
	return n;
}

uint32_t hm_hole_fill(struct hm_slab *s)
{
	struct span sp;
	unsigned a = 0, b;
	uint32_t n = 0;

	if (!hm_hole_any(s))
		return 0;
	sp = span_of(s);
	/* Behind the last block there may be a page without any. */
	while (n == 0 && a < sp.pages) {
		b = end_of_holes(&sp, a);
		if (b > a)
			n = fill(&sp, a, b);
		a = b + 1;
	}
	return n;
}

bool hm_hole_spares(const struct hm_slab *s, unsigned fresh, size_t *spare)
{
	const struct hm_superslab *ss = hm_superslab_of(s);
	size_t stride = hm_classes[s->cls].stride, unused = fresh * stride;
	size_t stays = (s->carved - hm_slab_used(s)) * stride + unused;

	if (stays > *spare || !hm_superslab_is_huge(ss) ||
	    hm_slab_used_bytes(ss) < HM_SUPERSLAB_SIZE / 8 * 7 + unused)
		return false;
	*spare -= stays;
	return true;
}

void hm_hole_refuse_huge(struct hm_superslab *ss)
{
	if (!hm_superslab_is_huge(ss))
		return;
	hm_os_advise_nohuge(ss->base, HM_SUPERSLAB_SIZE);
	hm_store_relaxed(&ss->huge, HM_HUGE_BROKEN);
}

/*
 * The pages [a, b) are holes already. The OS may refuse: then they are memory
 * again, with the holes beside them, of which later runs may be a part.
 */
static size_t purge_run(const struct span *sp, unsigned a, unsigned b)
{
	char *start = hm_slab_start(sp->s);

	if (!is_hole(sp, a))
		return 0;
	hm_hole_refuse_huge(hm_superslab_of(sp->s));
	if (hm_os_purge(start + a * sp->page, (b - a) * sp->page))
		return (b - a) * sp->page;
	while (a > 0 && is_hole(sp, a - 1))
		a--;
	(void)fill(sp, a, end_of_holes(sp, b));
	/* Not at each look again. */
	hm_remote_of(sp->s)->tried = (uint16_t)hm_slab_used(sp->s);
	return 0;
}

bool hm_hole_is_likely(const struct hm_slab *s, unsigned fresh)
{
	const struct hm_class *c = &hm_classes[s->cls];
	size_t touch = hm_os_page_size() / c->stride + 2;
	uint32_t used = hm_slab_used(s) - fresh;

	/*
	 * A page is free when all blocks that touch it are: of n, where u of all are used, with
	 * (1 - u)^n if they lie anyhow: an eighth of all pages at u = 2 / n.
	 */
	if (HM_GUARDS == 2 || c->capacity == 1 || s->carved < s->capacity)
		return false;
	return used * touch <= 2 * (size_t)(c->capacity - fresh) &&
	       used <= hm_remote_of(s)->tried * 3u / 4u;
}

size_t hm_hole_purge(struct hm_slab *s, unsigned fresh, unsigned least, size_t *spare)
{
	struct span sp = span_of(s);
	struct found f;
	unsigned a, b, dropped;
	size_t bytes = 0;

	if (HM_GUARDS == 2 || sp.blocks < 2 || s->carved < s->capacity || s->free.p == NULL)
		return 0;
	hm_assert(hm_slab_valid(s));
	if (hm_hole_spares(s, fresh, spare))
		return 0;
	hm_remote_of(s)->tried = (uint16_t)(hm_slab_used(s) - fresh);
	find_available(&sp, &f);
	find_pages(&sp, &f);
	if (f.nr_free == 0 || f.nr_free < least)
		return 0;
	dropped = s->carved - hm_slab_used(s) - list_kept(&sp, &f);
	s->carved = (uint16_t)(s->carved - dropped);
	s->capacity = (uint16_t)(s->capacity - dropped);
	for (a = 0; a < sp.pages; a++)
		if (f.pages[a] == PAGE_FREE)
			set_hole(&sp, a, true);
	for (a = 0; a < sp.pages; a = b + 1) {
		for (b = a; b < sp.pages && f.pages[b] == PAGE_FREE; b++)
			;
		if (b > a)
			bytes += purge_run(&sp, a, b);
	}
	hm_assert(hm_slab_valid(s));
	return hm_purge_count(HM_PURGE_HOLES, bytes);
}

void hm_hole_shelve(struct hm_slab *s, unsigned n)
{
	struct span sp = span_of(s);
	unsigned k = sp.blocks - n, from = sp.blocks, to = from;
	unsigned a = (unsigned)((sp.first + k * sp.stride + sp.page - 1) >> sp.page_shift);

	if (a < sp.pages)
		blocks_of(&sp, a, sp.pages, &from, &to);
	hm_slab_add_used(s, -(int32_t)n);
	s->carved = (uint16_t)(s->carved - (to - from));
	s->capacity = (uint16_t)(s->capacity - (to - from));
	for (; k < from; k++)
		list_block(&sp, k);
	for (unsigned i = a; i < sp.pages; i++)
		if (!is_hole(&sp, i)) /* the last ones may have no block at all */
			set_hole(&sp, i, true);
	if (a < sp.pages)
		hm_purge_count(HM_PURGE_LEFT, purge_run(&sp, a, sp.pages));
	hm_assert(hm_slab_valid(s));
}
