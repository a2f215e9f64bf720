/*
 * test_layout.c - where blocks are: every class, every block of a slab, every slab of a
 * superslab (lessons.md, L2 and L6).
 */
#include "support.h"

#include "pool/pool.h"
#include "slab/layout.h"
#include "space/superslab.h"

/* A whole superslab to format at will: its pool gave all 32 slabs away as one span. */
static struct hm_superslab *whole_superslab(void)
{
	bool zero;
	struct hm_slab *s = hm_pool_acquire(hm_class_of(HM_MEDIUM_REQUEST_MAX), &zero);

	must(s != NULL && hm_slab_number(s) == 0);
	must(hm_load_relaxed(&hm_superslab_of(s)->free_mask) == 0);
	return hm_superslab_of(s);
}

static struct hm_slab *format(struct hm_superslab *ss, unsigned number, unsigned cls)
{
	struct hm_slab *s = hm_slab_of_superslab(ss, number);

	hm_slab_format(s, cls);
	return s;
}

/* Metadata and its way back, for every slab. */
START_TEST(slab_of_address)
{
	struct hm_superslab *ss[4];

	for (unsigned k = 0; k < 4; k++)
		ss[k] = whole_superslab();
	for (unsigned k = 0; k < 4; k++) {
		must(hm_superslab_base(ss[k]->base + 12345) == (uintptr_t)ss[k]->base);
		for (unsigned i = 0; i < HM_SLABS; i++) {
			struct hm_slab *s = hm_slab_of_superslab(ss[k], i);
			char *start = ss[k]->base + i * HM_SLAB_SIZE;

			must(hm_slab_at(start) == s);
			must(hm_slab_at(start + HM_SLAB_SIZE - 1) == s);
			must(hm_slab_start(s) == start);
			must(hm_slab_number(s) == i);
			must(hm_superslab_of(s) == ss[k]);
			must((char *)hm_remote_of(s) >= (char *)(s + 1) ||
			     (char *)hm_remote_of(s) + sizeof(struct hm_remote) <= (char *)s);
		}
	}
}
END_TEST

/* One block: its two pointers, and what lies where. */
static void check_block(struct hm_slab *s, unsigned cls, unsigned k, char *end)
{
	const struct hm_class *c = &hm_classes[cls];
	bool tiny = hm_class_is_tiny(cls);
	struct hm_user u = hm_slab_block(s, k);
	struct hm_base b = hm_to_base(u, tiny);
	size_t lead = (size_t)((char *)u.p - (char *)b.p);
	char *first = hm_slab_block(s, 0).p;
	size_t low = hm_low_bit(c->stride);

	must(lead == hm_layout_lead(tiny));
	must(lead == (tiny && !HM_HEADERLESS ? 1 : 0));
	must(hm_to_user(b, tiny).p == u.p);
	must((char *)u.p == first + (size_t)k * c->stride);
	must((uint32_t)((uintptr_t)u.p - (uintptr_t)s->origin) == k * c->stride);
	must((uintptr_t)u.p % HM_ALIGN == 0);
	must((uintptr_t)u.p % (low < HM_SLAB_SIZE ? low : HM_SLAB_SIZE) == 0);
	must_say((char *)b.p >= hm_slab_start(s) && (char *)b.p + c->stride <= end,
		 "class %u: block %u is not inside its span", cls, k);
	must((char *)u.p + hm_class_usable(cls) + HM_CANARY_BYTES == (char *)b.p + c->stride);
	/* Found again from its own slab, which may be a later one of the span. */
	must(hm_slab_head(hm_slab_at(u.p)) == s);
	must(hm_slab_at(u.p)->cls == cls);
	must(hm_slab_is_block(hm_slab_at(u.p), u.p));
}

static void check_span(struct hm_slab *s, unsigned cls)
{
	const struct hm_class *c = &hm_classes[cls];
	char *start = hm_slab_start(s), *end = start + c->slabs * HM_SLAB_SIZE;
	char *first = hm_slab_block(s, 0).p;
	size_t lead = hm_layout_lead(hm_class_is_tiny(cls));

	must(s->capacity == c->capacity);
	for (unsigned i = 0; i < c->slabs; i++) {
		must(hm_slab_head(&s[i]) == s && s[i].cls == cls && s[i].magic == c->magic);
		must(hm_load_relaxed(&s[i].owner) == NULL && s[i].origin == s->origin);
	}
	for (unsigned k = 0; k < s->capacity; k++)
		check_block(s, cls, k, end);
	must_say(first - lead + (size_t)(s->capacity + 1u) * c->stride > end,
		 "class %u: one more block fits", cls);
	/* What is asked of a slab gives the block that contains the address, once carved. */
	s->carved = (uint16_t)(s->capacity - s->capacity / 2);
	for (unsigned k = 0; k < s->capacity; k++) {
		char *u = hm_slab_block(s, k).p;
		void *expected = k < s->carved ? u : NULL;

		must(hm_slab_block_of(s, u).p == expected);
		must(hm_slab_block_of(s, u + c->stride - 1).p == expected);
	}
	must(lead == 0 || hm_slab_block_of(s, first - 1).p == NULL);
}

START_TEST(every_block_of_every_class_and_slab)
{
	struct hm_superslab *ss = whole_superslab();

	for (unsigned cls = 0; cls < HM_CLASSES; cls++)
		for (unsigned i = 0; i + hm_classes[cls].slabs <= HM_SLABS; i++)
			check_span(format(ss, i, cls), cls);
}
END_TEST

