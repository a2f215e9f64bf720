/*
 * test_slab.c - a slab's free list and counts, and the recount that finds them wrong.
 */
#include "support.h"

#include "pool/pool.h"
#include "slab/slab.h"

static struct hm_slab *fresh(unsigned cls)
{
	bool zero;
	struct hm_slab *s = hm_pool_acquire(cls, &zero);

	must(s != NULL);
	return s;
}

/* Blocks [0, n) are handed out. */
static void carve(struct hm_slab *s, unsigned n)
{
	s->carved = (uint16_t)n;
	hm_store_relaxed(&s->used, n);
}

static struct hm_base block(struct hm_slab *s, unsigned k)
{
	return hm_to_base(hm_slab_block(s, k), hm_class_is_tiny(s->cls));
}

static unsigned length(struct hm_slab *s)
{
	unsigned n = 0;

	for (struct hm_base b = s->free; b.p != NULL; b = hm_link_get(b, hm_class_is_tiny(s->cls)))
		must(n++ < s->capacity);
	return n;
}

START_TEST(fresh_slab)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		struct hm_slab *s = fresh(cls);

		ck_assert(hm_slab_valid(s));
		ck_assert_ptr_null(s->free.p);
		ck_assert_uint_eq(hm_slab_used(s), 0);
		ck_assert_uint_eq(s->carved, 0);
		ck_assert_ptr_null(hm_load_relaxed(&s->binder));
		ck_assert(hm_list_empty(&s->node));
		ck_assert_uint_eq(hm_load_relaxed(&hm_remote_of(s)->word), HM_REMOTE_OWNED);
		for (unsigned i = 0; i < hm_classes[cls].slabs; i++)
			ck_assert_ptr_null(hm_slab_owner(&s[i]));
		hm_slab_set_owner(s, &hm_late_heap);
		for (unsigned i = 0; i < hm_classes[cls].slabs; i++)
			ck_assert_ptr_eq(hm_slab_owner(&s[i]), &hm_late_heap);
		hm_pool_release(s);
	}
}
END_TEST

START_TEST(push_and_detach)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		bool tiny = hm_class_is_tiny(cls);
		struct hm_slab *s = fresh(cls);
		unsigned n = s->capacity;
		struct hm_base b;

		carve(s, n);
		for (unsigned k = 0; k < n; k++) {
			must(hm_slab_used(s) == n - k);
			hm_slab_push(s, block(s, k), tiny);
			must(s->free.p == block(s, k).p);
			must(k > 64 || hm_slab_valid(s));
		}
		ck_assert(hm_slab_valid(s) && hm_slab_used(s) == 0 && length(s) == n);
		b = hm_slab_detach(s);
		ck_assert(s->free.p == NULL && hm_slab_used(s) == n && hm_slab_valid(s));
		/* Last in, first out. */
		for (unsigned k = n; k-- > 0; b = hm_link_get(b, tiny))
			must(b.p == block(s, k).p);
		ck_assert_ptr_null(b.p);
		ck_assert_ptr_null(hm_slab_detach(s).p);
		carve(s, 0);
		hm_pool_release(s);
	}
}
END_TEST

/* Any order of pushes and detaches, against a set of flags. */
static void walk(struct hm_slab *s, uint64_t *state)
{
	bool tiny = hm_class_is_tiny(s->cls);
	unsigned out = 0;
	bool *is_out = calloc(s->capacity, sizeof *is_out);

	must(is_out != NULL);
	carve(s, 0);
	for (int step = 0; step < 2000; step++) {
		unsigned k = (unsigned)support_below(state, s->capacity);

		if (k < s->carved && is_out[k]) {
			hm_slab_push(s, block(s, k), tiny);
			is_out[k] = false;
			out--;
		} else if (s->carved < s->capacity && support_below(state, 3) != 0) {
			is_out[s->carved++] = true;
			hm_slab_add_used(s, 1);
			out++;
		} else if (support_below(state, 8) == 0) {
			for (struct hm_base b = hm_slab_detach(s); b.p != NULL;
			     b = hm_link_get(b, tiny)) {
				size_t off = (size_t)((char *)b.p - (char *)block(s, 0).p);

				must(!is_out[off / hm_classes[s->cls].stride]);
				is_out[off / hm_classes[s->cls].stride] = true;
				out++;
			}
		}
		must(hm_slab_used(s) == out);
		must(step % 16 != 0 || hm_slab_valid(s));
	}
	free(is_out);
}

