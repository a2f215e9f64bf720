/*
 * registry.c - growing, setting and walking the registry.
 *
 * owns: the root, the leaves, the lock of their growth.
 * called from: space/superslab.c and pool/large.c (set), report/ (walk),
 * heap/fork.c.
 */
#include "base/base.h"
#include "space/registry.h"

#include "base/bits.h"
#include "os/lock.h"
#include "os/os.h"

#define LEAF_SIZE ((size_t)1 << HM_REG_LEAF_BITS)
#define UNIT_MASK ((uintptr_t)LEAF_SIZE - 1)

_Static_assert(sizeof(hm_reg_byte) == 1, "one byte a unit");
_Static_assert(sizeof(hm_registry_root) <= 32768, "the root is small");

_Atomic(hm_reg_byte *) hm_registry_root[HM_REG_ROOT_SIZE];

static struct hm_lock growth = HM_LOCK_INIT(HM_RANK_REGISTRY);
/*
 * The first leaf costs no system call: most processes live within its 32 GiB.
 * Untouched, it is no memory either.
 */
static hm_reg_byte first_leaf[LEAF_SIZE];
static bool first_leaf_taken;

/* Under the lock. Fresh memory reads as HM_REG_NONE everywhere. */
static hm_reg_byte *make_leaf(void)
{
	size_t page = hm_os_page_size();

	if (!first_leaf_taken) {
		first_leaf_taken = true;
		return first_leaf;
	}
	return hm_os_map_aligned(hm_align_up(LEAF_SIZE, page), page);
}

/* The leaf of `top`, made if there is none; NULL when the OS refuses. */
static hm_cold hm_reg_byte *grow(uintptr_t top)
{
	hm_reg_byte *leaf;

	hm_lock_take(&growth);
	/* Another thread may have been here first. */
	leaf = hm_load_relaxed(&hm_registry_root[top]);
	if (leaf == NULL) {
		leaf = make_leaf();
		if (leaf != NULL)
			hm_store_release(&hm_registry_root[top], leaf);
	}
	hm_lock_release(&growth);
	return leaf;
}

bool hm_registry_set(const void *p, enum hm_reg_kind kind)
{
	uintptr_t unit = (uintptr_t)p >> HM_SUPERSLAB_SHIFT;
	uintptr_t top = unit >> HM_REG_LEAF_BITS;
	hm_reg_byte *leaf;

	if (top >= HM_REG_ROOT_SIZE)
		return kind == HM_REG_NONE;
	leaf = hm_load_acquire(&hm_registry_root[top]);
	if (leaf == NULL) {
		if (kind == HM_REG_NONE)
			return true;
		leaf = grow(top);
		if (leaf == NULL)
			return false;
	}
	hm_store_release(&leaf[unit & UNIT_MASK], (unsigned char)kind);
	return true;
}

void *hm_registry_next(const void *from, enum hm_reg_kind *kind)
{
	uintptr_t unit = (uintptr_t)from >> HM_SUPERSLAB_SHIFT;
	uintptr_t top = unit >> HM_REG_LEAF_BITS;

	unit &= UNIT_MASK;
	for (; top < HM_REG_ROOT_SIZE; top++, unit = 0) {
		hm_reg_byte *leaf = hm_load_acquire(&hm_registry_root[top]);

		for (; leaf != NULL && unit < LEAF_SIZE; unit++) {
			*kind = (enum hm_reg_kind)hm_load_relaxed(&leaf[unit]);
			if (*kind != HM_REG_NONE)
				return (void *)((top << HM_REG_LEAF_BITS | unit)
						<< HM_SUPERSLAB_SHIFT);
		}
	}
	*kind = HM_REG_NONE;
	return NULL;
}

void hm_registry_fork_take(void)
{
	hm_lock_take(&growth);
}

void hm_registry_fork_release(bool child)
{
	if (child)
		hm_lock_reset(&growth);
	else
		hm_lock_release(&growth);
}
