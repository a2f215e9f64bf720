/*
 * cgroup.c - reading memory.high and memory.max of a group and its ancestors.
 *
 * owns: the paths that tests replace.
 * called from: os/cgroup.h's users.
 * Inside a container the group's path may be that of the host, of which nothing
 * is visible, while the root of the mount is the container's own group: so every
 * level is tried, and those that are not there are no error. The root of the
 * whole system has no such files.
 */
#include "base/base.h"
#include "os/cgroup.h"

#include "os/os.h"

#define PATH_SIZE 1024
#define READ_SIZE 256
/* Of /proc/self/cgroup: a line for each hierarchy of version 1, and the one of version 2. */
#define SELF_MAX ((size_t)64 << 10)
/* The longest that makes sense is 20 digits and a newline. */
#define VALUE_SIZE 32

const char *hm_cgroup_self = "/proc/self/cgroup";
const char *hm_cgroup_root = "/sys/fs/cgroup";

struct path {
	char text[PATH_SIZE + sizeof "/memory.high"];
	size_t len, root; /* the root's part of it is never cut off */
};

static void append(struct path *p, char c)
{
	if (p->len < PATH_SIZE)
		p->text[p->len] = c;
	p->len++;
}

static void append_text(struct path *p, const char *s)
{
	while (*s != '\0')
		append(p, *s++);
}

static void cut_slashes(struct path *p)
{
	while (p->len > p->root && p->text[p->len - 1] == '/')
		p->len--;
}

static void cut_last(struct path *p)
{
	while (p->len > p->root && p->text[p->len - 1] != '/')
		p->len--;
	cut_slashes(p);
}

/* Where in a line of /proc/self/cgroup: so much of PREFIX, or in a line of another kind. */
#define PREFIX "0::"
struct parser {
	size_t matched;
	bool other;
};

/* One character of the file; the group's path is appended. True at the end of its line. */
static bool parse_char(struct parser *s, struct path *p, char c)
{
	if (c == '\n') {
		if (s->matched == sizeof PREFIX - 1)
			return true;
		*s = (struct parser){ 0 };
	} else if (s->matched == sizeof PREFIX - 1) {
		append(p, c);
	} else if (!s->other && c == PREFIX[s->matched]) {
		s->matched++;
	} else {
		s->other = true;
	}
	return false;
}

/* False: the process has no group of version 2. */
static bool append_group(struct path *p)
{
	struct parser s = { 0 };
	size_t total = 0;
	bool done = false;
	char buf[READ_SIZE];
	ptrdiff_t n;
	int fd = hm_os_open_read(hm_cgroup_self);

	if (fd < 0)
		return false;
	while (!done && total < SELF_MAX && (n = hm_os_read(fd, buf, sizeof buf)) > 0) {
		for (ptrdiff_t i = 0; i < n && !done; i++)
			done = parse_char(&s, p, buf[i]);
		total += (size_t)n;
	}
	hm_os_close(fd);
	return s.matched == sizeof PREFIX - 1;
}

/* A group above the root of this namespace is shown as /..: nothing of it is visible. */
static bool has_parent_link(const struct path *p)
{
	for (size_t i = p->root; i + 2 < p->len; i++)
		if (p->text[i] == '/' && p->text[i + 1] == '.' && p->text[i + 2] == '.' &&
		    (i + 3 == p->len || p->text[i + 3] == '/'))
			return true;
	return false;
}

/* "max", or digits; what is beyond 64 bits is no limit. */
static bool parse(const char *s, size_t len, uint64_t *out)
{
	uint64_t v = 0;
	bool huge = false;

	if (len > 0 && s[len - 1] == '\n')
		len--;
	*out = HM_CGROUP_UNLIMITED;
	if (len == 3 && s[0] == 'm' && s[1] == 'a' && s[2] == 'x')
		return true;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		huge |= __builtin_mul_overflow(v, (uint64_t)10, &v) ||
			__builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v);
	}
	*out = huge ? HM_CGROUP_UNLIMITED : v;
	return len > 0 && len < VALUE_SIZE - 1;
}

static void read_limit(struct path *p, const char *name, struct hm_cgroup *out, uint64_t *least)
{
	char buf[VALUE_SIZE], *end = p->text + p->len;
	uint64_t value;
	ptrdiff_t n;
	int fd;

	while (*name != '\0')
		*end++ = *name++;
	*end = '\0';
	fd = hm_os_open_read(p->text);
	if (fd < 0)
		return;
	n = hm_os_read(fd, buf, sizeof buf);
	hm_os_close(fd);
	if (n < 0 || !parse(buf, (size_t)n, &value)) {
		out->malformed++;
		return;
	}
	out->files++;
	if (value < *least)
		*least = value;
}

void hm_cgroup_read(struct hm_cgroup *out)
{
	struct path p = { .len = 0 };

	*out = (struct hm_cgroup){ .high = HM_CGROUP_UNLIMITED, .max = HM_CGROUP_UNLIMITED };
	append_text(&p, hm_cgroup_root);
	p.root = p.len;
	if (p.root >= PATH_SIZE || !append_group(&p))
		return;
	if (p.len == p.root || p.text[p.root] != '/') {
		out->malformed++;
		return;
	}
	out->found = true;
	/* Too long: the ancestors that fit. */
	if (p.len > PATH_SIZE) {
		p.len = PATH_SIZE;
		cut_last(&p);
	}
	if (has_parent_link(&p))
		p.len = p.root;
	cut_slashes(&p);
	for (;;) {
		read_limit(&p, "/memory.high", out, &out->high);
		read_limit(&p, "/memory.max", out, &out->max);
		if (p.len == p.root)
			return;
		cut_last(&p);
	}
}