START_TEST(random_walk)
{
	uint64_t state = support_seed;

	for (unsigned cls = 0; cls < HM_CLASSES; cls++)
		walk(fresh(cls), &state);
}
END_TEST

/* A slab of n carved blocks, of which the even ones are on the free list, last pushed first. */
static struct hm_slab *half_free(unsigned cls, unsigned n)
{
	struct hm_slab *s = fresh(cls);

	must(s->capacity > n);
	carve(s, n);
	for (unsigned k = 0; k < n; k += 2)
		hm_slab_push(s, block(s, k), hm_class_is_tiny(cls));
	must(hm_slab_valid(s));
	return s;
}

static void check_counts(struct hm_slab *s)
{
	uint32_t used = hm_slab_used(s);

	hm_slab_add_used(s, 1);
	ck_assert(!hm_slab_valid(s));
	hm_slab_add_used(s, -2);
	ck_assert(!hm_slab_valid(s));
	hm_store_relaxed(&s->used, used);
	s->carved++;
	ck_assert(!hm_slab_valid(s));
	s->carved -= 2;
	ck_assert(!hm_slab_valid(s));
	s->carved++;
	s->carved = (uint16_t)(s->capacity + 1);
	hm_store_relaxed(&s->used, used + s->capacity + 1u - 6u);
	ck_assert(!hm_slab_valid(s));
	s->carved = 6;
	hm_store_relaxed(&s->used, used);
	s->lead = 1;
	ck_assert(!hm_slab_valid(s));
	s->lead = 0;
	ck_assert(hm_slab_valid(s));
}

/* Puts `node` in place of the last link, counts as if it belonged there. */
static void check_link(struct hm_slab *s, struct hm_base at, struct hm_base node)
{
	bool tiny = hm_class_is_tiny(s->cls);
	struct hm_base old = hm_link_get(at, tiny);

	hm_link_set(at, tiny, node);
	hm_slab_add_used(s, -1);
	ck_assert(!hm_slab_valid(s));
	hm_slab_add_used(s, 1);
	ck_assert(!hm_slab_valid(s));
	hm_link_set(at, tiny, old);
	ck_assert(hm_slab_valid(s));
}

static struct hm_base moved(struct hm_base b, ptrdiff_t by)
{
	return (struct hm_base){ (char *)b.p + by };
}

START_TEST(valid_catches)
{
	/* Several blocks to a slab, strides that are no powers of two among them. */
	static const unsigned classes[] = { 0, 2, 4, 6, 7, 11, 16, 20, 32, 36 };

	for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
		unsigned cls = classes[i];
		struct hm_slab *s = half_free(cls, 6), *other = half_free(cls, 6);
		struct hm_base last = block(s, 0);
		ptrdiff_t stride = (ptrdiff_t)hm_classes[cls].stride;

		check_counts(s);
		/* Cycles: to itself, to the first, to the middle. */
		check_link(s, last, last);
		check_link(s, last, block(s, 4));
		check_link(s, last, block(s, 2));
		/* No nodes: inside a block, not carved, of another slab, before, behind. */
		check_link(s, last, moved(block(s, 1), HM_ALIGN / 2));
		if (stride > HM_ALIGN)
			check_link(s, last, moved(block(s, 1), HM_ALIGN));
		check_link(s, last, block(s, 6));
		check_link(s, last, block(other, 1));
		check_link(other, block(other, 0), block(s, 1));
		check_link(s, last, moved(block(s, 0), -stride));
		check_link(s, last, moved(block(s, s->capacity - 1u), stride));
		check_link(s, last, (struct hm_base){ &other });
	}
}
END_TEST

int main(void)
{
	const TTest *tests[] = { fresh_slab, push_and_detach, random_walk, valid_catches };

	return SUPPORT_RUN("slab", tests);
}
