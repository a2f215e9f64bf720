/*
 * profile.c - the heap profile: when a sample is due, taking it, and what becomes of its block.
 *
 * owns: what heap/profile.h says, under one lock, which nobody holds while a stack is walked.
 * called from: heap/profile.h's users.
 */
#include "base/base.h"
#include "heap/profile.h"

#include "heap/cache.h"
#include "heap/passthrough.h"
#include "heap/room.h"
#include "os/lock.h"
#include "os/os.h"
#include "policy/options.h"

struct hm_heap hm_sampled_heap;
_Atomic bool hm_profile_on;

static struct hm_lock lock = HM_LOCK_INIT(HM_RANK_PROFILE);

static struct {
	_Atomic uint64_t rate, dropped;
	_Atomic unsigned number; /* of profiles begun; 0: none yet */
	_Atomic uint64_t random;
	_Atomic int64_t shared_to_sample; /* of threads without a heap of their own */
	_Atomic(enum hm_stack_way) way;
	_Atomic(void *) deferred; /* freed where the lock could not be taken, linked */
} profile;

/*
 * The calling thread takes a sample. What allocates meanwhile, the unwinder or the handler of a
 * signal, gets a block that is none, without the lock.
 */
static __thread bool sampling __attribute__((tls_model("initial-exec")));

