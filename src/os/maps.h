/*
 * maps.h - which mapping of the process an address lies in.
 *
 * owns: nothing; reads /proc/self/maps on each call. For the diagnosis of
 * pointers that are not ours, never for a pointer that is. Allocates nothing,
 * keeps errno, takes at most 1.5 KiB of stack.
 * called from: api/, when a pointer handed to free is foreign.
 */
#ifndef HM_OS_MAPS_H
#define HM_OS_MAPS_H

#include "base/base.h"

#define HM_MAPS_NAME 128

struct hm_mapping {
	uintptr_t start, end;    /* [start, end) */
	char perms[5];           /* as in the file: "rw-p" */
	uint64_t offset;         /* of start, in the file that is mapped */
	char name[HM_MAPS_NAME]; /* path or [name], cut to fit; "" when it has none */
};

/* False when p lies in no mapping or the file cannot be read. */
bool hm_maps_find(const void *p, struct hm_mapping *m);

/*
 * Does p look like a block of glibc's malloc: in [heap], or behind a chunk
 * header of one of its arenas or mmapped chunks? Conservative: false when in
 * doubt. Reads only what the file says is mapped.
 */
bool hm_maps_is_glibc_heap(const void *p);

#endif
