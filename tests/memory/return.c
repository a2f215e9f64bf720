/*
 * return: much is allocated and written, all but a part of it is freed in random order, and then
 * nothing more is called. What stays resident?
 *
 * Options: mib (1024); keep (1: of a hundred blocks, how many live on); seed; wait (3: seconds);
 * sizes:  mixed  as in memory.h, the bytes mostly in blocks of 1 to 128 KiB
 *         log    each doubling from 16 bytes to 1 MiB with as many blocks: the bytes are in few,
 *                large ones
 *         bytes  each doubling with as many bytes: most blocks are tiny, and one in a hundred of
 *                them pins most of the pages that they are on
 * Prints blocks; growth_mib; live, and what is resident at the end of the frees and after some
 * seconds, as parts of the growth; the processor time of both phases in milliseconds.
 */
#include "memory.h"

static uint64_t seed;
static const char *sizes;
static void **blocks;
static size_t count;

static size_t next_size(void)
{
	if (strcmp(sizes, "log") == 0)
		return log_size(&seed, 4, 20);
	if (strcmp(sizes, "mixed") == 0)
		return mixed_size(&seed, MIB);
	/* half the size, twice the chance */
	for (size_t low = 4; low < 20; low++) {
		if (random_next(&seed) & 1)
			return log_size(&seed, low, low + 1);
	}
	return log_size(&seed, 4, 5);
}

static void fill(size_t bytes, size_t most)
{
	for (size_t in_use = 0; in_use < bytes && count < most;) {
		size_t size = next_size();

		blocks[count] = written_block(size);
		/* its length is in the block, which has 16 bytes at least */
		*(size_t *)blocks[count++] = size;
		in_use += size;
	}
	figure("blocks", count);
}

static size_t bytes_from(size_t first)
{
	size_t bytes = 0;

	for (size_t i = first; i < count; i++)
		bytes += *(size_t *)blocks[i];
	return bytes;
}

static void print_resident(size_t base, size_t growth, size_t wait)
{
	static const size_t moments[] = { 0, 1, 3 };
	size_t slept = 0;

	for (size_t i = 0; i < 3 && moments[i] <= wait; i++) {
		char name[] = "resident_0s";

		rest((moments[i] - slept) * 1000);
		slept = moments[i];
		name[9] = (char)('0' + slept);
		figure_part(name, more_than(resident(), base), growth);
	}
}

static size_t milliseconds(void)
{
	return (size_t)(nanoseconds(CLOCK_PROCESS_CPUTIME_ID) / 1000000);
}

int main(int argc, char **argv)
{
	size_t bytes = option(argv, "mib", 1024) * MIB, most = bytes / 40 + 1000;
	size_t keep = option(argv, "keep", 1), wait = option(argv, "wait", 3);
	size_t base, growth, freed, start;

	(void)argc;
	only_options(argv, "mib keep seed wait sizes ");
	seed = option(argv, "seed", 42);
	sizes = option_text(argv, "sizes", "mixed");
	must(strcmp(sizes, "log") == 0 || strcmp(sizes, "bytes") == 0 ||
	     strcmp(sizes, "mixed") == 0, "sizes is mixed, log or bytes");
	must(keep <= 100, "keep is a percentage");
	blocks = mapped(most * sizeof(*blocks));
	base = resident();
	start = milliseconds();
	fill(bytes, most);
	figure("alloc_ms", milliseconds() - start);
	growth = more_than(resident(), base);
	figure_mib("growth_mib", growth);
	shuffle(blocks, count, &seed);
	freed = count - count * keep / 100;
	figure_part("live", bytes_from(freed), growth);
	start = milliseconds();
	for (size_t i = 0; i < freed; i++)
		free(blocks[i]);
	figure("free_ms", milliseconds() - start);
	print_resident(base, growth, wait);
	return 0;
}
