/*
 * waves: so much is allocated, written and freed again, by turns in small, middle and large blocks.
 * Does one wave's memory serve the next, and does it fit into little more than the wave?
 *
 * Options: mib (400), waves (6), seed, and limit (0: none): MiB of address space that the process
 * may have beyond what it has at the start.
 * Prints how many waves were done, how many mallocs failed, and the greatest resident size as a
 * multiple of a wave: where memory is limited, what decides whether the process is killed.
 */
#include <sys/resource.h>

#include "memory.h"

static uint64_t seed;
static void **blocks;
static size_t most, failures;

static size_t next_size(size_t wave)
{
	static const size_t from[] = { 4, 10, 17 }, to[] = { 10, 17, 23 };

	return log_size(&seed, from[wave % 3], to[wave % 3]);
}

static void one_wave(size_t wave, size_t bytes)
{
	size_t n = 0, in_use = 0;

	while (in_use < bytes && n < most) {
		size_t size = next_size(wave);
		void *p;

		size = size < bytes - in_use ? size : bytes - in_use;
		p = malloc(size);
		failures += p == NULL;
		if (p == NULL)
			break;
		blocks[n++] = memset(p, 1, size);
		in_use += size;
	}
	shuffle(blocks, n, &seed);
	for (size_t i = 0; i < n; i++)
		free(blocks[i]);
}

int main(int argc, char **argv)
{
	size_t bytes = option(argv, "mib", 400) * MIB, waves = option(argv, "waves", 6);
	size_t limit = option(argv, "limit", 0) * MIB, base, peak;

	(void)argc;
	only_options(argv, "mib waves seed limit ");
	seed = option(argv, "seed", 42);
	most = bytes / 64 + 1000;
	blocks = mapped(most * sizeof(*blocks));
	base = resident();
	if (limit > 0) {
		size_t all = proc_kib("/proc/self/status", "\nVmSize:") * KIB + limit;
		struct rlimit r = { all, all };

		must(setrlimit(RLIMIT_AS, &r) == 0, "setrlimit");
	}
	for (size_t i = 0; i < waves; i++)
		one_wave(i, bytes);
	peak = proc_kib("/proc/self/status", "\nVmHWM:") * KIB;
	figure("waves", waves);
	figure("failures", failures);
	figure_part("peak", more_than(peak, base), bytes);
	return 0;
}
