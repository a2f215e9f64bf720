/*
 * ctl_target.c - finding the view in a process's memory, which may hold anything.
 *
 * owns: nothing.
 * called from: tools/ctl*.c.
 */
#include "tools/tool.h"
#include "tools/ctl_target.h"

#include "tools/elf_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SEGMENTS 64
#define NOTES ((size_t)16 << 10)

bool target_read(const struct target *t, uint64_t at, void *buf, size_t n)
{
	return at <= INT64_MAX && pread(t->mem, buf, n, (off_t)at) == (ssize_t)n;
}

bool target_write(const struct target *t, uint64_t at, const void *buf, size_t n)
{
	return at <= INT64_MAX && pwrite(t->mem, buf, n, (off_t)at) == (ssize_t)n;
}

bool target_status(long pid, const char *file, const char *word, char *out, size_t size)
{
	char path[64], line[4096];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/%s", pid, file);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, word, strlen(word)) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(out, size, "%s",
			 line + strlen(word) + strspn(line + strlen(word), " \t"));
		found = true;
	}
	fclose(f);
	return found;
}

/* ---- the note ---- */

static size_t aligned(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

/* Notes in [buf, buf+n), which is at `at` in the process: where the view is, or 0. */
static uint64_t view_in_notes(const char *buf, size_t n, uint64_t at)
{
	size_t i = 0;

	while (n - i >= sizeof(ElfW(Nhdr))) {
		struct hm_view_note note;
		ElfW(Nhdr) h;
		size_t name, contents;

		memcpy(&h, buf + i, sizeof(h));
		name = i + sizeof(h);
		if (h.n_namesz > n || h.n_descsz > n || aligned(h.n_namesz) > n - name)
			return 0;
		contents = name + aligned(h.n_namesz);
		if (h.n_descsz > n - contents)
			return 0;
		if (h.n_type == HM_VIEW_NOTE && h.n_namesz == sizeof(HM_VIEW_OWNER) &&
		    memcmp(buf + name, HM_VIEW_OWNER, sizeof(HM_VIEW_OWNER)) == 0 &&
		    h.n_descsz >= sizeof(note)) {
			memcpy(&note, buf + contents, sizeof(note));
			return at + contents + offsetof(struct hm_view_note, offset) +
			       (uint64_t)(int64_t)note.offset;
		}
		if (aligned(h.n_descsz) > n - contents)
			return 0;
		i = contents + aligned(h.n_descsz);
	}
	return 0;
}

static uint64_t view_in_segment(const struct target *t, const ElfW(Phdr) * h, uint64_t bias)
{
	static char buf[NOTES];
	size_t n = h->p_memsz < sizeof(buf) ? h->p_memsz : sizeof(buf);

	if (n == 0 || !target_read(t, bias + h->p_vaddr, buf, n))
		return 0;
	return view_in_notes(buf, n, bias + h->p_vaddr);
}

/* A file is mapped from its begin at `at`. */
static uint64_t view_in_file(const struct target *t, uint64_t at)
{
	ElfW(Phdr) segments[SEGMENTS];
	uint64_t bias = at, found = 0;
	ElfW(Ehdr) h;

	if (!target_read(t, at, &h, sizeof(h)) || memcmp(h.e_ident, ELFMAG, SELFMAG) != 0 ||
	    h.e_phentsize != sizeof(segments[0]) || h.e_phnum > SEGMENTS ||
	    !target_read(t, at + h.e_phoff, segments, h.e_phnum * sizeof(segments[0])))
		return 0;
	for (unsigned i = 0; i < h.e_phnum; i++) {
		if (segments[i].p_type == PT_LOAD && segments[i].p_offset == 0)
			bias = at - segments[i].p_vaddr;
	}
	for (unsigned i = 0; i < h.e_phnum && found == 0; i++) {
		if (segments[i].p_type == PT_NOTE)
			found = view_in_segment(t, &segments[i], bias);
	}
	return found;
}

/* ---- the view ---- */

static void read_text(const struct target *t, const char *at, char *out, size_t size)
{
	memset(out, 0, size);
	/* It may end a mapping, so by bytes. */
	for (size_t i = 0; i + 1 < size; i++) {
		if (!target_read(t, (uintptr_t)at + i, out + i, 1) || out[i] < ' ' ||
		    out[i] > '~') {
			out[i] = '\0';
			return;
		}
	}
}

static enum target_kind read_view(struct target *t)
{
	struct hm_view *v = &t->view;

	if (!target_read(t, t->at, v, offsetof(struct hm_view, slab_size)) ||
	    memcmp(v->magic, HM_VIEW_MAGIC, sizeof(HM_VIEW_MAGIC)) != 0)
		return TARGET_NONE;
	v->version[sizeof(v->version) - 1] = '\0';
	snprintf(t->version, sizeof(t->version), "%s", v->version);
	if (v->layout != HM_VIEW_LAYOUT || v->size != sizeof(*v))
		return TARGET_OTHER;
	if (!target_read(t, t->at, v, sizeof(*v)) ||
	    !target_read(t, (uintptr_t)v->passthrough, &t->passthrough, 1))
		return TARGET_NONE;
	read_text(t, v->build, t->build, sizeof(t->build));
	return TARGET_FOUND;
}

/* "start-end perms offset device inode path" */
static bool parse_line(char *line, uint64_t *start, char **path)
{
	unsigned long offset, inode;
	unsigned long long begin, end;
	char permissions[8];
	int n = 0;

	if (sscanf(line, "%llx-%llx %7s %lx %*x:%*x %lu %n", &begin, &end, permissions, &offset,
		   &inode, &n) < 5 ||
	    n == 0 || offset != 0 || inode == 0 || permissions[0] != 'r')
		return false;
	line[strcspn(line, "\n")] = '\0';
	*start = begin;
	*path = line + n;
	return true;
}

static void take_file(struct target *t, const char *path)
{
	static const char gone[] = " (deleted)";
	char link[64], exe[PATH_MAX] = "";
	size_t n;

	snprintf(t->file, sizeof(t->file), "%s", path);
	snprintf(link, sizeof(link), "/proc/%ld/exe", t->pid);
	t->is_static = readlink(link, exe, sizeof(exe) - 1) > 0 && strcmp(exe, t->file) == 0;
	n = strlen(t->file);
	t->deleted = n > sizeof(gone) && strcmp(t->file + n - (sizeof(gone) - 1), gone) == 0;
	if (t->deleted)
		t->file[n - (sizeof(gone) - 1)] = '\0';
}

static enum target_kind search(struct target *t, FILE *maps)
{
	char line[2 * PATH_MAX], *path;
	bool any = false, whole = true, ends;
	uint64_t start;

	for (; fgets(line, sizeof(line), maps) != NULL; whole = ends) {
		ends = strchr(line, '\n') != NULL;
		any = true;
		if (!whole || !parse_line(line, &start, &path))
			continue;
		t->at = view_in_file(t, start);
		if (t->at != 0) {
			enum target_kind kind = read_view(t);

			take_file(t, path);
			if (kind != TARGET_NONE)
				return kind;
		}
	}
	return any ? TARGET_NONE : TARGET_KERNEL;
}

static enum target_kind why(int error)
{
	return error == EACCES || error == EPERM ? TARGET_DENIED : TARGET_GONE;
}

static bool is_foreign(long pid)
{
	struct elf_file elf;
	char path[64];
	bool is;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/exe", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	is = elf_read(fd, &elf) == ELF_FOREIGN;
	close(fd);
	return is;
}

static void read_names(struct target *t)
{
	char text[256], *last;

	if (target_status(t->pid, "status", "Name:", text, sizeof(text)))
		snprintf(t->name, sizeof(t->name), "%.63s", text);
	t->self = (uint32_t)t->pid;
	if (target_status(t->pid, "status", "NSpid:", text, sizeof(text))) {
		last = strrchr(text, '\t');
		t->self = (uint32_t)strtoul(last == NULL ? text : last + 1, NULL, 10);
	}
}

enum target_kind target_open(struct target *t, long pid)
{
	enum target_kind kind;
	char path[64];
	FILE *maps;

	*t = (struct target){ .pid = pid, .mem = -1 };
	snprintf(path, sizeof(path), "/proc/%ld/mem", pid);
	t->mem = open(path, O_RDWR | O_CLOEXEC);
	if (t->mem < 0) {
		kind = why(errno);
		snprintf(path, sizeof(path), "/proc/%ld", pid);
		return kind == TARGET_GONE && access(path, F_OK) == 0 ? TARGET_KERNEL : kind;
	}
	snprintf(path, sizeof(path), "/proc/%ld/maps", pid);
	maps = fopen(path, "re");
	if (maps == NULL) {
		kind = why(errno);
	} else {
		kind = search(t, maps);
		fclose(maps);
	}
	if (kind == TARGET_FOUND || kind == TARGET_OTHER) {
		read_names(t);
		return kind;
	}
	target_close(t);
	return kind == TARGET_NONE && is_foreign(pid) ? TARGET_FOREIGN : kind;
}

void target_close(struct target *t)
{
	if (t->mem >= 0)
		close(t->mem);
	t->mem = -1;
}

/* ---- figures ---- */

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

bool target_figures(const struct target *t, struct target_figures *f)
{
	struct hm_purge_words purges[HM_PURGES];
	struct hm_failure_words failures[HM_FAILURES];
	struct hm_figures g;
	struct hm_os_counts os;
	uint64_t slab = t->view.slab_size;

	memset(f, 0, sizeof(*f));
	if (!target_read(t, (uintptr_t)t->view.figures, &g, sizeof(g)) ||
	    !target_read(t, (uintptr_t)t->view.os, &os, sizeof(os)) ||
	    !target_read(t, (uintptr_t)t->view.purges, purges, sizeof(purges)) ||
	    !target_read(t, (uintptr_t)t->view.failures, failures, sizeof(failures)))
		return false;
	f->holes = g.hole_pages * (uint64_t)sysconf(_SC_PAGESIZE);
	f->large = g.large_bytes;
	f->large_blocks = g.large_blocks;
	f->free = g.slabs_dirty * slab + g.large_cached_bytes;
	f->held = less(g.slabs_in_use * slab, f->holes) + f->large + f->free;
	f->heaps = g.heaps_in_use;
	f->maps = os.maps;
	f->unmaps = os.unmaps;
	for (unsigned i = 0; i < HM_PURGES; i++) {
		f->purged += purges[i].bytes;
		f->purges += purges[i].times;
	}
	for (unsigned i = 0; i < HM_FAILURES; i++)
		f->failed += failures[i].times;
	return true;
}

uint64_t target_resident(const struct target *t)
{
	unsigned long long size, resident = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/statm", t->pid);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%llu %llu", &size, &resident) != 2)
		resident = 0;
	fclose(f);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}
