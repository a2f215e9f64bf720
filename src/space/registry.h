/*
 * registry.h - what is at an address: nothing, a superslab, a large block.
 *
 * owns: one byte for every 2 MiB of address space, in two levels: a root in
 * .bss that names leaves, and leaves made on demand and never freed. Reads are
 * lock-free, never fault and answer for any bit pattern.
 * invariants: an entry appears before the first block of its range is handed
 * out and goes after the last came back; entries of superslabs never go (their
 * ranges are kept for the life of the process).
 * called from: free and its kin on a hint miss; space/superslab.c, pool/large.c.
 */
#ifndef HM_SPACE_REGISTRY_H
#define HM_SPACE_REGISTRY_H

#include "base/base.h"
#include "base/atomic.h"
#include "base/geometry.h"

enum hm_reg_kind {
	HM_REG_NONE = 0,
	HM_REG_SUPERSLAB = 1,
	HM_REG_LARGE = 2,         /* a large block's header is at the unit's base */
	HM_REG_LARGE_SHIFTED = 3, /* the header is at the base of the unit before */
};

/*
 * User addresses have 47 bits (more only for programs that ask, and then
 * compare out); arm64 has 48. The root stays at 4096 leaves, 32 KiB.
 */
#if defined(__aarch64__)
#define HM_REG_ADDRESS_BITS 48
#define HM_REG_LEAF_BITS 15
#else
#define HM_REG_ADDRESS_BITS 47
#define HM_REG_LEAF_BITS 14
#endif
#define HM_REG_ROOT_BITS (HM_REG_ADDRESS_BITS - HM_SUPERSLAB_SHIFT - HM_REG_LEAF_BITS)

#if UINTPTR_MAX > 0xffffffffu
#define HM_REG_ROOT_SIZE ((size_t)1 << HM_REG_ROOT_BITS)
#else
#define HM_REG_ROOT_SIZE ((size_t)1)
#endif

typedef _Atomic unsigned char hm_reg_byte;

extern _Atomic(hm_reg_byte *) hm_registry_root[HM_REG_ROOT_SIZE];

hm_inline enum hm_reg_kind hm_registry_get(const void *p)
{
	uintptr_t unit = (uintptr_t)p >> HM_SUPERSLAB_SHIFT;
	uintptr_t top = unit >> HM_REG_LEAF_BITS;
	hm_reg_byte *leaf;

	if (hm_unlikely(top >= HM_REG_ROOT_SIZE))
		return HM_REG_NONE;
	leaf = hm_load_acquire(&hm_registry_root[top]);
	if (hm_unlikely(leaf == NULL))
		return HM_REG_NONE;
	return (enum hm_reg_kind)hm_load_relaxed(
		&leaf[unit & (((uintptr_t)1 << HM_REG_LEAF_BITS) - 1)]);
}

/*
 * Sets the entry of the unit that contains p. False (nothing changed) when a
 * new leaf was needed and the OS refused it, or p is beyond the reach; setting
 * a unit that was set before, or to HM_REG_NONE, never fails.
 */
bool hm_registry_set(const void *p, enum hm_reg_kind kind);

/*
 * Walks: the first unit at or after `from` whose kind is not NONE, or NULL. For
 * statistics and diagnosis; racy by nature.
 */
void *hm_registry_next(const void *from, enum hm_reg_kind *kind);

/* Fork child: makes the registry's lock anew. */
void hm_registry_fork_take(void);
void hm_registry_fork_release(bool child);

#endif
