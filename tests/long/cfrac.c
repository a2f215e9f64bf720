/*
 * cfrac.c - in the manner of the cfrac benchmark: long integers, each a block
 * of its own that lives for one step of a continued fraction. The convergents
 * h/k of sqrt(N) obey h^2 - N k^2 = (-1)^i q: damage to any block breaks it.
 */
#include "base/base.h"

#include "long.h"

#define THREADS 4
#define LIMBS_MAX 60

/* A natural number, little end first. */
struct big {
	uint32_t n;
	uint32_t limb[];
};

static unsigned long long operations[THREADS];
static uint64_t seed;

static struct big *big_new(uint32_t n)
{
	struct big *b = hak_malloc(sizeof *b + n * sizeof b->limb[0]);

	NEED(b != NULL);
	b->n = n;
	return b;
}

static struct big *big_of(uint32_t v)
{
	struct big *b = big_new(1);

	b->limb[0] = v;
	return b;
}

/* a * m + b, a new number. */
static struct big *big_step(const struct big *a, uint32_t m, const struct big *b)
{
	uint32_t n = (a->n > b->n ? a->n : b->n) + 1;
	struct big *r = big_new(n);
	uint64_t carry = 0;

	for (uint32_t i = 0; i < n; i++) {
		carry += i < a->n ? (uint64_t)a->limb[i] * m : 0;
		carry += i < b->n ? b->limb[i] : 0;
		r->limb[i] = (uint32_t)carry;
		carry >>= 32;
	}
	NEED(carry == 0);
	while (r->n > 1 && r->limb[r->n - 1] == 0)
		r->n--;
	return r;
}

static struct big *big_mul(const struct big *a, const struct big *b)
{
	struct big *r = big_new(a->n + b->n);

	memset(r->limb, 0, r->n * sizeof r->limb[0]);
	for (uint32_t i = 0; i < a->n; i++) {
		uint64_t carry = 0;

		for (uint32_t k = 0; k < b->n; k++) {
			carry += (uint64_t)a->limb[i] * b->limb[k] + r->limb[i + k];
			r->limb[i + k] = (uint32_t)carry;
			carry >>= 32;
		}
		r->limb[i + b->n] = (uint32_t)carry;
	}
	while (r->n > 1 && r->limb[r->n - 1] == 0)
		r->n--;
	return r;
}

static bool big_equal(const struct big *a, const struct big *b)
{
	return a->n == b->n && memcmp(a->limb, b->limb, a->n * sizeof a->limb[0]) == 0;
}

/* h^2 - d k^2 is q, or -q in odd steps. */
static void check(const struct big *h, const struct big *k, uint32_t d, uint32_t q, bool odd)
{
	struct big *hh = big_mul(h, h), *kk = big_mul(k, k), *extra = big_of(q);
	struct big *zero = big_of(0);
	struct big *left = big_step(hh, 1, odd ? extra : zero);
	struct big *right = big_step(kk, d, odd ? zero : extra);

	NEED(big_equal(left, right));
	hak_free(hh);
	hak_free(right);
	hak_free(extra);
	hak_free(kk);
	hak_free(left);
	hak_free(zero);
}

static uint32_t root(uint32_t d)
{
	uint32_t r = 1;

	while ((uint64_t)(r + 1) * (r + 1) <= d)
		r++;
	return r;
}

/* The fraction of sqrt(d) until its convergents are long. Returns the steps. */
static unsigned expand(uint32_t d)
{
	uint32_t a0 = root(d), a = a0, p = 0, q = 1;
	struct big *h = big_of(a0), *h1 = big_of(1), *k = big_of(1), *k1 = big_of(0), *next;
	unsigned steps = 0;

	while (h->n < LIMBS_MAX && !long_over) {
		p = a * q - p;
		q = (d - p * p) / q;
		a = (a0 + p) / q;
		check(h, k, d, q, steps % 2 == 0);
		next = big_step(h, a, h1);
		hak_free(h1);
		h1 = h;
		h = next;
		next = big_step(k, a, k1);
		hak_free(k1);
		k1 = k;
		k = next;
		steps++;
	}
	hak_free(h);
	hak_free(h1);
	hak_free(k);
	hak_free(k1);
	return steps;
}

static void *work(void *arg)
{
	uintptr_t id = (uintptr_t)arg;
	struct rng r = { mix64(seed + id) };

	while (!long_over) {
		uint32_t d = 1000 + (uint32_t)rng_below(&r, 1000000);

		if (root(d) * root(d) != d)
			operations[id] += 8 * expand(d);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned seconds = long_seconds(argc, argv);
	unsigned long long all = 0;
	pthread_t ids[THREADS];

	alarm(2 * seconds + 60);
	seed = stress_seed("cfrac");
	for (uintptr_t i = 0; i < THREADS; i++)
		NEED(pthread_create(&ids[i], NULL, work, (void *)i) == 0);
	long_wait("cfrac", seconds);
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(ids[i], NULL);
		all += operations[i];
	}
	return long_end("cfrac", all);
}
