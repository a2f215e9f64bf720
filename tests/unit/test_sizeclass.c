/*
 * test_sizeclass.c - the table of classes and the ways from a size to a class.
 */
#include "support.h"

#include "policy/sizeclass.h"

#define ORDINARY (HM_TINY_CLASSES + HM_MEDIUM_CLASSES)

static size_t lost(unsigned cls)
{
	return HM_CANARY_BYTES + (hm_class_is_tiny(cls) ? HM_HEADER_BYTES : 0);
}

/* The class is the first that holds n, and not more of it is lost than the steps allow. */
static void check_size(size_t n)
{
	unsigned cls = hm_class_of(n);
	size_t total, waste, bound;

	must_say(cls < ORDINARY, "size %zu: class %u", n, cls);
	must_say(hm_class_usable(cls) >= n, "size %zu: class %u holds less", n, cls);
	must_say(cls == 0 || hm_class_usable(cls - 1) < n || !support_class_in_use(cls - 1),
		 "size %zu: class %u will do", n, cls - 1);
	total = n + lost(cls);
	waste = hm_classes[cls].stride - total;
	/* Four classes to a doubling; above 128 KiB whole slabs. */
	bound = total / 4 + 64;
	if (cls >= HM_TINY_CLASSES + 20 && bound < HM_SLAB_SIZE)
		bound = HM_SLAB_SIZE;
	must_say(waste <= bound, "size %zu: %zu bytes wasted", n, waste);
	if (total > 16 && total <= 128)
		must(waste < 16);
}

START_TEST(every_size_has_the_tightest_class)
{
	unsigned last = 0;

	for (size_t n = 0; n <= (size_t)HM_MEDIUM_REQUEST_MAX; n++) {
		unsigned cls = hm_class_of(n);

		check_size(n);
		must_say(cls >= last && cls <= last + 1, "size %zu: class %u after %u", n, cls,
			 last);
		last = cls;
	}
	ck_assert_uint_eq(last, ORDINARY - 1);
	ck_assert_uint_eq(hm_class_usable(last), HM_MEDIUM_REQUEST_MAX);
}
END_TEST

START_TEST(lookup_is_class_of)
{
	uint8_t lookup[HM_TINY_LOOKUP];

	hm_classes_fill_lookup(lookup);
	for (size_t n = 0; n <= (size_t)HM_TINY_REQUEST_MAX; n++) {
		size_t i = (n + HM_TINY_PAD) / HM_ALIGN;

		must(i < HM_TINY_LOOKUP);
		must_say(lookup[i] == 2 * hm_class_of(n), "size %zu: %u in the table, class %u", n,
			 lookup[i], hm_class_of(n));
	}
	ck_assert_uint_eq(hm_class_of(HM_TINY_REQUEST_MAX), HM_TINY_CLASSES - 1);
	ck_assert_uint_eq(hm_class_of((size_t)HM_TINY_REQUEST_MAX + 1), HM_TINY_CLASSES);
}
END_TEST

START_TEST(rows_are_consistent)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		const struct hm_class *c = &hm_classes[cls];
		size_t room = (size_t)c->slabs * HM_SLAB_SIZE;
		size_t tail = room - (size_t)c->capacity * c->stride;
		uint64_t excess;

		must(c->stride % HM_ALIGN == 0);
		must(cls == 0 || cls >= ORDINARY || c->stride > hm_classes[cls - 1].stride);
		must(c->slabs >= 1 && c->slabs <= HM_SLABS);
		must(!hm_class_is_tiny(cls) || c->slabs == 1);
		must(c->capacity >= 1 && (size_t)c->capacity * c->stride <= room);
		/* Nothing is left that another block would need, but in header mode the lead. */
		must_say(tail < c->stride + (size_t)HM_HEADER_BYTES * c->stride, "class %u", cls);
		must_say(cls < HM_TINY_CLASSES || tail * 5 <= room, "class %u: %zu", cls, tail);
		/* magic * stride - 2^64: so many blocks, and not one more, stay below the bound. */
		excess = c->magic * c->stride;
		must((c->capacity - 1) * excess < HM_MAGIC_BOUND);
		must(c->capacity * excess >= HM_MAGIC_BOUND);
		must(((uint64_t)UINT32_MAX / c->stride + 2) * excess < c->magic);
		must(c->budget >= 1 && c->first <= c->budget);
		must(c->wake >= 1 && c->wake <= c->capacity);
	}
	ck_assert_uint_eq(hm_classes[HM_TINY_CLASSES - 1].stride, HM_TINY_MAX);
	ck_assert_uint_eq(hm_classes[ORDINARY - 1].stride, HM_MEDIUM_MAX);
}
END_TEST

