/*
 * test_header.c - what stands beside and in a block while it is live and after it was freed:
 * the header byte, the key, the canary, the poison; and that the user's bytes are the user's.
 * In headerless builds the tests of the header byte check that there is none.
 */
#include "support.h"

#include "hakmem.h"

#include "heap/cache.h"

static uint8_t tag(const void *p)
{
	return ((const uint8_t *)support_raw(p))[-1];
}

START_TEST(tag_of_live_and_free)
{
	ck_assert_int_eq(HM_HEADER_BYTES, HM_HEADERLESS ? 0 : 1);
	hm_heap_free(support_alloc(0));
	/* No look for holes: a mark in a page that was given back is gone. */
	hm_tls_heap->freed_max = SIZE_MAX;
	for (unsigned cls = 0; cls < HM_TINY_CLASSES; cls++) {
		void *p[200];

		for (unsigned i = 0; i < 200; i++) {
			p[i] = support_alloc(cls);
			must((uintptr_t)p[i] % HM_ALIGN == 0);
			if (!HM_HEADERLESS && support_class_in_use(cls))
				must(tag(p[i]) == (0xc0 | cls));
		}
		for (unsigned i = 0; i < 200; i++) {
			hm_heap_free(p[i]);
			if (!HM_HEADERLESS)
				must(tag(p[i]) == 0x5f);
		}
		p[0] = support_alloc(cls);
		if (!HM_HEADERLESS && support_class_in_use(cls))
			must(tag(p[0]) == (0xc0 | cls));
		hm_heap_free(p[0]);
	}
}
END_TEST

/* Every way in and out sets the mark: calloc, realloc, alignments, another thread's free. */
static void *free_it(void *p)
{
	hm_heap_free(p);
	return NULL;
}

static void check_tag(const void *p)
{
	unsigned cls = support_slab_of(p)->cls;

	must((uintptr_t)p % HM_ALIGN == 0);
	if (!HM_HEADERLESS && hm_class_is_tiny(cls))
		must(tag(p) == (0xc0 | cls));
}

START_TEST(tag_by_every_way)
{
	for (size_t n = 1; n < 9000; n += 1 + n / 3) {
		for (size_t align = 16; align <= 65536; align *= 2) {
			void *p = hak_memalign(align, n);

			must(p != NULL && (uintptr_t)p % align == 0);
			check_tag(p);
			p = hak_realloc(p, n * 2);
			must(p != NULL);
			check_tag(p);
			support_in_thread(free_it, p);
			if (!HM_HEADERLESS && hm_class_is_tiny(support_slab_of(p)->cls))
				must(tag(p) == 0x5f);
			p = hak_calloc(1, n);
			must(p != NULL);
			check_tag(p);
			hak_free(p);
		}
	}
}
END_TEST

/* The block belongs to its user up to the usable size, which is the stride less the marks. */
START_TEST(usable_size)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		size_t lost = (HM_GUARDS == 2 ? 8u : 0u) +
			      (!HM_HEADERLESS && hm_class_is_tiny(cls) ? 1u : 0u);
		void *p;

		if (!support_class_in_use(cls))
			continue;
		p = support_alloc(cls);
		must(hak_usable_size(p) == hm_classes[cls].stride - lost);
		must(support_slab_of(p)->cls == cls);
		must(cls >= HM_TINY_CLASSES + HM_MEDIUM_CLASSES ||
		     hak_good_size(hm_class_usable(cls)) == hak_usable_size(p));
		hak_free(p);
	}
	for (size_t n = 0; n < 20000; n++) {
		void *p = hak_malloc(n);

		must(hak_usable_size(p) >= n && hak_usable_size(p) == hak_good_size(n));
		hak_free(p);
	}
}
END_TEST

/* Neighbours, written to the full: neither the marks nor the other's bytes change. */
START_TEST(marks_beside_full_blocks)
{
	for (unsigned cls = 0; cls < 40; cls++) {
		unsigned char *p[300];
		size_t n;

		for (unsigned i = 0; i < 300; i++)
			p[i] = support_alloc(cls);
		n = hak_usable_size(p[0]);
		for (unsigned i = 0; i < 300; i++)
			memset(p[i], (int)i, n);
		for (unsigned i = 0; i < 300; i++) {
			check_tag(p[i]);
			for (size_t k = 0; k < n; k++)
				must(p[i][k] == (unsigned char)i);
		}
		for (unsigned i = 0; i < 300; i++)
			hm_heap_free(p[i]);
	}
}
END_TEST

/* Cheap guards, blocks without a header byte: the key is there while free, gone while live. */
START_TEST(key_of_free_blocks)
{
	support_keep_freed();
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		struct hm_user u = { support_alloc(cls) };
		bool has_key = HM_GUARDS == 1 && (HM_HEADERLESS || !hm_class_is_tiny(cls));

		if (has_key)
			must(*hm_key_at(u) != hm_key_of(u));
		hm_heap_free(u.p);
		if (has_key)
			must(*hm_key_at(u) == hm_key_of(u));
		must(support_alloc(cls) == u.p);
		if (has_key)
			must(*hm_key_at(u) == 0);
		hm_heap_free(u.p);
	}
}
END_TEST

/* Full guards: the canary's two values, and the poison of what is free. */
START_TEST(canary_and_poison)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++) {
		struct hm_user u = { support_alloc(cls) };
		unsigned real = support_slab_of(u.p)->cls;
		struct hm_base b = hm_to_base(u, hm_class_is_tiny(real));
		size_t n = hak_usable_size(u.p);

		if (HM_GUARDS == 2)
			must(hm_canary_get(b, hm_classes[real].stride) == HM_CANARY_LIVE);
		memset(u.p, 0x31, n);
		if (HM_GUARDS == 2)
			must(hm_canary_get(b, hm_classes[real].stride) == HM_CANARY_LIVE);
		hm_heap_free(u.p);
		if (HM_GUARDS == 2) {
			must(hm_canary_get(b, hm_classes[real].stride) == HM_CANARY_FREE);
			for (size_t i = sizeof(void *); i < n && i < HM_POISON_MAX; i++)
				must(((uint8_t *)u.p)[i] == HM_POISON);
		}
	}
}
END_TEST

int main(void)
{
	const TTest *tests[] = { tag_of_live_and_free, tag_by_every_way, usable_size,
				 marks_beside_full_blocks, key_of_free_blocks, canary_and_poison };

	return SUPPORT_RUN("header", tests);
}
