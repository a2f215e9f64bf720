/*
 * lock.c - the slow half of the ranked locks, and the rank checker.
 *
 * owns: in full guard builds, the set of ranks that this thread holds (4 bytes
 * of TLS).
 * called from: os/lock.h.
 * The word's protocol is the three-state mutex of U. Drepper, "Futexes Are
 * Tricky": whoever has to sleep leaves 2 behind, so a release knows to wake.
 */
#include "base/base.h"
#include "os/lock.h"

#include "base/assert.h"
#include "os/os.h"

/* The holder does a few hundred instructions at most: worth a short look before a sleep. */
#define SPINS 100

void hm_lock_take_slow(struct hm_lock *l)
{
	for (int i = 0; i < SPINS; i++) {
		uint32_t expected = 0;

		if (hm_load_relaxed(&l->word) == 0 &&
		    atomic_compare_exchange_weak_explicit(&l->word, &expected, 1,
							  memory_order_acquire,
							  memory_order_relaxed))
			return;
		hm_cpu_relax();
	}
	/* Taken with 2 even when nobody else sleeps: costs one wake for nothing, loses none. */
	while (hm_swap_acquire(&l->word, 2) != 0)
		hm_os_futex_wait((uint32_t *)&l->word, 2);
}

void hm_lock_wake(struct hm_lock *l)
{
	hm_os_futex_wake((uint32_t *)&l->word, 1);
}

#if HM_GUARDS == 2

/* Bit r: a lock of rank r is held. Bit FORKING: all locks are being taken, ranks repeat. */
#define FORKING 31
static __thread uint32_t held __attribute__((tls_model("initial-exec")));

void hm_lock_check_order(struct hm_lock *l, bool taking)
{
	uint32_t bit = (uint32_t)1 << l->rank;
	uint32_t ranks = held & ~((uint32_t)1 << FORKING);
	bool forking = (held >> FORKING & 1) != 0;

	if (!taking) {
		if (!forking && (ranks & bit) == 0)
			hm_die("broken invariant: a lock released that is not held", "rank",
			       l->rank, "held", ranks, NULL, 0);
		held &= ~bit;
		return;
	}
	if (forking)
		ranks &= ~bit;
	if (ranks >= bit)
		hm_die("broken invariant: locks taken out of order", "rank", l->rank, "held",
		       ranks, NULL, 0);
	held |= bit;
}

void hm_lock_forking(bool on)
{
	if (on)
		held |= (uint32_t)1 << FORKING;
	else
		held = 0;
}

static void forget(struct hm_lock *l)
{
	held &= ~((uint32_t)1 << l->rank);
}

#else

void hm_lock_check_order(struct hm_lock *l, bool taking)
{
	(void)l;
	(void)taking;
}

static void forget(struct hm_lock *l)
{
	(void)l;
}

void hm_lock_forking(bool on)
{
	(void)on;
}

#endif

void hm_lock_reset(struct hm_lock *l)
{
	/* In the child the thread that forked, and held it, is the only one. */
	forget(l);
	hm_store_relaxed(&l->word, 0);
}
