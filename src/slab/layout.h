/*
 * layout.h - the only place where a user pointer and a block's base convert,
 * and where an address becomes a slab.
 *
 * owns: the header byte and the canary word, as bit patterns.
 * guards the boundary between what users hold (struct hm_user) and what lists
 * hold (struct hm_base): distinct types, so that pushing one where the other
 * belongs does not compile (lessons.md, L1 to L3).
 *
 *   headerless:  base == user
 *                [ block: stride bytes ............................. ]
 *   header mode: base == user - 1; tiny blocks only
 *                [tag][ user: stride - 1 bytes ..................... ]
 *                      ^ 16-byte aligned; links live here
 *   guards full: the last 8 bytes of either are the canary.
 * called from: slab/, heap/, and the reports.
 */
#ifndef HM_SLAB_LAYOUT_H
#define HM_SLAB_LAYOUT_H

#include "base/base.h"
#include "base/geometry.h"
#include "policy/sizeclass.h"

#include <string.h>

struct hm_user {
	void *p;
};

struct hm_base {
	void *p;
};

/* How far the user pointer of a class's block lies behind its base. */
hm_inline size_t hm_layout_lead(bool tiny)
{
	return tiny ? HM_HEADER_BYTES : 0;
}

hm_inline struct hm_base hm_to_base(struct hm_user u, bool tiny)
{
	return (struct hm_base){ (char *)u.p - hm_layout_lead(tiny) };
}

hm_inline struct hm_user hm_to_user(struct hm_base b, bool tiny)
{
	return (struct hm_user){ (char *)b.p + hm_layout_lead(tiny) };
}

/*
 * Offset of block 0's user pointer in its slab: with room for the header byte,
 * a multiple of the largest power of two that divides the stride.
 */
hm_inline size_t hm_layout_first(unsigned cls)
{
	return hm_layout_lead(hm_class_is_tiny(cls)) == 0 ? 0 :
							    hm_low_bit(hm_classes[cls].stride);
}

/* The link of a free block lives at its user address, so that it is aligned. */
hm_inline struct hm_base hm_link_get(struct hm_base b, bool tiny)
{
	return *(struct hm_base *)hm_to_user(b, tiny).p;
}

hm_inline void hm_link_set(struct hm_base b, bool tiny, struct hm_base next)
{
	*(struct hm_base *)hm_to_user(b, tiny).p = next;
}

/* Header mode: the byte before the user pointer. */
#define HM_TAG_LIVE(cls) ((uint8_t)(0xc0u | (cls)))
#define HM_TAG_FREE ((uint8_t)0x5f)

hm_inline void hm_tag_set(struct hm_base b, uint8_t tag)
{
	*(uint8_t *)b.p = tag;
}

hm_inline uint8_t hm_tag_get(struct hm_base b)
{
	return *(const uint8_t *)b.p;
}

/*
 * Headerless with cheap guards: the second word of a free block holds a value
 * that depends on its address and is odd, so neither a stale copy of it
 * elsewhere nor any ordinary pointer looks the same. Cleared by malloc.
 * (The idea is glibc's tcache key; made address-dependent here.)
 */
#define HM_KEY_OFFSET 0x5ac3b1d7

hm_inline uintptr_t hm_key_of(struct hm_user u)
{
	return (uintptr_t)u.p + HM_KEY_OFFSET;
}

hm_inline uintptr_t *hm_key_at(struct hm_user u)
{
	return (uintptr_t *)u.p + 1;
}

/* With cheap guards a free block without a header byte is marked so. */
hm_inline bool hm_layout_has_key(bool tiny)
{
	return HM_GUARDS == 1 && (HM_HEADERLESS || !tiny);
}

/* Full guards: the block's last eight bytes. Unaligned in header mode. */
#define HM_CANARY_LIVE 0x9e3779b97f4a7c15u
#define HM_CANARY_FREE 0x61c8864680b583ebu

hm_inline char *hm_canary_at(struct hm_base b, uint32_t stride)
{
	return (char *)b.p + stride - HM_CANARY_BYTES;
}

hm_inline uint64_t hm_canary_get(struct hm_base b, uint32_t stride)
{
	uint64_t v;

	memcpy(&v, hm_canary_at(b, stride), sizeof v);
	return v ^ (uintptr_t)b.p;
}

hm_inline void hm_canary_set(struct hm_base b, uint32_t stride, uint64_t v)
{
	v ^= (uintptr_t)b.p;
	memcpy(hm_canary_at(b, stride), &v, sizeof v);
}

/* Base of the superslab an address lies in. Says nothing about whether there is one. */
hm_inline uintptr_t hm_superslab_base(const void *p)
{
	return (uintptr_t)p & ~(uintptr_t)HM_SUPERSLAB_MASK;
}

#endif
