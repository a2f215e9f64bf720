/*
 * compare_table.c - medians of what was measured: a table on a terminal, lines with tabs in a pipe,
 * JSON when asked.
 *
 * owns: nothing.
 * called from: tools/compare.c.
 */
#include "tools/tool.h"
#include "tools/compare_table.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *key, *title;
	int digits;
} columns[COMPARE_VALUES] = {
	[COMPARE_WALL] = { "wall_seconds", "wall s", 3 },
	[COMPARE_CPU] = { "cpu_seconds", "user+system s", 3 },
	[COMPARE_PEAK] = { "peak_mib", "peak MiB", 1 },
	[COMPARE_FAULTS] = { "page_faults", "page faults", 0 },
};

const char *compare_name(const char *library)
{
	static char names[2][64];
	static unsigned turn;
	char *out = names[turn++ % 2];
	const char *slash;

	if (library == NULL)
		return "glibc";
	slash = strrchr(library, '/');
	library = slash == NULL ? library : slash + 1;
	if (strncmp(library, "lib", 3) == 0)
		library += 3;
	snprintf(out, sizeof(names[0]), "%s", library);
	out[strcspn(out, ".")] = '\0';
	return out;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(const struct compare_sample *samples, unsigned count, unsigned column)
{
	double values[COMPARE_ROUNDS];

	for (unsigned i = 0; i < count; i++)
		values[i] = samples[i].values[column];
	qsort(values, count, sizeof(values[0]), by_value);
	return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

struct row {
	const char *lib;
	double value[COMPARE_VALUES], ratio[COMPARE_VALUES];
};

/* A value too small to be seen has no ratio. */
static void fill(struct row *row, const struct row *base, const struct compare_sample *samples,
		 unsigned rounds)
{
	for (unsigned k = 0; k < COMPARE_VALUES; k++) {
		row->value[k] = median(samples, rounds, k);
		row->ratio[k] = base->value[k] > 0 ? row->value[k] / base->value[k] : 0;
	}
}

static void print_table(const struct compare *c, const struct row *rows, unsigned sides,
			unsigned rounds)
{
	printf("%s: medians of %u round%s, and the ratio to glibc's malloc\n\n%-16s",
	       c->program->path, rounds, rounds == 1 ? "" : "s", "");
	for (unsigned k = 0; k < COMPARE_VALUES; k++)
		printf("%20s", columns[k].title);
	putchar('\n');
	for (unsigned i = 0; i < sides; i++) {
		printf("%-16s", compare_name(rows[i].lib));
		for (unsigned k = 0; k < COMPARE_VALUES; k++) {
			char ratio[32] = "";

			if (i > 0 && rows[i].ratio[k] > 0)
				snprintf(ratio, sizeof(ratio), "%.2f", rows[i].ratio[k]);
			printf("%13.*f%7s", columns[k].digits, rows[i].value[k], ratio);
		}
		putchar('\n');
	}
}

static void print_plain(const struct row *rows, unsigned sides)
{
	printf("allocator");
	for (unsigned k = 0; k < COMPARE_VALUES; k++)
		printf("\t%s\tratio", columns[k].key);
	putchar('\n');
	for (unsigned i = 0; i < sides; i++) {
		printf("%s", compare_name(rows[i].lib));
		for (unsigned k = 0; k < COMPARE_VALUES; k++)
			printf("\t%.*f\t%.3f", columns[k].digits, rows[i].value[k],
			       rows[i].ratio[k]);
		putchar('\n');
	}
}

static void print_json(const struct compare *c, const struct row *rows, unsigned sides,
		       unsigned rounds)
{
	printf("{\"program\": ");
	tool_json(stdout, c->program->path);
	printf(", \"rounds\": %u, \"allocators\": [", rounds);
	for (unsigned i = 0; i < sides; i++) {
		printf("%s\n  {\"name\": ", i == 0 ? "" : ",");
		tool_json(stdout, compare_name(rows[i].lib));
		printf(", \"library\": ");
		if (rows[i].lib == NULL)
			printf("null");
		else
			tool_json(stdout, rows[i].lib);
		for (unsigned k = 0; k < COMPARE_VALUES; k++) {
			printf(", \"%s\": %.6g", columns[k].key, rows[i].value[k]);
			if (rows[i].ratio[k] > 0)
				printf(", \"%s_ratio\": %.4g", columns[k].key, rows[i].ratio[k]);
		}
		putchar('}');
	}
	printf("\n]}\n");
}

void compare_print(const struct compare *c, const struct compare_sample *samples, unsigned rounds)
{
	struct row rows[COMPARE_SIDES];
	unsigned sides = c->nr_libraries + 1;

	for (unsigned i = 0; i < sides; i++) {
		rows[i].lib = i == 0 ? NULL : c->libraries[i - 1];
		fill(&rows[i], &rows[0], &samples[i * c->rounds], rounds);
	}
	if (c->json)
		print_json(c, rows, sides, rounds);
	else if (isatty(STDOUT_FILENO))
		print_table(c, rows, sides, rounds);
	else
		print_plain(rows, sides);
}