static void check_number(void *arg)
{
	hm_class_checked(*(const unsigned *)arg);
}

static void too_large(void *arg)
{
	hm_class_of(*(const size_t *)arg);
}

static void format_it(void *arg)
{
	static struct hm_slab s;

	hm_slab_format(&s, *(const unsigned *)arg);
}

START_TEST(one_past_the_end_is_refused)
{
	static const unsigned bad[] = { HM_CLASSES, HM_CLASSES + 1, 255, 256, UINT32_MAX };
	size_t n = (size_t)HM_MEDIUM_REQUEST_MAX + 1;
	unsigned good = HM_CLASSES - 1;

	ck_assert_uint_eq(hm_class_checked(good), good);
	ck_assert(!support_dies(check_number, &good));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		unsigned cls = bad[i];

		ck_assert(support_dies(check_number, &cls));
		ck_assert_ptr_nonnull(strstr(support_last_words, "broken invariant: cls"));
		ck_assert(support_dies(format_it, &cls));
	}
	ck_assert(support_dies(too_large, &n));
	n--;
	ck_assert(!support_dies(too_large, &n));
}
END_TEST

/* Are all blocks of the class at multiples of align? */
static bool aligned_class(unsigned cls, size_t align)
{
	const struct hm_class *c = &hm_classes[cls];

	/* A span starts at any slab: no more than a slab's alignment is sure. */
	if (align > HM_SLAB_SIZE)
		return false;
	return hm_low_bit(c->stride) >= align || (!hm_class_is_tiny(cls) && c->capacity == 1);
}

static void check_aligned(size_t n, size_t align)
{
	unsigned cls = hm_class_of_aligned(n, align);
	unsigned best = HM_CLASSES;

	for (unsigned c = 0; c < HM_CLASSES; c++) {
		if (hm_class_usable(c) < n || !aligned_class(c, align))
			continue;
		if (best == HM_CLASSES || hm_classes[c].stride < hm_classes[best].stride)
			best = c;
	}
	must_say(cls <= HM_CLASSES, "class %u", cls);
	must_say(cls == HM_CLASSES ||
			 (hm_class_usable(cls) >= n && aligned_class(cls, align)),
		 "%zu bytes at %zu: class %u will not do", n, align, cls);
	must((cls == HM_CLASSES) == (best == HM_CLASSES));
	/* The strides of several blocks to a span are 64 bytes above those of one: all the same. */
	must_say(cls == best || hm_classes[cls].stride <= hm_classes[best].stride + 64,
		 "%zu bytes at %zu: class %u, class %u is smaller", n, align, cls, best);
}

START_TEST(aligned_classes)
{
	uint64_t state = support_seed;

	for (size_t align = 32; align <= 4 * HM_SUPERSLAB_SIZE; align *= 2) {
		for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
			check_aligned(hm_class_usable(cls) - 1, align);
			check_aligned(hm_class_usable(cls), align);
			check_aligned(hm_class_usable(cls) + 1, align);
		}
		check_aligned(0, align);
		for (int i = 0; i < 1000; i++)
			check_aligned(support_below(&state, HM_SUPERSLAB_SIZE), align);
	}
	ck_assert_uint_eq(hm_class_of_aligned(1, 2 * HM_SLAB_SIZE), HM_CLASSES);
	ck_assert_uint_lt(hm_class_of_aligned(1, HM_SLAB_SIZE), HM_CLASSES);
	ck_assert_uint_eq(hm_class_of_aligned((size_t)HM_MEDIUM_REQUEST_MAX + 1, 32), HM_CLASSES);
}
END_TEST

int main(void)
{
	const TTest *tests[] = { every_size_has_the_tightest_class, lookup_is_class_of,
				 rows_are_consistent, one_past_the_end_is_refused,
				 aligned_classes };

	return SUPPORT_RUN("sizeclass", tests);
}
