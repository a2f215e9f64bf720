/*
 * recount.h - the recount of design invariant 3 over the whole heap: every block of every
 * slab is in exactly the places that the slab's counts say.
 *
 * For each span in use, from its metadata and its remote word: how many blocks are out. The
 * same from the other side: the live blocks (the caller knows them), the lists, the fresh
 * memory and the batches of all heaps. Both must agree, slab by slab. For a process whose
 * other threads rest.
 */
#ifndef HM_TESTS_RECOUNT_H
#define HM_TESTS_RECOUNT_H

#include "support.h"

#include "pool/pool.h"
#include "space/registry.h"
#include "space/superslab.h"

#define RECOUNT_SUPERSLABS 4096

struct recount {
	struct hm_superslab *ss[RECOUNT_SUPERSLABS];
	uint32_t out[RECOUNT_SUPERSLABS][HM_SLABS];
	size_t nr;
};

static inline void recount_collect(struct hm_superslab *ss, void *arg)
{
	struct recount *r = arg;

	must(r->nr < RECOUNT_SUPERSLABS);
	r->ss[r->nr++] = ss;
}

static inline uint32_t *recount_cell(struct recount *r, const struct hm_slab *s)
{
	const struct hm_superslab *ss = hm_superslab_of(s);
	static size_t last;

	if (last < r->nr && r->ss[last] == ss)
		return &r->out[last][hm_slab_number(s)];
	for (last = 0; last < r->nr && r->ss[last] != ss; last++)
		;
	must_say(last < r->nr, "a block outside all superslabs");
	return &r->out[last][hm_slab_number(s)];
}

/* A block that is out: it is at a block boundary of a span in use of its class. */
static inline void recount_block(struct recount *r, struct hm_base b, unsigned cls)
{
	char *u = hm_to_user(b, hm_class_is_tiny(cls)).p;
	struct hm_slab *s;

	must_say(hm_registry_get(u) == HM_REG_SUPERSLAB, "%p is in no superslab", (void *)u);
	s = support_slab_of(u);
	must_say(s->cls == cls, "a block of class %u on a list of class %u", s->cls, cls);
	must_say(((uintptr_t)u - (uintptr_t)hm_slab_block(s, 0).p) % hm_classes[cls].stride == 0,
		 "%p is not at a block boundary of class %u", (void *)u, cls);
	++*recount_cell(r, s);
}

static inline uint32_t recount_list(struct recount *r, struct hm_base b, unsigned cls)
{
	uint32_t n = 0;

	for (; b.p != NULL; b = hm_link_get(b, hm_class_is_tiny(cls))) {
		must_say(++n <= 1000000, "a cycle in a list of class %u", cls);
		recount_block(r, b, cls);
	}
	return n;
}

static inline void recount_heap(struct hm_heap *h, void *arg)
{
	struct recount *r = arg;

	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		struct hm_bin *bin = &h->bins[cls];

		recount_list(r, h->sll[cls].head, cls);
		recount_list(r, bin->back, cls);
		if (bin->bump_left > 0) {
			must(bin->bound != NULL);
			*recount_cell(r, bin->bound) += bin->bump_left;
		}
	}
	for (unsigned i = 0; i < HM_BATCHES; i++) {
		struct hm_batch *b = &h->batches[i];

		if (b->slab != NULL)
			must(recount_list(r, b->first, b->slab->cls) == b->count);
	}
}

/* Length of the remote list; its blocks are not out. */
static inline uint32_t recount_remote(struct hm_slab *s)
{
	bool tiny = hm_class_is_tiny(s->cls);
	uint32_t n = 0;

	for (struct hm_base b = support_remote_list(s); b.p != NULL; b = hm_link_get(b, tiny)) {
		must(hm_slab_is_block(s, hm_to_user(b, tiny).p));
		must_say(++n <= s->capacity, "a cycle in a remote list");
	}
	return n;
}

