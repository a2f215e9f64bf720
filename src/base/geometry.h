/*
 * geometry.h - every size that the library is built from, tied together by
 * static assertions. Tests may shrink the policy numbers, not the layout.
 *
 * A superslab is 2 MiB, aligned to 2 MiB: the unit taken from the OS. It has
 * 32 slabs of 64 KiB and nothing else: its metadata is in its zone
 * (space/registry.h). A span is a run of slabs that serves one class.
 * owns: nothing.
 * called from: every floor.
 */
#ifndef HM_BASE_GEOMETRY_H
#define HM_BASE_GEOMETRY_H

#include "base/base.h"

#define HM_SUPERSLAB_SHIFT 21
#define HM_SUPERSLAB_SIZE ((size_t)1 << HM_SUPERSLAB_SHIFT)
#define HM_SUPERSLAB_MASK (HM_SUPERSLAB_SIZE - 1)

#define HM_SLAB_SHIFT 16
#define HM_SLAB_SIZE ((size_t)1 << HM_SLAB_SHIFT)
#define HM_SLABS 32

#define HM_META_SHIFT 6 /* one cache line of metadata a slab */
#define HM_META_SIZE ((size_t)1 << HM_META_SHIFT)

#define HM_ALIGN 16 /* every block is aligned to this at least */

#define HM_TINY_CLASSES 35
#define HM_MEDIUM_CLASSES 34
#define HM_ALIGNED_CLASSES 2 /* one slab, two slabs: for page-aligned requests only */
#define HM_CLASSES (HM_TINY_CLASSES + HM_MEDIUM_CLASSES + HM_ALIGNED_CLASSES)
#define HM_TINY_MAX ((size_t)8192)
#define HM_MEDIUM_MAX HM_SUPERSLAB_SIZE

/*
 * The registry: zones of 4 GiB, NODE_ZONES of them to each of 4096 root
 * entries. User addresses have 47 bits (more only for programs that ask, and
 * then compare out); arm64 has 48. What has 32 is one zone.
 */
#define HM_ZONE_SHIFT 32
#if UINTPTR_MAX > 0xffffffffu
#define HM_ROOT_NODES 4096
#else
#define HM_ROOT_NODES 1
#endif
#if defined(__aarch64__)
#define HM_NODE_ZONES 16
#else
#define HM_NODE_ZONES 8
#endif

_Static_assert(HM_SUPERSLAB_SHIFT - HM_SLAB_SHIFT == 5, "32 slabs to a superslab");
_Static_assert(HM_TINY_CLASSES <= 64, "a tiny class fits the header byte's six bits");

#endif
