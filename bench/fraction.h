/*
 * fraction.h - the continued fraction of a square root in long integers, each of
 * which is a block of its own that lives for one step. The convergents h/k of
 * sqrt(d) obey h^2 - d k^2 = (-1)^i q: damage to any block breaks it.
 *
 * For bench/fractions.c and tests/long/cfrac.c, which define FRACTION_MALLOC,
 * FRACTION_FREE and FRACTION_NEED (a condition that holds, or else the end).
 */
#ifndef HM_BENCH_FRACTION_H
#define HM_BENCH_FRACTION_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* A natural number, little end first. */
struct big {
	uint32_t n;
	uint32_t limb[];
};

/* The last two convergents, and where the fraction is. */
struct fraction {
	struct big *h, *h1, *k, *k1;
	uint32_t d, a0, a, p, q;
	unsigned steps;
};

#define FRACTION_BLOCKS 8 /* that a step makes, and frees */

static inline struct big *big_new(uint32_t n)
{
	struct big *b = FRACTION_MALLOC(sizeof(*b) + n * sizeof(b->limb[0]));

	FRACTION_NEED(b != NULL);
	b->n = n;
	return b;
}

static inline struct big *big_of(uint32_t v)
{
	struct big *b = big_new(1);

	b->limb[0] = v;
	return b;
}

static inline void big_trim(struct big *b)
{
	while (b->n > 1 && b->limb[b->n - 1] == 0)
		b->n--;
}

/* a * m + b, a new number. */
static inline struct big *big_step(const struct big *a, uint32_t m, const struct big *b)
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
	FRACTION_NEED(carry == 0);
	big_trim(r);
	return r;
}

static inline struct big *big_mul(const struct big *a, const struct big *b)
{
	struct big *r = big_new(a->n + b->n);

	memset(r->limb, 0, r->n * sizeof(r->limb[0]));
	for (uint32_t i = 0; i < a->n; i++) {
		uint64_t carry = 0;

		for (uint32_t k = 0; k < b->n; k++) {
			carry += (uint64_t)a->limb[i] * b->limb[k] + r->limb[i + k];
			r->limb[i + k] = (uint32_t)carry;
			carry >>= 32;
		}
		r->limb[i + b->n] = (uint32_t)carry;
	}
	big_trim(r);
	return r;
}

static inline bool big_equal(const struct big *a, const struct big *b)
{
	return a->n == b->n && memcmp(a->limb, b->limb, a->n * sizeof(a->limb[0])) == 0;
}

/* h^2 - d k^2 is q, or -q in odd steps. */
static inline void fraction_check(const struct fraction *f)
{
	bool odd = f->steps % 2 == 0;
	struct big *hh = big_mul(f->h, f->h), *kk = big_mul(f->k, f->k), *extra = big_of(f->q);
	struct big *zero = big_of(0);
	struct big *left = big_step(hh, 1, odd ? extra : zero);
	struct big *right = big_step(kk, f->d, odd ? zero : extra);

	FRACTION_NEED(big_equal(left, right));
	FRACTION_FREE(hh);
	FRACTION_FREE(right);
	FRACTION_FREE(extra);
	FRACTION_FREE(kk);
	FRACTION_FREE(left);
	FRACTION_FREE(zero);
}

/* False for a square, whose fraction has no steps. */
static inline bool fraction_start(struct fraction *f, uint32_t d)
{
	uint32_t r = 1;

	while ((uint64_t)(r + 1) * (r + 1) <= d)
		r++;
	if (r * r == d)
		return false;
	*f = (struct fraction){ .d = d, .a0 = r, .a = r, .q = 1 };
	f->h = big_of(r);
	f->h1 = big_of(1);
	f->k = big_of(1);
	f->k1 = big_of(0);
	return true;
}

static inline void fraction_step(struct fraction *f)
{
	struct big *next;

	f->p = f->a * f->q - f->p;
	f->q = (f->d - f->p * f->p) / f->q;
	f->a = (f->a0 + f->p) / f->q;
	fraction_check(f);
	next = big_step(f->h, f->a, f->h1);
	FRACTION_FREE(f->h1);
	f->h1 = f->h;
	f->h = next;
	next = big_step(f->k, f->a, f->k1);
	FRACTION_FREE(f->k1);
	f->k1 = f->k;
	f->k = next;
	f->steps++;
}

static inline void fraction_end(struct fraction *f)
{
	FRACTION_FREE(f->h);
	FRACTION_FREE(f->h1);
	FRACTION_FREE(f->k);
	FRACTION_FREE(f->k1);
}

#endif
