/*
 * background.c - the helper thread.
 *
 * owns: the thread's state, and the lock that fork takes while the helper is between two steps.
 * While something became dirty of late it looks every half purge delay: at free slabs and large
 * blocks that have waited for the delay, and at slabs that wait for adoption. When nothing did
 * for a whole delay it gives back all there is and sleeps, without a time limit, until a slow
 * path wakes it (policy/dirty.h): what was freed last is gone within two delays, and an idle
 * process has no wake-ups. It relies on no clock that could stand still, and ends itself when the
 * kernel refuses to let it sleep. With the option expose alone it gives nothing back, and sleeps
 * until it is asked for something (report/channel.h).
 * called from: heap/init.c, heap/heap.c, heap/fork.c, report/.
 */
#include "base/base.h"
#include "heap/background.h"

#include "heap/heap.h"
#include "os/lock.h"
#include "os/os.h"
#include "os/pressure.h"
#include "os/thread.h"
#include "policy/dirty.h"
#include "policy/options.h"
#include "policy/purge_count.h"
#include "pool/large.h"
#include "pool/pool.h"
#include "pool/waiting.h"

#include <errno.h>
#include <pthread.h>

/* Looks in a row before which nothing became dirty: then a whole delay is over. */
#define QUIET 2
/* Milliseconds: with no delay it does not look more often. */
#define NAP_MIN 50
/* While it listens for pressure it does not hear the bell; shorter when it has a service. */
#define LISTEN_MAX 10000
#define LISTEN_SERVING 250
/* Once pressure was answered it is not listened for again at once. */
#define DEAF 1000

_Atomic uint32_t hm_background_wanted;

static struct {
	struct hm_lock busy;
	_Atomic uint32_t state; /* enum hm_background_state */
	_Atomic int error;
	_Atomic uint32_t stop; /* the helper is to end */
	_Atomic(void (*)(void)) task; /* NULL: none */
	_Atomic(const struct hm_background_service *) service; /* the same */
	int process;
	bool own_files; /* the helper's table of open files is its own */
	pthread_key_t key; /* has a value in the process's first thread */
} background = { .busy = HM_LOCK_INIT(HM_RANK_HELPER) };

struct helper {
	struct hm_os_pressure pressure;
	uint64_t clock; /* of the large cache, a delay ago */
	unsigned quiet, looks;
	bool listens;
};

/* ---- what it gives back ---- */

/*
 * One step. Nobody but fork ever waits for this lock, so that it may be held across system
 * calls: a child would lose for ever what a helper that vanished had in its hands.
 */
static size_t in_step(size_t (*f)(void *arg), void *arg)
{
	size_t bytes;

	hm_lock_take(&background.busy);
	bytes = f(arg);
	hm_lock_release(&background.busy);
	return bytes;
}

static size_t purge_expired(void *arg)
{
	(void)arg;
	return hm_pool_purge_older(hm_options.purge_delay, HM_PURGE_DELAY);
}

static size_t purge_pool(void *arg)
{
	(void)arg;
	return hm_purge_count(HM_PURGE_IDLE, hm_pool_purge_all());
}

static size_t purge_large(void *arg)
{
	(void)arg;
	return hm_purge_count(HM_PURGE_IDLE, hm_large_purge());
}

static size_t purge_older_large(void *arg)
{
	struct helper *h = arg;

	return hm_large_purge_older(&h->clock);
}

static size_t look_class(void *arg)
{
	return hm_given_look_class(*(const unsigned *)arg);
}

static void look_waiting(void)
{
	for (unsigned cls = 0; cls < HM_CLASSES; cls++)
		if (hm_waiting_count(cls) > 0)
			in_step(look_class, &cls);
}

static void purge_all(void)
{
	look_waiting();
	in_step(purge_pool, NULL);
	in_step(purge_large, NULL);
}

static size_t purge_asked(void *arg)
{
	(void)arg;
	return hm_heap_purge();
}

static bool is_stopped(void)
{
	return hm_load_acquire(&background.stop) != 0;
}

static void purge_old(struct helper *h)
{
	while (in_step(purge_expired, NULL) > 0 && !is_stopped())
		;
	if (++h->looks % 2 != 0)
		return;
	look_waiting();
	in_step(purge_older_large, h);
}

/* ---- when ---- */

/* What it is asked for. The bell as it was before: what is asked for later rings it. */
static uint32_t serve(void)
{
	uint32_t bell = hm_load_acquire(&hm_dirty_bell);
	void (*task)(void) = hm_load_relaxed(&background.task);
	const struct hm_background_service *service = hm_load_acquire(&background.service);

	if (task != NULL)
		task();
	if (service != NULL)
		service->serve();
	return bell;
}

/* False: the kernel refuses. Wakes early when the bell rings. */
static bool sleep_deaf(uint32_t bell, uint64_t ms)
{
	return is_stopped() || hm_os_futex_wait_ms((uint32_t *)&hm_dirty_bell, bell, ms);
}

static bool listen(struct helper *h, uint32_t bell, uint64_t ms)
{
	switch (hm_os_pressure_wait(&h->pressure, (uint32_t)ms)) {
	case HM_SLEPT:
		return true;
	case HM_PRESSED:
		purge_all();
		return sleep_deaf(bell, DEAF);
	case HM_SLEEPLESS:
		break;
	}
	return false;
}

static uint64_t listen_max(void)
{
	return hm_load_relaxed(&background.service) != NULL ? LISTEN_SERVING : LISTEN_MAX;
}