/* Every address of the span, and so what lies before the first block and behind the last. */
static void check_addresses(struct hm_slab *s, unsigned cls)
{
	const struct hm_class *c = &hm_classes[cls];
	char *start = hm_slab_start(s), *end = start + c->slabs * HM_SLAB_SIZE;
	char *first = hm_slab_block(s, 0).p;
	char *last = first + (size_t)c->capacity * c->stride;

	for (char *p = start; p < end; p++) {
		bool block = p >= first && p < last && (size_t)(p - first) % c->stride == 0;

		must_say(hm_slab_is_block(hm_slab_at(p), p) == block, "class %u, offset %zu: %d",
			 cls, (size_t)(p - start), !block);
	}
}

START_TEST(is_block_is_exact)
{
	struct hm_superslab *ss = whole_superslab();

	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		unsigned slabs = hm_classes[cls].slabs;

		check_addresses(format(ss, 0, cls), cls);
		if (slabs < HM_SLABS)
			check_addresses(format(ss, HM_SLABS - slabs, cls), cls);
	}
}
END_TEST

static uint8_t pattern(unsigned k, size_t i)
{
	return (uint8_t)(k * 37 + i / 251 + 1);
}

/* All that a block's holder and the library write in it. */
static void write_block(struct hm_slab *s, unsigned cls, unsigned k)
{
	bool tiny = hm_class_is_tiny(cls);
	struct hm_user u = hm_slab_block(s, k);
	struct hm_base b = hm_to_base(u, tiny);

	hm_link_set(b, tiny, (struct hm_base){ NULL });
	for (size_t i = 0; i < hm_class_usable(cls); i++)
		((uint8_t *)u.p)[i] = pattern(k, i);
	if (!HM_HEADERLESS && tiny)
		hm_tag_set(b, HM_TAG_LIVE(cls));
	if (HM_GUARDS == 2)
		hm_canary_set(b, hm_classes[cls].stride, HM_CANARY_LIVE);
}

static void check_contents(struct hm_slab *s, unsigned cls, unsigned k)
{
	bool tiny = hm_class_is_tiny(cls);
	struct hm_user u = hm_slab_block(s, k);
	struct hm_base b = hm_to_base(u, tiny);

	for (size_t i = 0; i < hm_class_usable(cls); i++)
		must_say(((uint8_t *)u.p)[i] == pattern(k, i), "class %u: block %u, byte %zu", cls,
			 k, i);
	if (!HM_HEADERLESS && tiny)
		must(hm_tag_get(b) == HM_TAG_LIVE(cls));
	if (HM_GUARDS == 2)
		must(hm_canary_get(b, hm_classes[cls].stride) == HM_CANARY_LIVE);
}

/* The span lies between two neighbours, of which not a byte may change. */
static void fill_span(struct hm_superslab *ss, unsigned cls)
{
	unsigned slabs = hm_classes[cls].slabs;
	unsigned number = slabs + 2 <= HM_SLABS ? 1 : 0;
	struct hm_slab *s = format(ss, number, cls);
	char *start = hm_slab_start(s), *end = start + slabs * HM_SLAB_SIZE;

	memset(ss->base, 0xee, HM_SUPERSLAB_SIZE);
	for (unsigned k = 0; k < s->capacity; k++)
		write_block(s, cls, k);
	for (unsigned k = 0; k < s->capacity; k++)
		check_contents(s, cls, k);
	for (char *p = ss->base; p < ss->base + HM_SUPERSLAB_SIZE; p++) {
		if (p >= start && p < end)
			p = end - 1;
		else
			must_say(*p == (char)0xee, "class %u wrote to a neighbour", cls);
	}
}

START_TEST(every_byte_of_a_full_slab)
{
	struct hm_superslab *ss = whole_superslab();

	for (unsigned cls = 0; cls < HM_CLASSES; cls++)
		fill_span(ss, cls);
}
END_TEST

/* No two of the bytes that tell a block's state look alike; each depends on what it should. */
START_TEST(marks_differ)
{
	char memory[256] __attribute__((aligned(64))) = { 0 };
	struct hm_base a = { memory }, b = { memory + 64 };
	struct hm_user u = { memory };

	for (unsigned cls = 0; cls < HM_TINY_CLASSES; cls++) {
		ck_assert_uint_ne(HM_TAG_LIVE(cls), HM_TAG_FREE);
		ck_assert_uint_eq(HM_TAG_LIVE(cls), 0xc0 + cls);
	}
	ck_assert(hm_key_of(u) != hm_key_of((struct hm_user){ memory + 16 }));
	ck_assert_uint_eq(hm_key_of(u) & 1, 1);
	hm_canary_set(a, 48, HM_CANARY_LIVE);
	ck_assert_uint_eq(hm_canary_get(a, 48), HM_CANARY_LIVE);
	memcpy(memory + 64, memory, 64);
	ck_assert_uint_ne(hm_canary_get(b, 48), HM_CANARY_LIVE);
}
END_TEST

int main(void)
{
	const TTest *tests[] = { slab_of_address, every_block_of_every_class_and_slab,
				 is_block_is_exact, every_byte_of_a_full_slab, marks_differ };

	return SUPPORT_RUN("layout", tests);
}
