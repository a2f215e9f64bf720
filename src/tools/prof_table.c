/*
 * prof_table.c - the functions that allocate most, as a table.
 *
 * owns: nothing.
 * called from: tools/prof.c.
 */
#include "tools/tool.h"
#include "tools/prof.h"

#include <stdlib.h>
#include <string.h>

struct row {
	const char *function;
	double own, total; /* what it allocates itself, and with what it calls */
	size_t seen;       /* the sample that counted it last, from 1: recursion counts once */
};

static int by_name(const void *a, const void *b)
{
	uintptr_t x = (uintptr_t)((const struct row *)a)->function;
	uintptr_t y = (uintptr_t)((const struct row *)b)->function;

	return x < y ? -1 : x > y;
}

static int by_value(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->own != y->own)
		return x->own > y->own ? -1 : 1;
	if (x->total != y->total)
		return x->total > y->total ? -1 : 1;
	return strcmp(x->function, y->function);
}

/* A row for each name. */
static struct row *make_rows(const struct prof *p, size_t *count)
{
	struct row *rows = prof_grow(NULL, p->nr_frames, sizeof(*rows));
	size_t n = 0;

	for (size_t i = 0; i < p->nr_frames; i++)
		rows[i] = (struct row){ .function = p->frames[i].function };
	qsort(rows, p->nr_frames, sizeof(*rows), by_name);
	for (size_t i = 0; i < p->nr_frames; i++) {
		if (n == 0 || rows[n - 1].function != rows[i].function)
			rows[n++] = rows[i];
	}
	*count = n;
	return rows;
}

static double add_sample(const struct prof *p, size_t i, enum prof_value value, struct row *rows,
			 size_t n)
{
	const struct prof_sample *s = &p->samples[i];

	for (unsigned k = 0; k < s->depth; k++) {
		struct row key = { .function = p->frames[p->addresses[s->first + k]].function };
		struct row *r = bsearch(&key, rows, n, sizeof(*r), by_name);

		if (k == 0)
			r->own += s->value[value];
		if (r->seen != i + 1)
			r->total += s->value[value];
		r->seen = i + 1;
	}
	return s->value[value];
}

/* In UTF-8, but for what a terminal would obey: C0 and DEL, and C1, which is C2 80 to C2 9F. */
static void put_name(FILE *out, const char *name)
{
	for (const unsigned char *s = (const unsigned char *)name; *s != '\0'; s++) {
		bool c1 = s[0] == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0;

		putc(*s < ' ' || *s == 0x7f || c1 ? '?' : *s, out);
		s += c1;
	}
}

void prof_write_table(const struct prof *p, const struct prof_view *v, FILE *out)
{
	double total = 0;
	size_t n, shown = 0;
	struct row *rows = make_rows(p, &n);

	for (size_t i = 0; i < p->nr_samples; i++)
		total += add_sample(p, i, v->value, rows, n);
	qsort(rows, n, sizeof(*rows), by_value);
	fprintf(out, "%s: %.0f, estimated from %llu samples, one in %llu bytes\n", prof_title(v),
		total, (unsigned long long)(v->value >= PROF_LIVE_BLOCKS ? p->nr_live : p->nr_all),
		(unsigned long long)p->rate);
	fprintf(out, "%16s %6s %16s %6s  %s\n", "itself", "%", "with callees", "%", "function");
	for (size_t i = 0; i < n && (v->rows == 0 || shown < v->rows); i++) {
		const struct row *r = &rows[i];

		if (r->total < 0.5)
			continue;
		fprintf(out, "%16.0f %6.1f %16.0f %6.1f  ", r->own, 100 * r->own / total, r->total,
			100 * r->total / total);
		put_name(out, r->function);
		putc('\n', out);
		shown++;
	}
	free(rows);
}
