/*
 * fractions.c - arithmetic in long integers, each a block of its own.
 *
 * Stands for: number theory, cryptography and the numbers of interpreters: the
 * result of each operation is a new block of 12 to 80 bytes that lives for a few
 * more of them. Few blocks are live at any time: what is measured is the shortest
 * way through malloc and free, with work between the two.
 * Pattern: cfrac, D. Barrett's factoring by continued fractions, which B. Zorn
 * brought into the literature ("The Measured Cost of Conservative Garbage
 * Collection", 1993); here the fraction of a square root itself.
 * Operation: one malloc and one free.
 */
#include "bench.h"

#define FRACTION_MALLOC malloc
#define FRACTION_FREE free
#define FRACTION_NEED(cond)                                                                        \
	do {                                                                                       \
		if (!(cond))                                                                       \
			bench_fail("a number is wrong");                                           \
	} while (0)
#include "fraction.h"

#define LIMBS 8

static void work(struct bench_lane *lane)
{
	uint64_t random = lane->random;
	long done = 0;

	while (done < lane->operations) {
		struct fraction f;

		if (!fraction_start(&f, (uint32_t)bench_between(&random, 1000, 1000000)))
			continue;
		while (f.h->n < LIMBS) {
			fraction_step(&f);
			done += FRACTION_BLOCKS;
		}
		fraction_end(&f);
	}
	lane->operations = done;
}

int main(int argc, char **argv)
{
	struct bench b = { .name = "fractions", .operations = 40000000, .threads = 1 };

	bench_start(&b, argc, argv);
	bench_lanes(&b, work);
	return bench_end(&b);
}
