/*
 * registry.c - growing, setting and walking the registry.
 *
 * owns: the root, the zones, the lock of their growth.
 * called from: pool/pool.c and pool/large.c (set), report/ (walk), heap/fork.c.
 */
#include "base/base.h"

#include "space/registry.h"

#include "base/bits.h"
#include "os/lock.h"
#include "os/os.h"

_Static_assert(sizeof(hm_registry_root) <= 32768, "the root is small");

_Atomic(struct hm_zone_node *) hm_registry_root[HM_ROOT_NODES];

static struct hm_lock growth = HM_LOCK_INIT(HM_RANK_REGISTRY);

static struct hm_zone *map_zone(uint64_t number)
{
	size_t page = hm_os_page_size();
	size_t size = hm_align_up(sizeof(struct hm_zone), page);
	struct hm_zone *z = hm_os_map_aligned(size, page, false);

	if (z == NULL)
		return NULL;
	/* A few lines of each table are used: never a huge page. */
	hm_os_advise_nohuge(z, size);
	z->base = (uintptr_t)(number << HM_ZONE_SHIFT);
	return z;
}

/* Publishes a zone; its node is in the first zone of each 32 GiB. */
static void publish(struct hm_zone *z, uint64_t number)
{
	struct hm_zone_node *node = hm_load_relaxed(&hm_registry_root[number / HM_NODE_ZONES]);

	if (node == NULL) {
		hm_store_relaxed(&z->node.zone[number % HM_NODE_ZONES], z);
		hm_store_release(&hm_registry_root[number / HM_NODE_ZONES], &z->node);
	} else {
		hm_store_release(&node->zone[number % HM_NODE_ZONES], z);
	}
}

struct hm_zone *hm_registry_reserve(const void *p)
{
	uint64_t number = (uint64_t)(uintptr_t)p >> HM_ZONE_SHIFT;
	struct hm_zone *z = hm_zone_of(p);

	if (z != NULL || number >= (uint64_t)HM_ROOT_NODES * HM_NODE_ZONES)
		return z;
	hm_lock_take(&growth);
	/* Another thread may have been here first. */
	z = hm_zone_of(p);
	if (z == NULL) {
		z = map_zone(number);
		if (z != NULL)
			publish(z, number);
	}
	hm_lock_release(&growth);
	return z;
}

bool hm_registry_set(const void *p, enum hm_reg_kind kind)
{
	struct hm_zone *z = hm_zone_of(p);

	if (z == NULL && kind == HM_REG_NONE)
		return true;
	z = hm_registry_reserve(p);
	if (z == NULL)
		return false;
	hm_store_release(&hm_zone_unit(z, p)->kind, (uint8_t)kind);
	return true;
}

/* The next unit of one zone, from unit i on. */
static void *next_in_zone(struct hm_zone *z, size_t i, enum hm_reg_kind *kind)
{
	for (; i < HM_ZONE_UNITS; i++) {
		uint8_t k = hm_load_acquire(&z->units[i].kind);

		if (k != HM_REG_NONE) {
			*kind = (enum hm_reg_kind)k;
			return (void *)(z->base + ((uintptr_t)i << HM_SUPERSLAB_SHIFT));
		}
	}
	return NULL;
}

void *hm_registry_next(const void *from, enum hm_reg_kind *kind)
{
	uint64_t at = hm_align_up((uintptr_t)from, HM_SUPERSLAB_SIZE);
	uint64_t number = at >> HM_ZONE_SHIFT;
	size_t unit = (size_t)(at >> HM_SUPERSLAB_SHIFT) & (HM_ZONE_UNITS - 1);

	*kind = HM_REG_NONE;
	if (at < (uintptr_t)from)
		return NULL;
	for (; number < (uint64_t)HM_ROOT_NODES * HM_NODE_ZONES; number++, unit = 0) {
		struct hm_zone_node *node =
			hm_load_acquire(&hm_registry_root[number / HM_NODE_ZONES]);
		struct hm_zone *z;
		void *p;

		if (node == NULL) {
			number |= HM_NODE_ZONES - 1;
			continue;
		}
		z = hm_load_acquire(&node->zone[number % HM_NODE_ZONES]);
		p = z == NULL ? NULL : next_in_zone(z, unit, kind);
		if (p != NULL)
			return p;
	}
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