static uint64_t next_random(void)
{
	uint64_t z = hm_add_relaxed(&profile.random, (uint64_t)0x9e3779b97f4a7c15u);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* The binary logarithm of x > 0, to 2^-24. */
static double log2_of(uint64_t x)
{
	unsigned whole = 63 - (unsigned)__builtin_clzll(x);
	double m = (double)x / (double)((uint64_t)1 << whole), bit = 0.5, log = whole;

	for (; bit > 0x1p-25; bit /= 2) {
		m *= m;
		if (m >= 2) {
			m /= 2;
			log += bit;
		}
	}
	return log;
}

/*
 * Bytes to the next sample: exponentially distributed, so that each byte is as likely as any other
 * to be the one that has its block sampled, wherever the last was.
 */
static int64_t distance(void)
{
	const double ln_2 = 0.69314718055994531;
	uint64_t rate = hm_load_relaxed(&profile.rate);

	if (rate <= 1)
		return 0;
	return (int64_t)((64 - log2_of(next_random() | 1)) * ln_2 * (double)rate) + 1;
}

static bool is_due(struct hm_heap *h, size_t size)
{
	unsigned number = hm_load_relaxed(&profile.number);

	if (hm_unlikely(h->profile != number)) {
		h->profile = number;
		h->to_sample = distance();
	}
	h->to_sample -= (int64_t)size;
	if (hm_likely(h->to_sample > 0))
		return false;
	h->to_sample = distance();
	return !sampling;
}

/* Two threads at once may leave a sample out, or take one too many: rare. */
static bool is_due_shared(size_t size)
{
	int64_t left = hm_sub_relaxed(&profile.shared_to_sample, (int64_t)size) - (int64_t)size;

	if (hm_likely(left > 0))
		return false;
	hm_store_relaxed(&profile.shared_to_sample, distance());
	return !sampling;
}

static bool is_due_any(size_t size)
{
	struct hm_heap *h = hm_tls_heap;

	return hm_heap_is_static(h) ? is_due_shared(size) : is_due(h, size);
}

static void release_block(struct hm_slab *s, struct hm_user u)
{
	struct hm_record *r = hm_table_detach(u.p);

	if (r != NULL)
		hm_table_drop(r);
	hm_cache_push(&hm_sampled_heap, s, u, hm_class_is_tiny(s->cls));
}

static void release_deferred(void)
{
	void *p, *next;

	if (hm_likely(hm_load_relaxed(&profile.deferred) == NULL))
		return;
	for (p = hm_swap_acq_rel(&profile.deferred, NULL); p != NULL; p = next) {
		next = *(void **)p;
		release_block(hm_slab_head(hm_slab_at(p)), (struct hm_user){ p });
	}
}

static void begin_sample(void)
{
	sampling = true;
	atomic_signal_fence(memory_order_seq_cst);
}

static void end_sample(void)
{
	atomic_signal_fence(memory_order_seq_cst);
	sampling = false;
}

bool hm_profile_pause(const void *caller)
{
	if (hm_likely(sampling || !hm_os_stack_is_unwinder(caller)))
		return false;
	begin_sample();
	return true;
}

void hm_profile_resume(void)
{
	end_sample();
}

/* With the lock held. */
static void count(void *p, size_t size, const uintptr_t *pcs, unsigned depth)
{
	/* Stopped, or begun anew, since it was due. */
	if (hm_profile_is_on() && !hm_table_add(p, size, pcs, depth))
		hm_count_add(&profile.dropped, 1);
}

hm_cold static void *take_sample(unsigned cls, bool *zero)
{
	uintptr_t pcs[HM_STACK_MAX];
	unsigned depth;
	void *p;

	hm_keep_frame();
	begin_sample();
	depth = hm_os_stack_take(pcs);
	hm_lock_take(&lock);
	release_deferred();
	p = hm_refill_block(&hm_sampled_heap, cls, zero);
	if (p != NULL)
		count(p, hm_class_usable(cls), pcs, depth);
	else
		hm_count_add(&profile.dropped, 1);
	hm_lock_release(&lock);
	end_sample();
	return p;
}

void *hm_profile_alloc(struct hm_heap *h, unsigned cls, bool *zero)
{
	hm_keep_frame();
	return hm_likely(!is_due(h, hm_class_usable(cls))) ? NULL : take_sample(cls, zero);
}

void hm_profile_free(struct hm_slab *s, struct hm_user u)
{
	void *next;

	if (hm_unlikely(sampling)) {
		/* A signal's handler that interrupted the holder of the lock. */
		next = hm_load_relaxed(&profile.deferred);
		do
			*(void **)u.p = next;
		while (!hm_cas_weak_acq_rel(&profile.deferred, &next, u.p));
		return;
	}
	begin_sample();
	hm_lock_take(&lock);
	release_deferred();
	release_block(s, u);
	hm_lock_release(&lock);
	end_sample();
}

hm_cold static void sample_by_address(void *p, size_t size)
{
	uintptr_t pcs[HM_STACK_MAX];
	unsigned depth;

	hm_keep_frame();
	begin_sample();
	depth = hm_os_stack_take(pcs);
	hm_lock_take(&lock);
	count(p, size, pcs, depth);
	hm_lock_release(&lock);
	end_sample();
}

void *hm_profile_large(size_t n, size_t align, bool *zero, enum hm_failure *why)
{
	void *p = hm_room_large(n, align, zero, why);

	hm_keep_frame();
	if (hm_unlikely(hm_profile_is_on()) && p != NULL) {
		size_t size = hm_large_find(p)->user_size;

		if (is_due_any(size))
			sample_by_address(p, size);
	}
	return p;
}

void *hm_profile_checked(void *p, size_t n)
{
	hm_keep_frame();
	if (hm_unlikely(hm_profile_is_on()) && p != NULL && is_due_any(n))
		sample_by_address(p, n);
	return p;
}

static struct hm_record *detach(const void *p)
{
	struct hm_record *r = NULL;

	if (sampling)
		return NULL;
	begin_sample();
	hm_lock_take(&lock);
	r = hm_table_detach(p);
	hm_lock_release(&lock);
	end_sample();
	return r;
}

/* p NULL: its block is no more. */
static void settle(struct hm_record *r, const void *p)
{
	if (r == NULL)
		return;
	begin_sample();
	hm_lock_take(&lock);
	if (p != NULL)
		hm_table_attach(r, p);
	else
		hm_table_drop(r);
	hm_lock_release(&lock);
	end_sample();
}

void hm_profile_forget_block(void *p)
{
	settle(detach(p), NULL);
}

/* One that changes is as freed and allocated: out of the table before others can get its place. */
void *hm_profile_resize(struct hm_large *l, size_t n, bool may_move, enum hm_failure *why)
{
	void *p = (char *)l + l->user_offset, *q;
	size_t old = l->user_size, new;
	struct hm_record *r;

	hm_keep_frame();
	if (hm_likely(!hm_profile_is_on() && hm_table_records() == 0))
		return hm_room_resize(l, n, may_move, why);
	r = detach(p);
	q = hm_room_resize(l, n, may_move, why);
	new = q == NULL ? old : hm_large_find(q)->user_size;
	settle(r, new == old ? (q == NULL ? p : q) : NULL);
	if (new != old && hm_profile_is_on() && is_due_any(new))
		sample_by_address(q, new);
	return q;
}

/* Under the lock, once. */
static void begin_heap(void)
{
	if (hm_sampled_heap.alone)
		return;
	hm_heap_reset(&hm_sampled_heap);
	hm_sampled_heap.alone = true;
	hm_heaps_add(&hm_sampled_heap);
}

bool hm_profile_start(uint64_t rate)
{
	bool done;

	if (hm_passthrough_is_on() || rate == 0)
		return false;
	hm_store_relaxed(&profile.way,
			 hm_os_stack_prepare((enum hm_stack_way)hm_options.profile_stacks));
	hm_lock_take(&lock);
	begin_heap();
	done = hm_table_reset();
	if (done) {
		hm_store_relaxed(&profile.rate, rate);
		hm_store_relaxed(&profile.dropped, 0);
		hm_store_relaxed(&profile.random, hm_load_relaxed(&profile.random) +
							  hm_os_now_ms() + (uintptr_t)&done);
		hm_store_relaxed(&profile.shared_to_sample, distance());
		hm_add_relaxed(&profile.number, 1);
	}
	hm_store_relaxed(&hm_profile_on, done);
	hm_heaps_divert(done);
	hm_lock_release(&lock);
	return done;
}

void hm_profile_stop(void)
{
	hm_lock_take(&lock);
	hm_store_relaxed(&hm_profile_on, false);
	hm_heaps_divert(false);
	hm_lock_release(&lock);
}

struct hm_profile_state hm_profile_get_state(void)
{
	return (struct hm_profile_state){
		.begun = hm_load_relaxed(&profile.number) > 0,
		.on = hm_profile_is_on(),
		.rate = hm_load_relaxed(&profile.rate),
		.dropped = hm_load_relaxed(&profile.dropped),
		.way = hm_load_relaxed(&profile.way),
	};
}

void hm_profile_take(void)
{
	hm_lock_take(&lock);
}

void hm_profile_release(void)
{
	hm_lock_release(&lock);
}

void hm_profile_fork_take(void)
{
	hm_lock_take(&lock);
}

void hm_profile_fork_release(bool child)
{
	if (child)
		hm_lock_reset(&lock);
	else
		hm_lock_release(&lock);
}
