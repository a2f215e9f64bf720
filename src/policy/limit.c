/*
 * limit.c - which limits there are, and when one is crossed.
 *
 * owns: what policy/limit.h says.
 * called from: policy/limit.h's users.
 * No lock: each state is a word, and who changes it by compare-and-swap acts.
 */
#include "base/base.h"
#include "policy/limit.h"

#include "base/atomic.h"
#include "os/filter.h"
#include "policy/options.h"

/* A smaller heap is no matter of limits: no start pays for files that are read. */
#define READ_AT ((uint64_t)32 << 20)
/* Bytes, at least, between two purges over the soft limit. */
#define AGAIN_MIN ((uint64_t)4 << 20)

/* CLOSED: files may not be opened any more. */
enum { UNREAD, READING, READ, CLOSED };

static struct {
	_Atomic uint32_t state;     /* of `group` */
	struct hm_cgroup group;     /* once READ */
	_Atomic uint64_t automatic; /* the soft limit from it; 0: none */
	_Atomic uint32_t over;      /* a bool */
	_Atomic uint64_t again;     /* over: bytes at which to purge again; maximum: one runs */
	_Atomic uint64_t pending;   /* reserved and not settled */
	_Atomic uint64_t crossed;
} limit;

static uint64_t less(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static hm_cold void read_group(void)
{
	uint32_t unread = UNREAD;
	uint64_t soft;

	if (!hm_cas_acq_rel(&limit.state, &unread, READING))
		return;
	if (!hm_os_may_open()) {
		hm_store_release(&limit.state, CLOSED);
		return;
	}
	hm_cgroup_read(&limit.group);
	soft = less(limit.group.high, limit.group.max - limit.group.max / 10);
	/* Of the greatest number a tenth is off: still as good as none. */
	if (soft < HM_CGROUP_UNLIMITED / 2)
		hm_store_relaxed(&limit.automatic, soft == 0 ? 1 : soft);
	hm_store_release(&limit.state, READ);
}

/* In force; 0: none. */
static uint64_t soft_limit(void)
{
	uint64_t soft = hm_options.limit_soft, hard = hm_options.limit_hard;

	if (soft == 0)
		soft = hm_load_relaxed(&limit.automatic);
	if (hard != 0 && (soft == 0 || soft > hard - hard / 8))
		soft = hard - hard / 8;
	return soft;
}

bool hm_limit_is_set(void)
{
	return hm_options.limit_hard != 0 || hm_options.limit_soft != 0 ||
	       hm_load_relaxed(&limit.automatic) != 0;
}

bool hm_limit_is_due(size_t bytes)
{
	uint64_t soft, again;
	uint32_t under = false;

	if (bytes >= READ_AT && hm_load_relaxed(&limit.state) == UNREAD &&
	    hm_options.limit_soft == 0)
		read_group();
	soft = soft_limit();
	if (hm_likely(soft == 0))
		return false;
	if (!hm_load_relaxed(&limit.over)) {
		if (bytes <= soft || !hm_cas_acq_rel(&limit.over, &under, true))
			return false;
		hm_store_relaxed(&limit.again, UINT64_MAX);
		hm_add_relaxed(&limit.crossed, 1);
		return true;
	}
	if (bytes < soft - soft / 8) {
		hm_store_relaxed(&limit.over, false);
		return false;
	}
	again = hm_load_relaxed(&limit.again);
	if (bytes <= again || !hm_cas_acq_rel(&limit.again, &again, UINT64_MAX))
		return false;
	hm_add_relaxed(&limit.crossed, 1);
	return true;
}

void hm_limit_purged(size_t bytes)
{
	uint64_t more = bytes / 8 > AGAIN_MIN ? bytes / 8 : AGAIN_MIN;

	hm_store_relaxed(&limit.again, bytes + more);
}

bool hm_limit_is_over(void)
{
	/* A limit that was crossed may have been taken away at run time. */
	return hm_load_relaxed(&limit.over) && soft_limit() != 0;
}

bool hm_limit_reserve(size_t bytes, size_t (*measure)(void))
{
	uint64_t hard = hm_options.limit_hard, pending;

	if (hm_likely(hard == 0))
		return true;
	/* First what is pending: who settles has been measured before. */
	pending = hm_load_acquire(&limit.pending);
	do {
		if (bytes > hard || pending + measure() > hard - bytes)
			return false;
	} while (!hm_cas_weak_acq_rel(&limit.pending, &pending, pending + bytes));
	return true;
}

/*
 * The limit may come and go at run time: bytes that were taken without one may be
 * settled under one, so what is pending can be too little for that moment, and
 * never stays too much.
 */
void hm_limit_settle(size_t bytes)
{
	uint64_t pending = hm_load_relaxed(&limit.pending);

	if (hm_likely(pending == 0))
		return;
	while (!hm_cas_weak_acq_rel(&limit.pending, &pending,
				    pending > bytes ? pending - bytes : 0))
		;
}

bool hm_limit_is_exceeded(size_t bytes)
{
	uint64_t hard = hm_options.limit_hard;

	return hard != 0 && bytes > hard + hard / 16;
}

void hm_limit_fork_child(void)
{
	hm_store_relaxed(&limit.pending, 0);
	if (hm_load_relaxed(&limit.again) == UINT64_MAX)
		hm_store_relaxed(&limit.again, 0);
	if (hm_load_relaxed(&limit.state) == READING)
		hm_store_relaxed(&limit.state, UNREAD);
}

void hm_limit_get_counts(struct hm_limit_counts *out)
{
	*out = (struct hm_limit_counts){
		.soft = soft_limit(),
		.hard = hm_options.limit_hard,
		.crossed = hm_load_relaxed(&limit.crossed),
		.over = hm_limit_is_over(),
		.read = hm_load_acquire(&limit.state) == READ,
	};
	if (out->read)
		out->group = limit.group;
}
