/*
 * long.h - the frame of the long workloads: some threads work until the time is
 * up, and the heap is sound and empty at the end.
 *
 * owns: nothing.
 * called from: tests/long.
 */
#ifndef HM_TESTS_LONG_H
#define HM_TESTS_LONG_H

#include "base/base.h"

#include "../stress/stress.h"

#include <pthread.h>

static _Atomic bool long_over;

/* The first argument, else HM_TEST_SECONDS, else 180: how long in seconds. */
static inline unsigned long_seconds(int argc, char **argv)
{
	const char *v = argc > 1 ? argv[1] : getenv("HM_TEST_SECONDS");
	long n = v == NULL ? 180 : strtol(v, NULL, 10);

	return n > 0 ? (unsigned)n : 180;
}

/* Reports the most superslabs used in each tenth of the time. */
static inline void long_wait(const char *name, unsigned seconds)
{
	for (unsigned tenth = 0; tenth < 10; tenth++) {
		size_t most = 0;

		for (unsigned i = 0; i < 10; i++) {
			struct timespec nap = { seconds / 100, seconds % 100 * 10000000L };

			nanosleep(&nap, NULL);
			most = superslabs_used() > most ? superslabs_used() : most;
		}
		printf("%s: %u0 %%, superslabs %zu, resident %zu MiB\n", name, tenth + 1, most,
		       resident() >> 20);
		fflush(stdout);
	}
	long_over = true;
}

/* Everything was freed and all threads have ended: 0 when every slab is the pool's again. */
static inline int long_end(const char *name, unsigned long long operations)
{
	struct walk w;

	release_everything();
	w = walk_all(true);
	printf("%s: %llu operations, %zu superslabs, bad %zu, lost %zu\n", name, operations,
	       w.superslabs, w.bad, w.lost);
	return w.bad + w.lost != 0;
}

#endif