/* An owned slab at rest is its binder's: bound to it, or on its list of partial ones. */
static inline void recount_binder(struct hm_slab *s)
{
	struct hm_heap *h = hm_load_relaxed(&s->binder);
	struct hm_bin *bin;
	unsigned found = 0, n = 0;

	must_say(h != NULL, "an owned slab of class %u is lost", s->cls);
	bin = &h->bins[s->cls];
	for (struct hm_list *l = bin->partial.next; l != &bin->partial; l = l->next, n++)
		found += hm_container(l, struct hm_slab, node) == s;
	must(n == bin->nr_partial);
	must((bin->bound == s) + found == 1);
}

static inline void recount_span(struct hm_slab *s, uint32_t out)
{
	uint32_t word = hm_load_acquire(&hm_remote_of(s)->word);
	uint32_t count = hm_remote_count(word), used = hm_slab_used(s);
	uint32_t remote = recount_remote(s);
	unsigned where = hm_load_relaxed(&hm_remote_of(s)->waiting_class);

	must_say(hm_slab_valid(s), "class %u: used %u, carved %u, capacity %u", s->cls, used,
		 s->carved, s->capacity);
	if (word & HM_REMOTE_OWNED) {
		must((word & HM_REMOTE_WAITING) == 0 && where == HM_CLASSES && remote == count);
		must_say(used - count == out, "class %u: used %u, remote %u, found out %u", s->cls,
			 used, count, out);
		recount_binder(s);
		return;
	}
	must_say(count == out, "class %u: left %u, found out %u", s->cls, count, out);
	must(count > 0 && hm_load_relaxed(&s->binder) == NULL);
	if (word & HM_REMOTE_WAITING)
		must(where == s->cls && used - count == remote);
	else
		must(where == HM_CLASSES && remote == 0 && count == s->capacity &&
		     s->free.p == NULL);
}

static inline void recount_superslab(struct recount *r, size_t k)
{
	struct hm_superslab *ss = r->ss[k];
	uint32_t mask = hm_load_relaxed(&ss->free_mask);

	for (unsigned i = 0; i < HM_SLABS;) {
		struct hm_slab *s = hm_slab_of_superslab(ss, i);

		if (mask >> i & 1) {
			must_say(r->out[k][i] == 0, "blocks out of a free slab");
			i++;
			continue;
		}
		must(s->lead == 0 && s->cls < HM_CLASSES);
		recount_span(s, r->out[k][i]);
		i += hm_classes[s->cls].slabs;
	}
}

/* `live` are the blocks of classes that the program holds. */
static inline void recount(void *const *live, size_t n)
{
	struct recount *r = calloc(1, sizeof *r);

	must(r != NULL);
	hm_pool_each(recount_collect, r);
	for (size_t i = 0; i < n; i++) {
		struct hm_slab *s = support_slab_of(live[i]);
		struct hm_user u = { live[i] };

		recount_block(r, hm_to_base(u, hm_class_is_tiny(s->cls)), s->cls);
	}
	hm_heaps_each(recount_heap, r);
	for (size_t k = 0; k < r->nr; k++)
		recount_superslab(r, k);
	free(r);
}

static inline void recount_must_be_free(struct hm_superslab *ss, void *arg)
{
	uint32_t mask = hm_load_relaxed(&ss->free_mask);
	struct hm_slab *s;

	(void)arg;
	if (mask == UINT32_MAX)
		return;
	s = hm_slab_of_superslab(ss, hm_ctz32(~mask));
	ck_abort_msg("slab %u of class %u is lost: used %u of %u, carved %u, word %#x, list %u",
		     hm_slab_number(s), s->cls, hm_slab_used(s), s->capacity, s->carved,
		     hm_load_relaxed(&hm_remote_of(s)->word),
		     hm_load_relaxed(&hm_remote_of(s)->waiting_class));
}

/* All is freed and purged: no span is in use, the sums agree. */
static inline void recount_nothing_in_use(void)
{
	struct hm_pool_counts c;

	recount(NULL, 0);
	hm_pool_each(recount_must_be_free, NULL);
	hm_pool_get_counts(&c);
	must(c.acquired == c.released && c.empty == c.superslabs);
}

/* Spans that are in use, of all classes. */
static inline uint64_t recount_spans(void)
{
	struct hm_pool_counts c;

	hm_pool_get_counts(&c);
	return c.acquired - c.released;
}

#endif
