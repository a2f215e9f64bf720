/*
 * trees.c - trees that are built, walked and taken down again.
 *
 * Stands for: parse trees, scene graphs, balanced maps: nodes of one or two
 * sizes, made from the root down and freed from the leaves up, beside a big
 * tree that stays. The walk rewards an allocator that puts what was
 * made together side by side; the takedown gives a free list an order that the
 * next tree inherits.
 * Pattern: GCBench (J. Ellis, P. Kovac, H. Boehm) and the binary-trees of the
 * Computer Language Benchmarks Game, with pseudorandom sizes and shapes.
 * Operation: a node made, walked over and freed.
 */
#include "bench.h"

#define DEPTH_MIN 4
#define DEPTH_MAX 14
#define DEPTH_STAYING 18
#define PAYLOAD 32 /* at most, in 8 bytes */

struct node {
	struct node *left, *right;
	uint32_t below; /* nodes in this subtree */
	uint32_t words; /* of payload */
	uint64_t payload[];
};

static struct node *build(int depth, uint64_t *random)
{
	uint32_t words = bench_random(random) % (PAYLOAD / 8 + 1);
	struct node *n = malloc(sizeof(*n) + words * sizeof(n->payload[0]));

	if (n == NULL)
		bench_fail("out of memory");
	*n = (struct node){ .below = 1, .words = words };
	for (uint32_t i = 0; i < words; i++)
		n->payload[i] = words;
	/* An inner node in sixteen has one child only. */
	if (depth > 1) {
		n->left = build(depth - 1, random);
		n->below += n->left->below;
	}
	if (depth > 1 && bench_random(random) % 16 != 0) {
		n->right = build(depth - 1, random);
		n->below += n->right->below;
	}
	return n;
}

static uint32_t walk(const struct node *n)
{
	if (n == NULL)
		return 0;
	for (uint32_t i = 0; i < n->words; i++)
		if (n->payload[i] != n->words)
			bench_fail("a block was overwritten");
	return 1 + walk(n->left) + walk(n->right);
}

static void take_down(struct node *n)
{
	if (n == NULL)
		return;
	take_down(n->left);
	take_down(n->right);
	free(n);
}

static long check(const struct node *n)
{
	if (walk(n) != n->below)
		bench_fail("nodes are missing");
	return n->below;
}

static void work(struct bench_lane *lane)
{
	uint64_t random = lane->random;
	struct node *staying = build(DEPTH_STAYING, &random);
	long done = check(staying);
	int depth = DEPTH_MIN;

	while (done < lane->operations) {
		struct node *n = build(depth, &random), *old = staying;

		done += check(n);
		/* Now and then a part of the staying tree is replaced. */
		for (int d = DEPTH_STAYING; d > depth + 1; d--)
			old = old->right != NULL && bench_random(&random) % 2 ? old->right
									       : old->left;
		if (bench_random(&random) % 4 == 0) {
			take_down(old->left);
			old->left = n;
		} else {
			take_down(n);
		}
		depth = depth < DEPTH_MAX ? depth + 1 : DEPTH_MIN;
	}
	walk(staying);
	take_down(staying);
	lane->operations = done;
}

int main(int argc, char **argv)
{
	struct bench b = { .name = "trees", .operations = 10000000, .threads = 1 };

	bench_start(&b, argc, argv);
	bench_lanes(&b, work);
	return bench_end(&b);
}
