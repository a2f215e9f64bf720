/*
 * profile_table.h - what the heap profile knows: stacks that allocated, and the sampled blocks
 * that live.
 *
 * owns: sites and records, in memory straight from the system, bounded, never given back.
 * A site is a stack and a size, to an eighth: the reader of a profile scales a site's samples by
 * their mean size, which is only right where they are about the same. Sites stay for ever, so
 * that a reader needs no lock to go from one to the next; a new profile begins with zeros.
 * All but the walk is under the profile's lock (profile.h).
 * called from: heap/profile.c, report/profile.c.
 */
#ifndef HM_HEAP_PROFILE_TABLE_H
#define HM_HEAP_PROFILE_TABLE_H

#include "base/base.h"

/* Blocks and bytes as sampled: of a profile at 512 KiB, one of 16 bytes stands for 32 768. */
struct hm_profile_counts {
	uint64_t live, live_bytes; /* not freed yet */
	uint64_t all, all_bytes;   /* since the profile began */
};

struct hm_site {
	struct hm_site *next;  /* of the same hash */
	struct hm_site *older; /* the one that was made before it */
	struct hm_profile_counts n;
	uint64_t hash;
	uint32_t step; /* of the size */
	uint32_t depth;
	uintptr_t pcs[]; /* return addresses, the innermost first */
};

/* A sampled block that lives. */
struct hm_record {
	struct hm_record *next; /* of the same hash, or unused ones */
	struct hm_site *site;
	uintptr_t block;
	size_t size;
	unsigned profile; /* of which it is: another may have begun since */
};

/* The memory for both: 64-bit systems 256 MiB, which is 8 million blocks, or many stacks. */
#define HM_PROFILE_MEMORY ((size_t)(UINTPTR_MAX > 0xffffffffu ? 256 : 32) << 20)

/* All counts are zero, no block is known. False: there is no memory to begin with. */
bool hm_table_reset(void);

/* A block of so many bytes was allocated from there. False: no memory; nothing is counted. */
bool hm_table_add(const void *block, size_t size, const uintptr_t *pcs, unsigned depth);

/* The block's record, of which the table knows no more; NULL: it has none. */
struct hm_record *hm_table_detach(const void *block);
/* It is that block's. */
void hm_table_attach(struct hm_record *r, const void *block);
/* The block was freed. */
void hm_table_drop(struct hm_record *r);

/* Blocks with records: as of some moment, without the lock. */
size_t hm_table_records(void);
/* Bytes of memory that the tables have. */
size_t hm_table_memory(void);

/* The sites, the youngest first, without a lock; their counts are under it. */
const struct hm_site *hm_table_first(void);

#endif
