/*
 * room.c - memory within the limits.
 *
 * owns: what heap/room.h says.
 * called from: heap/room.h's users.
 */
#include "base/base.h"
#include "heap/room.h"

#include "base/probe.h"
#include "os/os.h"
#include "policy/limit.h"
#include "policy/purge_count.h"
#include "pool/in_use.h"
#include "pool/large_shape.h"
#include "pool/pool.h"

#include <errno.h>

/* A handler that always says "again" is wrong about it. */
#define TRIES_MAX 16
/* A program that goes on after failures does not pay for a full look at each. Milliseconds. */
#define LOOK_EVERY 10
/* Slabs that a heap takes. */
#define ASK_EVERY 16

static _Atomic(hm_room_handler) handler;
/* Some thread without a heap of its own is in the handler. */
static _Atomic uint32_t asking_static; /* a bool */
static _Atomic uint64_t looked_at;

size_t hm_room_resident(void)
{
	return hm_in_use_held() + hm_pool_bytes_dirty() + hm_large_bytes();
}

/* The heap of the calling thread alone, or NULL. */
static struct hm_heap *own_heap(void)
{
	return hm_heap_is_static(hm_tls_heap) ? NULL : hm_tls_heap;
}

/* What is free, wherever it is kept, but on threads' lists. */
static void purge_kept(void)
{
	if (hm_pool_bytes_dirty() > 0)
		hm_purge_count(HM_PURGE_LIMIT, hm_pool_purge_all());
	hm_purge_count(HM_PURGE_LIMIT, hm_large_purge());
}

/* Crossing the soft limit: once, and not again before an eighth was added (limit.h). */
static void look_at_soft(struct hm_heap *h, size_t bytes)
{
	if (hm_likely(!hm_limit_is_due(hm_room_resident() + bytes)))
		return;
	hm_given_look_all();
	purge_kept();
	/* Its own slabs are looked through at its next spill. */
	if (h != NULL)
		h->freed_max = 0;
	hm_limit_purged(hm_room_resident());
}

static bool reserve(struct hm_heap *h, size_t bytes)
{
	look_at_soft(h, bytes);
	if (hm_likely(hm_limit_reserve(bytes, hm_room_resident)))
		return true;
	purge_kept();
	return hm_limit_reserve(bytes, hm_room_resident);
}

struct hm_slab *hm_room_acquire(struct hm_heap *h, unsigned cls, bool *zero)
{
	size_t bytes = hm_classes[cls].slabs * (size_t)HM_SLAB_SIZE;
	struct hm_slab *s;

	/* Without a limit only now and then, for there may be one to be found. */
	if ((hm_limit_is_set() || h->asked++ % ASK_EVERY == 0) && !reserve(h, bytes)) {
		h->failure = HM_FAILURE_EXHAUSTION;
		return NULL;
	}
	s = hm_pool_acquire(cls, zero);
	hm_limit_settle(bytes);
	if (s == NULL)
		h->failure = HM_FAILURE_MAP;
	return s;
}

/*
 * Pages without a live block in slabs that wait: all are looked at, which takes a while, when
 * this thread freed something since, or the last time is some time ago.
 */
static void look_for_holes(struct hm_heap *h)
{
	uint64_t now = hm_os_now_ms();

	if ((h == NULL || !hm_given_any(h)) && now - hm_load_relaxed(&looked_at) < LOOK_EVERY)
		return;
	hm_given_look_all();
	hm_store_relaxed(&looked_at, now);
	if (h != NULL)
		h->given_all = 0;
}

/* h may be NULL: a thread without lists of its own. */
static void make_room(struct hm_heap *h, enum hm_failure why)
{
	if (h != NULL)
		hm_release_caches(h);
	if (why == HM_FAILURE_EXHAUSTION) {
		look_for_holes(h);
		purge_kept();
	} else {
		hm_purge_count(HM_PURGE_REFUSED, hm_large_purge());
	}
}

void hm_room_make(struct hm_heap *h)
{
	make_room(h, (enum hm_failure)h->failure);
}

hm_cold bool hm_room_look(struct hm_heap *h)
{
	if (!hm_limit_is_exceeded(hm_room_resident()))
		return false;
	h->failure = HM_FAILURE_EXHAUSTION;
	return true;
}

static bool reserve_large(struct hm_heap *h, size_t bytes)
{
	if (hm_likely(reserve(h, bytes)))
		return true;
	make_room(h, HM_FAILURE_EXHAUSTION);
	return reserve(h, bytes);
}

/* When the OS refuses: a block on a list pins a superslab, whose addresses would do. */
void *hm_room_large(size_t n, size_t align, bool *zero, enum hm_failure *why)
{
	struct hm_heap *h = own_heap();
	size_t bytes = hm_large_most(n, align);
	void *p;

	*why = HM_FAILURE_THRESHOLD;
	if (bytes == 0)
		return NULL;
	*why = HM_FAILURE_EXHAUSTION;
	if (!reserve_large(h, bytes))
		return NULL;
	*why = HM_FAILURE_MAP;
	p = hm_large_alloc(n, align, zero);
	if (hm_unlikely(p == NULL) && h != NULL) {
		hm_release_caches(h);
		p = hm_large_alloc(n, align, zero);
	}
	hm_limit_settle(bytes);
	hm_probe2(large_alloc, p, n);
	return p;
}

void *hm_room_resize(struct hm_large *l, size_t n, bool may_move, enum hm_failure *why)
{
	size_t size, old = l->map_size, more;
	void *p;

	*why = HM_FAILURE_THRESHOLD;
	if (!hm_large_mapping_size(l->user_offset, n, &size))
		return NULL;
	size = hm_large_whole_units(size);
	more = size > old ? size - old : 0;
	*why = HM_FAILURE_EXHAUSTION;
	if (more > 0 && !reserve_large(own_heap(), more))
		return NULL;
	*why = HM_FAILURE_MAP;
	p = hm_large_resize(l, n, may_move);
	if (more > 0)
		hm_limit_settle(more);
	return p;
}

/* A handler that allocates, and is refused, is not asked again by the same thread. */
static bool enter(struct hm_heap *h)
{
	uint32_t no = false;

	if (h == NULL)
		return hm_cas_acq_rel(&asking_static, &no, true);
	if (h->asking)
		return false;
	return h->asking = true;
}

static void leave(struct hm_heap *h)
{
	if (h == NULL)
		hm_store_release(&asking_static, false);
	else
		h->asking = false;
}

bool hm_room_ask(size_t n, unsigned tries)
{
	hm_room_handler f = hm_load_acquire(&handler);
	struct hm_heap *h = own_heap();
	int saved = errno;
	bool again;

	if (f == NULL || tries >= TRIES_MAX || !enter(h))
		return false;
	again = f(n) != 0;
	leave(h);
	errno = saved;
	return again;
}

hm_room_handler hm_room_set_handler(hm_room_handler f)
{
	return hm_swap_acq_rel(&handler, f);
}
