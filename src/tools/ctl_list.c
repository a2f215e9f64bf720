/*
 * ctl_list.c - hakmem-ctl list: the processes that run on hakmem.
 *
 * owns: nothing.
 * called from: tools/ctl.c.
 */
#include "tools/tool.h"
#include "tools/ctl.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

struct list {
	bool json, table;
	unsigned count;
};

/* The V of libhakmem-V.so, as it was built; "-" of the default one; "static". */
static void variant(const struct target *t, char *out, size_t size)
{
	static const char begin[] = " variant=";
	const char *at = strstr(t->build, begin);

	snprintf(out, size, "%s", at == NULL ? "-" : at + sizeof(begin) - 1);
	out[strcspn(out, " ")] = '\0';
	if (strcmp(out, "default") == 0)
		snprintf(out, size, "%s", t->is_static ? "static" : "-");
}

/* What a terminal shows without harm: it has controls above ASCII, too. */
static const char *plain(char *s)
{
	for (char *p = s; *p != '\0'; p++) {
		if (*p < ' ' || *p > '~')
			*p = '?';
	}
	return s;
}

static const char *mode(const struct target *t, enum target_kind kind)
{
	uint32_t process = 0;

	if (kind == TARGET_OTHER)
		return "other";
	if (t->passthrough)
		return "passthrough";
	if (target_read(t, (uintptr_t)t->view.mailbox, &process, sizeof(process)) &&
	    process != 0 && process == t->self)
		return "exposed";
	return "hakmem";
}

static void print_json(const struct list *l, const struct target *t, enum target_kind kind,
		       const char *which, uint64_t held)
{
	printf("%s\n  {\"pid\": %ld, \"name\": ", l->count == 0 ? "" : ",", t->pid);
	tool_json(stdout, t->name);
	printf(", \"version\": ");
	tool_json(stdout, t->version);
	printf(", \"variant\": ");
	tool_json(stdout, which);
	printf(", \"mode\": \"%s\", \"resident\": %" PRIu64 ", \"held\": %" PRIu64
	       ", \"replaced\": %s, \"file\": ",
	       mode(t, kind), target_resident(t), held, t->deleted ? "true" : "false");
	tool_json(stdout, t->file);
	printf(", \"build\": ");
	tool_json(stdout, t->build);
	printf("}");
}

static void show(struct target *t, enum target_kind kind, void *arg)
{
	struct list *l = arg;
	struct target_figures f = { 0 };
	char which[64], a[16], b[16];

	if (kind == TARGET_FOUND && !target_figures(t, &f))
		return;
	variant(t, which, sizeof(which));
	if (l->json) {
		print_json(l, t, kind, which, f.held);
	} else if (l->table) {
		if (l->count == 0)
			printf("%8s  %-10s %-10s %-12s %8s %8s  %s\n", "PID", "VERSION", "VARIANT",
			       "MODE", "RESIDENT", "HELD", "NAME");
		printf("%8ld  %-10s %-10s %-12s %8s %8s  %s%s\n", t->pid, plain(t->version),
		       plain(which), mode(t, kind), ctl_size(a, target_resident(t)),
		       ctl_size(b, f.held), plain(t->name), t->deleted ? " (file replaced)" : "");
	} else {
		printf("%ld\t%s\t%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t%s\t%s\n", t->pid,
		       plain(t->version), plain(which), mode(t, kind), target_resident(t), f.held,
		       t->deleted ? "replaced" : "current", plain(t->name));
	}
	l->count++;
}

int ctl_list(const struct ctl *c)
{
	struct list l = { .json = c->json, .table = isatty(STDOUT_FILENO) == 1 };
	unsigned closed;

	printf(l.json ? "{\"processes\": [" : "");
	closed = ctl_each(show, &l);
	if (l.json)
		printf("%s], \"not_permitted\": %u}\n", l.count == 0 ? "" : "\n", closed);
	else if (l.table && closed > 0)
		printf("%u processes may not be looked at: root sees all\n", closed);
	else if (l.count == 0)
		tool_say("no process that may be looked at runs on hakmem");
	return CTL_DONE;
}
