/*
 * strings.c - words that are made, looked up, counted, joined and dropped.
 *
 * Stands for: what scripts do all day: many short strings with a life of a few
 * instructions, some that stay as keys of a hash table with an entry each, a
 * table that grows, lines put together by realloc, a cache that is swept. Frequent
 * words are found, rare ones are new: most of the mallocs are undone at once.
 * Pattern: our own, after word counting in Perl, awk and Python.
 * Operation: one word.
 */
#include "bench.h"

#define WORDS_LOG 19 /* different ones */
#define ENTRIES_MAX 60000
#define LINE 300 /* bytes */
#define LINES 256

struct entry {
	struct entry *next;
	char *key;
	uint32_t hash, count;
};

struct text {
	struct entry **buckets;
	size_t n_buckets, entries, sweep; /* n_buckets is a power of two */
	char *lines[LINES];
	size_t line, length;
	uint64_t random;
};

static void *need(void *p)
{
	if (p == NULL)
		bench_fail("out of memory");
	return p;
}

/* FNV-1a (G. Fowler, L. Noll, P. Vo) */
static uint32_t hash_of(const char *s)
{
	uint32_t h = 2166136261u;

	while (*s != '\0')
		h = (h ^ (unsigned char)*s++) * 16777619u;
	return h;
}

/* The text of a word; the smaller the number, the more frequent and the shorter. */
static char *word_of(uint32_t number)
{
	uint64_t letters = number;
	uint32_t n = 2 + (bench_random(&letters) & 7);
	char *s;

	for (uint32_t i = number; i > 15; i /= 16)
		n += 3;
	s = need(malloc(n + 1));
	letters = number;
	for (uint32_t i = 0; i < n; i++)
		s[i] = (char)('a' + bench_random(&letters) % 26);
	s[n] = '\0';
	return s;
}

static void grow(struct text *t)
{
	size_t n = 2 * t->n_buckets;
	struct entry **buckets = bench_table(n, sizeof(*buckets));

	for (size_t i = 0; i < t->n_buckets; i++)
		for (struct entry *e = t->buckets[i], *next; e != NULL; e = next) {
			next = e->next;
			e->next = buckets[e->hash & (n - 1)];
			buckets[e->hash & (n - 1)] = e;
		}
	free(t->buckets);
	t->buckets = buckets;
	t->n_buckets = n;
}

static void sweep_bucket(struct text *t, size_t i)
{
	for (struct entry *e = t->buckets[i], *next; e != NULL; e = next) {
		next = e->next;
		if (hash_of(e->key) != e->hash)
			bench_fail("a block was overwritten");
		free(e->key);
		free(e);
		t->entries--;
	}
	t->buckets[i] = NULL;
}

/* Counts the word; takes the string or frees it. */
static void count(struct text *t, char *word)
{
	uint32_t hash = hash_of(word);
	struct entry **bucket = &t->buckets[hash & (t->n_buckets - 1)], *e = *bucket;

	while (e != NULL && (e->hash != hash || strcmp(e->key, word) != 0))
		e = e->next;
	if (e != NULL) {
		e->count++;
		free(word);
		return;
	}
	e = need(malloc(sizeof(*e)));
	*e = (struct entry){ .next = *bucket, .key = word, .hash = hash, .count = 1 };
	*bucket = e;
	if (++t->entries > t->n_buckets)
		grow(t);
	for (; t->entries > ENTRIES_MAX; t->sweep++)
		sweep_bucket(t, t->sweep & (t->n_buckets - 1));
}

/* Adds the word to the line; a line that is full replaces an old one. */
static void append(struct text *t, const char *word)
{
	size_t n = strlen(word);
	char *line = need(realloc(t->lines[t->line], t->length + n + 2));

	memcpy(line + t->length, word, n);
	memcpy(line + t->length + n, " ", 2);
	t->lines[t->line] = line;
	t->length += n + 1;
	if (t->length > LINE) {
		if (strlen(line) != t->length)
			bench_fail("a block was overwritten");
		t->line = bench_random(&t->random) % LINES;
		free(t->lines[t->line]);
		t->lines[t->line] = NULL;
		t->length = 0;
	}
}

static void work(struct bench_lane *lane)
{
	struct text t = { .n_buckets = 16, .random = lane->random };

	t.buckets = bench_table(t.n_buckets, sizeof(*t.buckets));
	for (long i = 0; i < lane->operations; i++) {
		uint32_t top = 1u << bench_between(&t.random, 4, WORDS_LOG);
		char *word = word_of((uint32_t)bench_between(&t.random, 0, top - 1));

		if (i % 4 == 0)
			append(&t, word);
		count(&t, word);
	}
	for (size_t i = 0; i < t.n_buckets; i++)
		sweep_bucket(&t, i);
	free(t.buckets);
	for (size_t i = 0; i < LINES; i++)
		free(t.lines[i]);
}

int main(int argc, char **argv)
{
	struct bench b = { .name = "strings", .operations = 3000000, .threads = 1 };

	bench_start(&b, argc, argv);
	bench_lanes(&b, work);
	return bench_end(&b);
}
