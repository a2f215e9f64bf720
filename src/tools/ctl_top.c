/*
 * ctl_top.c - hakmem-ctl top: what processes hold, as a table that is renewed on a screen, or
 * printed once in each interval where there is none.
 *
 * All processes are only read. A single one that is exposed is asked for more: what its program
 * has in use.
 * owns: the rows, and those of the last time.
 * called from: tools/ctl.c.
 */
#include "tools/tool.h"
#include "tools/ctl.h"

#include "tools/screen.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct row {
	long pid;
	char name[64];
	uint64_t resident;
	struct target_figures f;
	bool asked; /* the next are known */
	uint64_t live, blocks, cached;
	double given; /* bytes given back in each second */
};

struct table {
	struct row *rows;
	size_t count, room;
	long at; /* ms */
	unsigned closed;
};

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct row *add(struct table *t)
{
	if (t->count == t->room) {
		t->room = t->room == 0 ? 64 : 2 * t->room;
		t->rows = realloc(t->rows, t->room * sizeof(t->rows[0]));
		if (t->rows == NULL)
			tool_die(CTL_CANNOT, "%s", strerror(errno));
	}
	memset(&t->rows[t->count], 0, sizeof(t->rows[0]));
	return &t->rows[t->count++];
}

static void fill(struct target *t, enum target_kind kind, void *arg)
{
	struct table *table = arg;
	struct target_figures f;
	struct row *r;

	if (kind != TARGET_FOUND || !target_figures(t, &f))
		return;
	r = add(table);
	r->pid = t->pid;
	r->f = f;
	r->resident = target_resident(t);
	snprintf(r->name, sizeof(r->name), "%s", t->name);
	for (char *p = r->name; *p != '\0'; p++)
		*p = (char)(*p < ' ' || *p > '~' ? '?' : *p);
}

/* The value of a line NAME VALUE. */
static uint64_t value(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *at = text; at != NULL; at = strchr(at, '\n')) {
		at += *at == '\n';
		if (strncmp(at, name, n) == 0 && at[n] == ' ')
			return strtoull(at + n + 1, NULL, 10);
		if (*at == '\0')
			break;
	}
	return 0;
}

static void fill_one(const struct ctl *c, struct table *table, struct target *t)
{
	struct reply reply = { .text = NULL };
	struct row *r;

	fill(t, TARGET_FOUND, table);
	if (table->count == 0)
		return;
	r = &table->rows[0];
	if (ask(t, HM_COMMAND_FIGURES, "", c->timeout, &reply) == ASKED_ANSWERED &&
	    reply.status == HM_MAIL_DONE) {
		r->asked = true;
		r->live = value(reply.text, "live");
		r->blocks = value(reply.text, "blocks");
		r->cached = value(reply.text, "cached");
	}
	free(reply.text);
}

static int by_held(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->f.held != y->f.held)
		return x->f.held < y->f.held ? 1 : -1;
	return x->pid > y->pid ? 1 : -1;
}

static void rates(struct table *now, const struct table *before)
{
	double seconds = (double)(now->at - before->at) / 1000;

	for (size_t i = 0; i < now->count; i++) {
		struct row *r = &now->rows[i];

		for (size_t k = 0; k < before->count && seconds > 0; k++) {
			const struct row *old = &before->rows[k];

			if (old->pid == r->pid && r->f.purged >= old->f.purged)
				r->given = (double)(r->f.purged - old->f.purged) / seconds;
		}
	}
}

static const char *size_or_none(char buf[16], bool known, uint64_t n)
{
	return known ? ctl_size(buf, n) : "-";
}

static void line_of(const struct row *r, char *out, size_t size)
{
	char a[16], b[16], c[16], d[16], e[16], f[16], g[16];

	snprintf(out, size, "%8ld %7s %7s %7s %7s %7s %7s %7" PRIu64 " %8s %6" PRIu64 "  %s",
		 r->pid, ctl_size(a, r->resident), ctl_size(b, r->f.held),
		 size_or_none(c, r->asked, r->live), size_or_none(d, r->asked, r->cached),
		 ctl_size(e, r->f.free), ctl_size(f, r->f.large), r->f.heaps,
		 ctl_size(g, (uint64_t)r->given), r->f.failed, r->name);
}

static void show(const struct table *t, bool screen)
{
	char line[256];

	snprintf(line, sizeof(line), "%8s %7s %7s %7s %7s %7s %7s %7s %8s %6s  %s", "PID",
		 "RES", "HELD", "LIVE", "CACHED", "FREE", "LARGE", "THREADS", "GIVEN/S", "FAILED",
		 "NAME");
	if (screen) {
		screen_begin();
		screen_line(line, true);
	} else {
		printf("%s\n", line);
	}
	for (size_t i = 0; i < t->count; i++) {
		line_of(&t->rows[i], line, sizeof(line));
		if (screen)
			screen_line(line, false);
		else
			printf("%s\n", line);
	}
	if (screen)
		screen_end();
	else
		fflush(stdout);
}

static void rest(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

/* One table. False: the one process has ended. */
static bool sample(const struct ctl *c, struct table *t, struct target *one)
{
	t->count = 0;
	t->at = now_ms();
	if (one == NULL)
		t->closed = ctl_each(fill, t);
	else
		fill_one(c, t, one);
	if (t->count > 1)
		qsort(t->rows, t->count, sizeof(t->rows[0]), by_held);
	return one == NULL || t->count > 0;
}

int ctl_top(const struct ctl *c, long pid)
{
	static struct target one;
	struct table tables[2] = { { .rows = NULL }, { .rows = NULL } };
	bool screen, there = true, quit = false;
	long round = 0;

	if (pid != 0)
		ctl_open(&one, pid);
	screen = screen_open();
	while (!quit && there) {
		struct table *now = &tables[round % 2];

		there = sample(c, now, pid != 0 ? &one : NULL);
		if (!there)
			break;
		rates(now, &tables[(round + 1) % 2]);
		show(now, screen);
		round++;
		if (ferror(stdout) || (c->iterations > 0 && round >= c->iterations))
			break;
		if (screen)
			quit = screen_wait(c->interval);
		else
			rest(c->interval);
	}
	if (screen)
		screen_close();
	if (!there)
		tool_die(CTL_GONE, "process %ld: it has ended, or executed another program", pid);
	return CTL_DONE;
}
