/*
 * threads CASE: what many threads, or many short ones, leave resident.
 *
 *   exit   a thread allocates mib (20), frees it (other=1: leaves it to main) and ends; rounds (10)
 *          times. Prints what is resident at the start, after the first and after the last.
 *   idle   many threads (5000) each allocate kib (512) in mixed sizes, all at once, free it in
 *          random order, and wait. Prints what each one costs, stacks left out, after a while.
 *          busy (0) times 16 others did that in turns before, and ended.
 *   small  threads (100) each hold kib (16) of small blocks and wait. Prints what each one costs
 *          and how much of it is in huge pages; never=1 forbids those to the process.
 *   burst  threads (64) allocate kib (4096) and free all but a sixteenth, rounds (4) times, each
 *          at its own pace. Prints peak and end, and the end as a multiple of what lives.
 *   turns  as idle, but one after another, and on one processor: what is in use at any time is
 *          that of one thread.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>

#include "memory.h"

struct job {
	pthread_t thread;
	uint64_t seed;
	void **blocks;
	size_t count, live;
};

static size_t threads, bytes, rounds, most, of_each;
static struct job *jobs;

/* What every thread has done so far, and how far it may go. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static size_t stage, arrived;

static void arrive_and_wait(size_t next)
{
	pthread_mutex_lock(&lock);
	arrived++;
	pthread_cond_broadcast(&moved);
	while (stage < next)
		pthread_cond_wait(&moved, &lock);
	pthread_mutex_unlock(&lock);
}

/* By main: when all have arrived, they go on, unless NEXT is 0. */
static void all_arrived(size_t next)
{
	pthread_mutex_lock(&lock);
	while (arrived < threads)
		pthread_cond_wait(&moved, &lock);
	if (next > 0) {
		arrived = 0;
		stage = next;
		pthread_cond_broadcast(&moved);
	}
	pthread_mutex_unlock(&lock);
}

static void fill(struct job *job)
{
	size_t in_use = 0;

	while (in_use < bytes && job->count < of_each) {
		size_t n = mixed_size(&job->seed, most);

		job->blocks[job->count] = written_block(n);
		*(size_t *)job->blocks[job->count++] = n;
		in_use += n;
		job->live += n;
	}
}

/* In random order, all but KEPT of them. */
static void drop(struct job *job, size_t kept)
{
	shuffle(job->blocks, job->count, &job->seed);
	while (job->count > kept) {
		void *p = job->blocks[--job->count];

		job->live -= *(size_t *)p;
		free(p);
	}
}

/* The stack that the calls take belongs to the base. */
static void touch_stack(void)
{
	volatile char some[12288];

	for (size_t i = 0; i < sizeof(some); i += 1024)
		some[i] = 1;
}

static void *idle_thread(void *arg)
{
	touch_stack();
	arrive_and_wait(1);
	fill(arg);
	arrive_and_wait(2);
	drop(arg, 0);
	arrive_and_wait(3);
	return NULL;
}

static void *small_thread(void *arg)
{
	touch_stack();
	arrive_and_wait(1);
	fill(arg);
	arrive_and_wait(2);
	arrive_and_wait(3);
	return NULL;
}

static void *turns_thread(void *arg)
{
	struct job *job = arg;

	touch_stack();
	arrive_and_wait(1);
	pthread_mutex_lock(&lock);
	fill(job);
	drop(job, 0);
	pthread_mutex_unlock(&lock);
	arrive_and_wait(2);
	arrive_and_wait(3);
	return NULL;
}

static void *burst_thread(void *arg)
{
	struct job *job = arg;

	touch_stack();
	arrive_and_wait(1);
	for (size_t i = 0; i < rounds; i++) {
		drop(job, job->count / 16);
		fill(job);
	}
	drop(job, job->count / 16);
	arrive_and_wait(2);
	arrive_and_wait(3);
	return NULL;
}

/* As many as the system lets us have. */
static void start(void *(*f)(void *))
{
	pthread_attr_t small;
	size_t n = 0;

	pthread_attr_init(&small);
	must(pthread_attr_setstacksize(&small, 64 * KIB) == 0, "the size of the stacks");
	while (n < threads && pthread_create(&jobs[n].thread, &small, f, &jobs[n]) == 0)
		n++;
	must(n > 0, "pthread_create");
	pthread_mutex_lock(&lock);
	threads = n;
	pthread_mutex_unlock(&lock);
	all_arrived(0);
}

static void end(void)
{
	all_arrived(3);
	for (size_t i = 0; i < threads; i++)
		pthread_join(jobs[i].thread, NULL);
}

static size_t live(void)
{
	size_t sum = 0;

	for (size_t i = 0; i < threads; i++)
		sum += jobs[i].live;
	return sum;
}

static void figure_each(const char *name, size_t all)
{
	figure_part(name, all / threads, KIB);
}

/* Often enough that what it keeps is worth keeping. */
static void *busy_thread(void *arg)
{
	for (unsigned i = 0; i < 50; i++) {
		fill(arg);
		drop(arg, 0);
	}
	return NULL;
}

