/*
 * realloc_growth.c - strings and vectors that grow while others grow beside them.
 *
 * Stands for: string builders, line buffers, vectors, the output of a program:
 * each grows by an eighth at a time until it is done, is freed and starts again
 * from 16 bytes. Whether a block can grow where it is, how often it
 * is copied, and what a large one costs (a remapping, or a copy and new pages)
 * is what is measured. The user writes what was added: one byte in each page.
 * Pattern: growth by a factor as in the vectors of most languages; the factor of
 * 1/8 is that of CPython's lists.
 * Operation: one realloc.
 */
#include "bench.h"

#define START 16
#define PAGE 4096
#define MARK 'g'

enum { MAX, VECTORS };

static struct bench_option options[] = {
	[MAX] = { .name = "max", .value = 4096, .min = 1 << 8, .max = 1 << 30 },
	[VECTORS] = { .name = "vectors", .value = 64, .min = 1, .max = 1000000 },
	{ .name = NULL },
};

struct vector {
	char *p;
	size_t n;
};

static void check(const struct vector *v)
{
	if (v->p[0] != MARK || v->p[v->n - 1] != MARK || v->p[v->n / 2 / PAGE * PAGE] != MARK)
		bench_fail("a block was overwritten");
}

static void grow(struct vector *v)
{
	size_t n = v->n == 0 ? START : v->n + v->n / 8 + START / 2;
	char *p = realloc(v->p, n);

	if (p == NULL)
		bench_fail("out of memory");
	for (size_t i = (v->n + PAGE - 1) / PAGE * PAGE; i < n; i += PAGE)
		p[i] = MARK;
	p[n - 1] = MARK;
	v->p = p;
	v->n = n;
	check(v);
}

static void work(struct bench_lane *lane)
{
	size_t n = (size_t)options[VECTORS].value, max = (size_t)options[MAX].value;
	struct vector *vectors = bench_table(n, sizeof(*vectors));
	uint64_t random = lane->random;

	for (long i = 0; i < lane->operations; i++) {
		struct vector *v = &vectors[bench_between(&random, 0, n - 1)];

		if (v->n >= max) {
			free(v->p);
			*v = (struct vector){ NULL, 0 };
		}
		grow(v);
	}
	for (size_t i = 0; i < n; i++)
		free(vectors[i].p);
	free(vectors);
}

int main(int argc, char **argv)
{
	struct bench b = {
		.name = "realloc_growth", .operations = 10000000, .threads = 1, .options = options
	};

	bench_start(&b, argc, argv);
	bench_lanes(&b, work);
	return bench_end(&b);
}
