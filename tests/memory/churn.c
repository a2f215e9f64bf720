/*
 * churn: blocks of 16 bytes to 8 MiB come and go for a while, then nine of ten go. How many
 * mappings does the process have? vm.max_map_count cannot be lowered for a test; that many is
 * what it would have to allow.
 *
 * Options: mib (1024: what lives), turns (6: how often all of it is replaced), seed.
 * Prints live_mib; the most mappings at any time and those at the end, without those at the start.
 */
#include "memory.h"

int main(int argc, char **argv)
{
	size_t bytes = option(argv, "mib", 1024) * MIB, turns = option(argv, "turns", 6);
	size_t most = bytes / (64 * KIB) + 100, n = 0, live = 0, base, greatest = 0, freed;
	uint64_t seed = option(argv, "seed", 42);
	void **blocks;

	(void)argc;
	only_options(argv, "mib turns seed ");
	blocks = mapped(most * sizeof(*blocks));
	base = mappings();
	while (live < bytes && n < most) {
		size_t size = log_size(&seed, 4, 23);

		blocks[n] = written_block(size);
		*(size_t *)blocks[n++] = size;
		live += size;
	}
	for (size_t i = 0; i < turns * n; i++) {
		size_t at = random_below(&seed, n), size = log_size(&seed, 4, 23), now;

		live -= *(size_t *)blocks[at];
		free(blocks[at]);
		/* the first page will do: it is the mappings that count */
		blocks[at] = malloc(size);
		must(blocks[at] != NULL, "malloc");
		memset(blocks[at], 1, size < 4 * KIB ? size : 4 * KIB);
		*(size_t *)blocks[at] = size;
		live += size;
		if (i % 64 == 0) {
			now = more_than(mappings(), base);
			greatest = now > greatest ? now : greatest;
		}
	}
	figure("blocks", n);
	figure_mib("live_mib", live);
	figure("mappings_most", greatest);
	shuffle(blocks, n, &seed);
	freed = n - n / 10;
	for (size_t i = 0; i < freed; i++)
		free(blocks[i]);
	figure("mappings_end", more_than(mappings(), base));
	return 0;
}