static void be_busy(size_t times)
{
	while (times-- > 0) {
		for (size_t i = 0; i < 16 && i < threads; i++)
			must(pthread_create(&jobs[i].thread, NULL, busy_thread, &jobs[i]) == 0,
			     "a thread");
		for (size_t i = 0; i < 16 && i < threads; i++)
			pthread_join(jobs[i].thread, NULL);
	}
}

static void case_idle(size_t wait, size_t busy)
{
	size_t base;

	be_busy(busy);
	start(idle_thread);
	base = resident();
	all_arrived(1);
	all_arrived(0);
	figure("threads", threads);
	figure_each("live_kib_each", live());
	figure_each("burst_kib_each", more_than(resident(), base));
	all_arrived(2);
	all_arrived(0);
	figure_each("idle_kib_each_0s", more_than(resident(), base));
	rest(wait * 1000);
	figure_each("idle_kib_each", more_than(resident(), base));
	end();
}

static void case_small(size_t never)
{
	size_t base;

	must(never == 0 || prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0, "PR_SET_THP_DISABLE");
	start(small_thread);
	base = resident();
	all_arrived(1);
	all_arrived(0);
	figure("threads", threads);
	figure_each("live_kib_each", live());
	figure_each("resident_kib_each", more_than(resident(), base));
	figure_mib("huge_mib", resident_huge());
	all_arrived(2);
	end();
}

static void case_turns(size_t wait)
{
	size_t base;
	cpu_set_t set;

	must(sched_getaffinity(0, sizeof(set), &set) == 0, "sched_getaffinity");
	for (size_t i = 0, found = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &set) && found++ > 0)
			CPU_CLR(i, &set);
	}
	must(sched_setaffinity(0, sizeof(set), &set) == 0, "sched_setaffinity");
	start(turns_thread);
	base = resident();
	all_arrived(1);
	all_arrived(0);
	figure("threads", threads);
	figure_mib("in_use_mib", bytes);
	figure_mib("after_mib_0s", more_than(resident(), base));
	rest(wait * 1000);
	figure_mib("after_mib", more_than(resident(), base));
	all_arrived(2);
	end();
}

static void case_burst(size_t wait)
{
	size_t base, peak = 0, now = 0, done = 0;

	start(burst_thread);
	base = resident();
	all_arrived(1);
	while (!done) {
		rest(5);
		now = more_than(resident(), base);
		peak = now > peak ? now : peak;
		pthread_mutex_lock(&lock);
		done = arrived == threads;
		pthread_mutex_unlock(&lock);
	}
	rest(wait * 1000);
	now = more_than(resident(), base);
	figure("threads", threads);
	figure_mib("live_mib", live());
	figure_mib("peak_mib", peak);
	figure_mib("after_mib", now);
	figure_part("after_live", now, live());
	all_arrived(2);
	end();
}

static void *exit_thread(void *arg)
{
	fill(arg);
	return arg;
}

static void *exit_thread_clean(void *arg)
{
	fill(arg);
	drop(arg, 0);
	return arg;
}

static void case_exit(size_t other)
{
	size_t base = resident();

	figure_mib("start_mib", base);
	for (size_t i = 0; i < rounds; i++) {
		pthread_t t;

		must(pthread_create(&t, NULL, other ? exit_thread : exit_thread_clean, jobs) == 0,
		     "pthread_create");
		pthread_join(t, NULL);
		drop(jobs, 0);
		if (i == 0)
			figure_mib("first_mib", resident());
	}
	figure_mib("last_mib", resident());
	rest(1000);
	figure_mib("last_mib_1s", resident());
}

static int is(const char *name, const char *wanted)
{
	return strcmp(name, wanted) == 0;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	int known = is(name, "exit") || is(name, "idle") || is(name, "small") ||
		    is(name, "burst") || is(name, "turns");
	size_t kib = 4096, wait;

	must(known, "the first argument is exit, idle, small, burst or turns");
	only_options(argv + 1, "threads kib rounds wait seed never other busy ");
	kib = is(name, "exit") ? 20480 : is(name, "idle") ? 512 : is(name, "small") ? 16 : kib;
	threads = is(name, "exit") ? 1 : option(argv, "threads", is(name, "idle") ? 5000 :
						is(name, "small") ? 100 : 64);
	bytes = option(argv, "kib", kib) * KIB;
	rounds = option(argv, "rounds", is(name, "exit") ? 10 : 4);
	wait = option(argv, "wait", 1);
	must(threads > 0 && bytes > 0, "threads and kib are 1 at least");
	/* small ones only, where a large one would be most of what a thread has */
	most = is(name, "small") ? KIB : bytes < MIB ? 32 * KIB : MIB;
	of_each = bytes / 128 + 64;
	jobs = mapped(threads * sizeof(*jobs));
	jobs[0].blocks = mapped(threads * of_each * sizeof(void *));
	for (size_t i = 0; i < threads; i++) {
		jobs[i].blocks = jobs[0].blocks + i * of_each;
		jobs[i].seed = option(argv, "seed", 42) + i * 1000003;
	}
	if (is(name, "exit"))
		case_exit(option(argv, "other", 0));
	else if (is(name, "idle"))
		case_idle(wait, option(argv, "busy", 0));
	else if (is(name, "small"))
		case_small(option(argv, "never", 0));
	else if (is(name, "turns"))
		case_turns(wait);
	else
		case_burst(wait);
	return 0;
}