/* Half a delay, however often it is asked for something: by a clock only when it is. */
static bool nap(struct helper *h)
{
	uint64_t left = hm_options.purge_delay / 2, part, began, slept;

	if (left < NAP_MIN)
		left = NAP_MIN;
	for (; left > 0 && !is_stopped(); left -= part) {
		uint32_t bell = serve();
		bool hears = h->pressure.nr > 0;

		part = hears && left > listen_max() ? listen_max() : left;
		began = hm_os_now_ms();
		if (!(hears ? listen(h, bell, part) : sleep_deaf(bell, part)))
			return false;
		slept = hm_os_now_ms() - began;
		if (hm_load_relaxed(&hm_dirty_bell) != bell && slept < part)
			part = slept;
	}
	return true;
}

/* Until something becomes dirty. */
static bool rest(void)
{
	bool can = true;

	do {
		uint32_t bell = serve();

		can = is_stopped() || hm_dirty_sleep(bell);
	} while (can && !is_stopped() && hm_dirty_is_asleep());
	return can;
}

/* False: it cannot sleep any more. */
static bool look(struct helper *h)
{
	if (!nap(h))
		return false;
	if (!h->listens) {
		/* Not before: a short process would pay for it, at its end too. */
		h->listens = true;
		hm_os_pressure_open(&h->pressure);
	}
	h->quiet = hm_dirty_noted() ? 0 : h->quiet + 1;
	if (h->quiet < QUIET) {
		purge_old(h);
		return true;
	}
	purge_all();
	h->quiet = 0;
	return rest();
}

static void end_service(void)
{
	const struct hm_background_service *service = hm_load_acquire(&background.service);

	if (service != NULL)
		service->end();
}

static void fail(int error)
{
	hm_store_relaxed(&background.error, error);
	hm_store_relaxed(&background.state, HM_BACKGROUND_FAILED);
}

static void *run(void *arg)
{
	struct helper h = { .quiet = 0 };
	bool can = true;

	hm_os_thread_name("hakmem");
	if (hm_options.expose)
		background.own_files = hm_os_thread_leave_files();
	if (hm_options.background)
		hm_dirty_attach();
	while (can && !is_stopped())
		can = hm_options.background ? look(&h) : sleep_deaf(serve(), HM_FOREVER);
	hm_dirty_stop();
	end_service();
	if (!can)
		fail(ENOSYS);
	else
		hm_store_relaxed(&background.state, HM_BACKGROUND_OFF);
	return arg;
}

/* ---- its life ---- */

void hm_background_set_task(void (*task)(void))
{
	hm_store_relaxed(&background.task, task);
}

void hm_background_wake(void)
{
	if (hm_load_relaxed(&background.state) == HM_BACKGROUND_RUNNING &&
	    hm_load_relaxed(&background.task) != NULL)
		hm_dirty_ring();
}

void hm_background_set_service(const struct hm_background_service *service)
{
	hm_store_release(&background.service, service);
	hm_dirty_ring();
}

bool hm_background_has_files(void)
{
	return background.own_files;
}

size_t hm_background_purge(void)
{
	return in_step(purge_asked, NULL);
}

/*
 * When the first thread leaves by pthread_exit, the process lasts until its last thread has
 * ended: that must not be the helper.
 */
static void at_first_thread_exit(void *arg)
{
	(void)arg;
	hm_store_relaxed(&hm_background_wanted, false);
	hm_store_release(&background.stop, 1);
	hm_dirty_stop();
}

static void start(void)
{
	int error;

	hm_store_relaxed(&background.state, HM_BACKGROUND_RUNNING);
	error = hm_os_thread_start(run);
	if (error != 0)
		fail(error);
}

/*
 * A thread is made here and, in a forked child, at a safe point; never where memory is freed or
 * a small block is asked for. For libc itself calls us with locks held that pthread_create
 * takes: it frees the table of a thread's TLS blocks (dtv) under the lock of its stacks, and
 * while it loads a library asks for tables and names under the lock of its TLS. A constructor
 * runs with neither (glibc 2.35; before, TLS had the loader's lock, which is recursive).
 */
void hm_background_start(void)
{
	/* Loaded by another thread it would not learn when the first one ends. */
	if (!hm_os_is_main_thread() ||
	    pthread_key_create(&background.key, at_first_thread_exit) != 0)
		return;
	hm_os_thread_find();
	background.process = hm_os_process();
	pthread_setspecific(background.key, &background);
	start();
}

/*
 * A child that only execs asks for no block above 128 KiB, and pays nothing. That libc asks for
 * one with a lock held is out of the question: its tables there would be of thousands of
 * modules. Blocks of that size are asked for by the program, or by libc for its caller, who
 * could call pthread_create as well: fork has made its locks anew before our handler ran. It is
 * at the entry of malloc that we are, so pthread_create may allocate.
 */
hm_cold void hm_background_restart(void)
{
	/* In a child of vfork, or one of which we were not told, a thread would be its own. */
	if (hm_os_process() != background.process)
		return;
	if (hm_swap_acq_rel(&hm_background_wanted, false))
		start();
}

enum hm_background_state hm_background_get_state(int *error)
{
	*error = hm_load_relaxed(&background.error);
	return (enum hm_background_state)hm_load_relaxed(&background.state);
}

void hm_background_fork_take(void)
{
	hm_lock_take(&background.busy);
}

void hm_background_fork_release(bool child)
{
	if (child)
		hm_lock_reset(&background.busy);
	else
		hm_lock_release(&background.busy);
}

void hm_background_in_child(void)
{
	if (hm_load_relaxed(&background.state) == HM_BACKGROUND_RUNNING)
		hm_store_relaxed(&hm_background_wanted, true);
	if (!hm_load_relaxed(&hm_background_wanted))
		return;
	hm_dirty_stop();
	hm_store_relaxed(&background.state, HM_BACKGROUND_OFF);
	hm_store_relaxed(&background.stop, 0);
	background.process = hm_os_process();
	/* The thread that forked is the child's first. */
	pthread_setspecific(background.key, &background);
}
