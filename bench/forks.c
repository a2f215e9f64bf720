/*
 * forks.c - a process with a heap that forks, and children that allocate.
 *
 * Stands for: shells, build systems, preforking servers and the snapshots of
 * databases: the child replaces some of the blocks that it has inherited and
 * ends, while the parent goes on. Each page that either of them writes to is
 * copied first: lists inside blocks and metadata that is spread out cost more
 * copies. What the allocator itself does at a fork is in it too.
 * Pattern: our own.
 * Operation: one fork and the end of its child. The peak is the parent's.
 */
#include "bench.h"

#include <sys/wait.h>
#include <unistd.h>

#define HEAP 20000 /* blocks */
#define CHILD 500  /* of them are replaced by a child ... */
#define PARENT 50  /* ... and by its parent */
#define SIZE_MIN 16
#define SIZE_MAX_ 512
#define MARK 'f'

static void *heap[HEAP];

static void replace(int n, uint64_t random)
{
	for (int i = 0; i < n; i++) {
		void **slot = &heap[bench_between(&random, 0, HEAP - 1)];

		bench_free(*slot, MARK);
		*slot = bench_alloc(bench_between(&random, SIZE_MIN, SIZE_MAX_), MARK);
	}
}

static void one(uint64_t random)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		bench_fail("cannot fork");
	if (child == 0) {
		replace(CHILD, random);
		_exit(0);
	}
	replace(PARENT, random);
	while (waitpid(child, &status, 0) != child)
		if (errno != EINTR)
			bench_fail("the child is lost");
	if (status != 0)
		bench_fail("a child failed");
}

int main(int argc, char **argv)
{
	struct bench b = { .name = "forks", .operations = 200, .threads = 1 };
	uint64_t random;

	bench_start(&b, argc, argv);
	if (b.threads != 1)
		bench_fail("has one thread only");
	random = b.seed;
	for (int i = 0; i < HEAP; i++)
		heap[i] = bench_alloc(bench_between(&random, SIZE_MIN, SIZE_MAX_), MARK);
	for (long i = 0; i < b.operations; i++)
		one(b.seed + (uint64_t)i * 1000003);
	for (int i = 0; i < HEAP; i++)
		bench_free(heap[i], MARK);
	return bench_end(&b);
}
