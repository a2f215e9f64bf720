/*
 * prof_read.c - reading the text of a heap profile.
 *
 * owns: nothing.
 * called from: tools/prof.c.
 * The form is that of gperftools and jemalloc: "heap profile: N: BYTES [ALL: BYTES] @
 * heap_v2/RATE", lines of the same with addresses, "MAPPED_LIBRARIES:", lines of /proc/PID/maps.
 */
#include "tools/tool.h"
#include "tools/prof.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 10000

struct reader {
	FILE *in;
	const char *name;
	struct prof *p;
	char *line;
	size_t cap, number;
	size_t sample_cap, address_cap, mapping_cap, maps_cap;
};

static hm_noreturn void bad(const struct reader *r, const char *what)
{
	tool_die(EXIT_PROF, "%s:%zu: %s", r->name, r->number, what);
}

/* The next line, without its end. */
static bool next_line(struct reader *r)
{
	ssize_t n = getline(&r->line, &r->cap, r->in);

	if (n < 0) {
		if (ferror(r->in))
			tool_die(EXIT_PROF, "%s: %s", r->name, strerror(errno));
		return false;
	}
	r->number++;
	if (strlen(r->line) != (size_t)n)
		bad(r, "a null byte: no heap profile");
	if (n > 0 && r->line[n - 1] == '\n')
		r->line[n - 1] = '\0';
	return true;
}

static bool skip_text(const char **s, const char *text)
{
	size_t n = strlen(text);

	if (strncmp(*s, text, n) != 0)
		return false;
	*s += n;
	while (**s == ' ')
		++*s;
	return true;
}

static bool number(const char **s, int base, uint64_t *out)
{
	char *end;

	while (**s == ' ')
		++*s;
	if (!strchr("0123456789abcdef", **s) || **s == '\0')
		return false;
	errno = 0;
	*out = strtoull(*s, &end, base);
	if (errno != 0 || end == *s)
		return false;
	*s = end;
	return true;
}

/* "N: BYTES [ALL: BYTES] @ " */
static bool counts(const char **s, uint64_t n[4])
{
	return number(s, 10, &n[0]) && skip_text(s, ":") && number(s, 10, &n[1]) &&
	       skip_text(s, " ") && skip_text(s, "[") && number(s, 10, &n[2]) &&
	       skip_text(s, ":") && number(s, 10, &n[3]) && skip_text(s, "]") && skip_text(s, "@");
}

static void read_header(struct reader *r)
{
	const char *s;
	uint64_t n[4];

	if (!next_line(r))
		tool_die(EXIT_PROF, "%s: empty: no heap profile", r->name);
	s = r->line;
	if (!skip_text(&s, "heap profile:") || !counts(&s, n) ||
	    !(skip_text(&s, "heap_v2/") || skip_text(&s, "heapz_v2/")) ||
	    !number(&s, 10, &r->p->rate) || *s != '\0')
		bad(r, "no heap profile with its rate (heap_v2)");
	r->p->nr_live = n[0];
	r->p->nr_all = n[2];
}

/* Of blocks of that mean size, one in so many is sampled. */
static double factor(uint64_t blocks, uint64_t bytes, uint64_t rate)
{
	if (blocks == 0 || bytes == 0 || rate <= 1)
		return 1;
	return 1 / -expm1(-((double)bytes / (double)blocks) / (double)rate);
}

static void set_values(struct prof_sample *s, const uint64_t n[4], uint64_t rate)
{
	double live = factor(n[0], n[1], rate), all = factor(n[2], n[3], rate);

	s->value[PROF_LIVE_BLOCKS] = (double)n[0] * live;
	s->value[PROF_LIVE_BYTES] = (double)n[1] * live;
	s->value[PROF_ALL_BLOCKS] = (double)n[2] * all;
	s->value[PROF_ALL_BYTES] = (double)n[3] * all;
	s->block_size = n[2] > 0 ? n[3] / n[2] : n[0] > 0 ? n[1] / n[0] : 0;
}

static void read_sample(struct reader *r)
{
	struct prof *p = r->p;
	struct prof_sample sample = { .first = (unsigned)p->nr_addresses };
	const char *s = r->line;
	uint64_t n[4], pc;

	while (*s == ' ')
		s++;
	if (!counts(&s, n))
		bad(r, "not \"N: BYTES [N: BYTES] @ ADDRESSES\"");
	if ((n[0] == 0 && n[1] != 0) || (n[2] == 0 && n[3] != 0))
		bad(r, "bytes without blocks");
	set_values(&sample, n, p->rate);
	while (*s != '\0') {
		if (!number(&s, 16, &pc) || (*s != ' ' && *s != '\0'))
			bad(r, "no address");
		while (*s == ' ')
			s++;
		if (++sample.depth > DEPTH_MAX)
			bad(r, "too many addresses");
		if (p->nr_addresses == r->address_cap) {
			r->address_cap = 2 * r->address_cap + 1024;
			p->addresses = prof_grow(p->addresses, r->address_cap, sizeof(uint64_t));
		}
		/* Of the call. */
		p->addresses[p->nr_addresses++] = pc == 0 ? 0 : pc - 1;
	}
	if (p->nr_samples == r->sample_cap) {
		r->sample_cap = 2 * r->sample_cap + 64;
		p->samples = prof_grow(p->samples, r->sample_cap, sizeof(sample));
	}
	p->samples[p->nr_samples++] = sample;
}

static void keep_text(struct reader *r)
{
	struct prof *p = r->p;
	size_t n = strlen(r->line);

	if (r->maps_cap - p->maps_size < n + 2) {
		r->maps_cap = 2 * r->maps_cap + n + 4096;
		p->maps = prof_grow(p->maps, r->maps_cap, 1);
	}
	memcpy(p->maps + p->maps_size, r->line, n);
	p->maps[p->maps_size + n] = '\n';
	p->maps_size += n + 1;
}

/* "START-END PERMS OFFSET DEVICE INODE FILE"; a last line that was cut ends the list. */
static bool read_mapping(struct reader *r)
{
	struct prof *p = r->p;
	struct prof_mapping m = { .file = "" };
	int at = 0;
	char perms[8];
	unsigned long long start, end, offset;

	if (sscanf(r->line, "%llx-%llx %7s %llx %*s %*s %n", &start, &end, perms, &offset,
		   &at) < 4 || at == 0 || start >= end)
		return false;
	m.start = start;
	m.end = end;
	m.offset = offset;
	m.executable = strchr(perms, 'x') != NULL;
	m.file = prof_intern(r->line + at);
	if (p->nr_mappings == r->mapping_cap) {
		r->mapping_cap = 2 * r->mapping_cap + 64;
		p->mappings = prof_grow(p->mappings, r->mapping_cap, sizeof(m));
	}
	p->mappings[p->nr_mappings++] = m;
	keep_text(r);
	return true;
}

void prof_read(FILE *in, const char *name, struct prof *p)
{
	struct reader r = { .in = in, .name = name, .p = p };
	bool maps = false;

	memset(p, 0, sizeof(*p));
	read_header(&r);
	while (next_line(&r)) {
		if (strcmp(r.line, "MAPPED_LIBRARIES:") == 0) {
			maps = true;
			break;
		}
		if (r.line[0] != '\0' && r.line[0] != '#')
			read_sample(&r);
	}
	if (!maps)
		tool_die(EXIT_PROF, "%s: cut short: there are no mappings", name);
	while (next_line(&r)) {
		if (r.line[0] != '\0' && !read_mapping(&r)) {
			tool_say("%s:%zu: no mapping; the rest is left out", name, r.number);
			break;
		}
	}
	free(r.line);
}
