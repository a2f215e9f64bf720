/*
 * compiler.c - a compiler without its arenas: many lifetimes side by side.
 *
 * Stands for: programs that work in passes over what they have read. Tokens die
 * at the end of their statement, except for names that are seen first and stay
 * for the file or, some of them, for good; the syntax tree dies with its
 * function, except for declarations; each pass makes the function's code anew
 * while it frees the old one node by node, with a bitmap and a work list of
 * its own; output is written into chunks that stay to the end of the file. Short and
 * long lives are made in turn, which is what fragments a heap.
 * Pattern: our own, after the passes of gcc and clang; the lifetimes after
 * D. Barrett, B. Zorn, "Using Lifetime Predictors to Improve Memory Allocation
 * Performance", PLDI 1993.
 * Operation: one malloc, calloc or realloc.
 */
#include "bench.h"

#define FUNCTIONS 60 /* of a file */
#define PASSES 6
#define CHUNK 4096
#define SYMBOLS 20000 /* for good */
#define MARK 'n'

struct node {
	struct node *next;
	uint32_t size;
	char mark;
};

struct compiler {
	uint64_t random;
	long made;
	struct node *tree, *code;		  /* of the function */
	struct node *declarations, *names, *output; /* of the file */
	struct node *symbols[SYMBOLS];
};

static size_t upto(struct compiler *c, size_t lo, size_t hi)
{
	return bench_between(&c->random, lo, hi);
}

static struct node *make(struct compiler *c, struct node **list, size_t n)
{
	struct node *node = malloc(n < sizeof(*node) ? sizeof(*node) : n);

	if (node == NULL)
		bench_fail("out of memory");
	*node = (struct node){ .next = *list, .size = (uint32_t)n, .mark = MARK };
	*list = node;
	c->made++;
	return node;
}

static void drop(struct node *node)
{
	if (node->mark != MARK)
		bench_fail("a block was overwritten");
	free(node);
}

static void drop_all(struct node **list)
{
	for (struct node *n = *list, *next; n != NULL; n = next) {
		next = n->next;
		drop(n);
	}
	*list = NULL;
}

static void statement(struct compiler *c)
{
	struct node *tokens = NULL;

	for (size_t i = upto(c, 4, 12); i > 0; i--)
		make(c, upto(c, 0, 15) == 0 ? &c->names : &tokens, upto(c, 16, 40));
	for (size_t i = upto(c, 3, 10); i > 0; i--)
		make(c, upto(c, 0, 49) == 0 ? &c->declarations : &c->tree, upto(c, 24, 120));
	for (size_t i = upto(c, 2, 8); i > 0; i--)
		make(c, &c->code, upto(c, 32, 96));
	drop_all(&tokens);
}

/* The code anew: most nodes are replaced one by one, some are dropped, some become two. */
static void pass(struct compiler *c)
{
	size_t bits = upto(c, 64, 2048), length = 0, room = 64;
	char *bitmap = calloc(1, bits), *list = malloc(room);
	struct node *old = c->code;

	c->code = NULL;
	c->made += 2;
	for (struct node *next; old != NULL; old = next) {
		size_t what = upto(c, 0, 15);

		next = old->next;
		if (what > 0)
			make(c, &c->code, old->size);
		if (what == 15)
			make(c, &c->code, upto(c, 32, 96));
		if (++length * sizeof(void *) > room) {
			list = realloc(list, room *= 2);
			c->made++;
		}
		if (bitmap == NULL || list == NULL)
			bench_fail("out of memory");
		bitmap[old->size * length % bits] = MARK;
		list[room - 1] = MARK;
		drop(old);
	}
	free(bitmap);
	free(list);
}

static void function(struct compiler *c)
{
	for (size_t i = upto(c, 5, 60); i > 0; i--)
		statement(c);
	for (int i = 0; i < PASSES; i++)
		pass(c);
	if (upto(c, 0, 3) == 0)
		make(c, &c->output, CHUNK);
	drop_all(&c->code);
	drop_all(&c->tree);
}

static void file(struct compiler *c)
{
	for (int i = 0; i < FUNCTIONS; i++)
		function(c);
	drop_all(&c->declarations);
	drop_all(&c->output);
	for (struct node *n = c->names, *next; n != NULL; n = next) {
		size_t at = upto(c, 0, SYMBOLS - 1);

		next = n->next;
		if (upto(c, 0, 7) == 0) { /* this one stays, in another one's place */
			struct node *other = c->symbols[at];

			c->symbols[at] = n;
			n = other;
		}
		if (n != NULL)
			drop(n);
	}
	c->names = NULL;
}

static void work(struct bench_lane *lane)
{
	struct compiler *c = bench_table(1, sizeof(*c));

	c->random = lane->random;
	while (c->made < lane->operations)
		file(c);
	for (size_t i = 0; i < SYMBOLS; i++)
		if (c->symbols[i] != NULL)
			drop(c->symbols[i]);
	lane->operations = c->made;
	free(c);
}

int main(int argc, char **argv)
{
	struct bench b = { .name = "compiler", .operations = 40000000, .threads = 1 };

	bench_start(&b, argc, argv);
	bench_lanes(&b, work);
	return bench_end(&b);
}
