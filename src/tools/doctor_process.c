/*
 * doctor_process.c - one process: whether hakmem is in it, and why not.
 *
 * Everything is from /proc/PID, where the process may end, or execute another program, between two
 * reads: it is the same one when its start time and its program are, at the end.
 * owns: nothing.
 * called from: tools/doctor.c.
 */
#include "tools/tool.h"
#include "tools/doctor.h"

#include "tools/elf_file.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define ENVIRON_SIZE ((size_t)4 << 20)

struct process {
	long pid;
	const char *lib; /* as it is installed */
	char folder[64], start[64], exe[PATH_MAX];
	unsigned long mappings;
	char mapped[PATH_MAX]; /* the library's file in it; "" */
	bool deleted, is_static, foreign, secure, asked, confined, hidden;
	char rival[PATH_MAX];
};

/* The file's path in the process's folder. */
static const char *in(const struct process *p, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", p->folder, name);
	return path;
}

static hm_noreturn void cannot(const struct process *p, const char *name, enum look why)
{
	if (why == LOOK_DENIED)
		tool_die(DOCTOR_CANNOT, "process %ld: %s may not be read; be its user, or root",
			 p->pid, name);
	if (why == LOOK_ABSENT)
		tool_die(DOCTOR_CANNOT, "process %ld: there is none, or it has ended", p->pid);
	tool_die(DOCTOR_CANNOT, "process %ld: %s makes no sense", p->pid, name);
}

/* The 22nd field of stat; the second, in brackets, may hold anything. */
static void start_time(const struct process *p, char *out, size_t size)
{
	char text[4096], *at;
	enum look found = look_read(in(p, "stat"), text, sizeof(text), NULL);

	if (found != LOOK_GOOD)
		cannot(p, "stat", found);
	at = strrchr(text, ')');
	for (int field = 2; at != NULL && field < 22; field++) {
		at = strchr(at, ' ');
		at = at == NULL ? NULL : at + 1;
	}
	if (at == NULL || at[strspn(at, "0123456789")] == '\n' || *at < '0' || *at > '9')
		cannot(p, "stat", LOOK_WRONG);
	snprintf(out, size, "%.*s", (int)strspn(at, "0123456789"), at);
	at = strrchr(text, ')') + 1;
	if (at[0] == ' ' && (at[1] == 'Z' || at[1] == 'X'))
		tool_die(DOCTOR_CANNOT,
			 "process %ld: it has ended, only its parent has not noticed", p->pid);
}

/* ---- mappings ---- */

/* What the kernel says of a file that has lost its name: cut off. */
static bool cut_deleted(char *path)
{
	static const char gone[] = " (deleted)";
	size_t n = strlen(path);

	if (n < sizeof(gone) || strcmp(path + n - (sizeof(gone) - 1), gone) != 0)
		return false;
	path[n - (sizeof(gone) - 1)] = '\0';
	return true;
}

static void take_mapping(struct process *p, char *line)
{
	char *path = strchr(line, '/');

	p->mappings++;
	if (path == NULL)
		return;
	path[strcspn(path, "\n")] = '\0';
	if (doctor_is_ours(path) && p->mapped[0] == '\0') {
		p->deleted = cut_deleted(path);
		snprintf(p->mapped, sizeof(p->mapped), "%s", path);
	} else if (p->rival[0] == '\0' && doctor_rival(path) != NULL) {
		snprintf(p->rival, sizeof(p->rival), "%s", path);
	}
}

/* Line by line: a process may have millions of mappings. */
static void read_maps(struct process *p)
{
	enum look why;
	int fd = look_open(in(p, "maps"), &why);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	char line[2 * PATH_MAX];
	bool whole = true;

	if (f == NULL)
		cannot(p, "maps", fd < 0 ? why : LOOK_WRONG);
	errno = 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		bool ends = strchr(line, '\n') != NULL;

		if (whole)
			take_mapping(p, line);
		whole = ends;
	}
	if (ferror(f))
		cannot(p, "maps", errno == ESRCH ? LOOK_ABSENT : errno == EACCES ? LOOK_DENIED
										 : LOOK_WRONG);
	fclose(f);
	if (p->mappings == 0)
		tool_die(DOCTOR_CANNOT, "process %ld: it has no memory: the kernel's own, or ended",
			 p->pid);
}

static void count_mappings(const struct process *p)
{
	unsigned long most;

	if (!doctor_map_count(&most))
		return;
	if (p->mappings >= most - most / 5)
		finding_add(FINDING_PROBLEM, "mappings", "raise it by sysctl vm.max_map_count",
			    "%lu mappings, and vm.max_map_count is %lu", p->mappings, most);
	else
		finding_add(FINDING_OK, "mappings", NULL, "%lu mappings of %lu", p->mappings, most);
}

/* ---- its program ---- */

/* Its file's path; "" when that is not known. */
static void exe_path(const struct process *p, char out[PATH_MAX])
{
	char path[PATH_MAX];
	ssize_t n = -1;

	if (look_path(path, sizeof(path), "%s", in(p, "exe")))
		n = readlink(path, out, PATH_MAX - 1);
	out[n > 0 ? n : 0] = '\0';
	cut_deleted(out);
}

static void read_exe(struct process *p)
{
	char path[PATH_MAX];
	struct elf_file elf;
	enum elf_kind kind;
	struct stat st;
	enum look why;
	int fd;

	fd = look_open(in(p, "exe"), &why);
	if (fd < 0) {
		finding_add(FINDING_NOTE, "program", NULL, "the program's file %s", look_text(why));
		return;
	}
	kind = elf_read(fd, &elf);
	p->foreign = kind == ELF_FOREIGN;
	/* Of a static position-independent one only the interpreter is missing. */
	p->is_static = kind == ELF_READ && !elf.interpreted;
	/* What the kernel told the process itself is better: see read_secure(). */
	if (fstat(fd, &st) == 0 && ((st.st_mode & S_ISUID) != 0 ||
				    (st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP)))
		p->secure = true;
	if (fgetxattr(fd, "security.capability", path, sizeof(path)) > 0)
		p->secure = true;
	doctor_program(fd, p->exe);
	if (elf_build(fd, path, sizeof(path)) && p->mapped[0] == '\0' && p->is_static)
		snprintf(p->mapped, sizeof(p->mapped), "%s", p->exe);
	close(fd);
}

/* AT_SECURE of the auxiliary vector; without permission, what the file's bits let expect. */
static void read_secure(struct process *p)
{
	ElfW(auxv_t) vector[64];
	size_t size = 0;

	if (look_read(in(p, "auxv"), (char *)vector, sizeof(vector), &size) == LOOK_GOOD) {
		for (size_t i = 0; i < size / sizeof(vector[0]); i++) {
			if (vector[i].a_type == AT_SECURE)
				p->secure = vector[i].a_un.a_val != 0;
		}
	}
	if (p->secure)
		finding_add(FINDING_NOTE, "secure", "hakmem.conf(5) holds there",
			    "secure execution (set-user-ID, set-group-ID, file capabilities or a "
			    "security module): the environment does not count");
}

static void read_environment(struct process *p)
{
	char *text = malloc(ENVIRON_SIZE);
	size_t size = 0;
	enum look found;

	if (text == NULL)
		tool_die(DOCTOR_CANNOT, "%s", strerror(errno));
	found = look_read(in(p, "environ"), text, ENVIRON_SIZE, &size);
	if (found != LOOK_GOOD)
		finding_add(FINDING_NOTE, "environment", NULL, "its environment %s",
			    look_text(found));
	for (const char *e = text; e < text + size; e += strlen(e) + 1) {
		if (strncmp(e, "LD_PRELOAD=", 11) == 0) {
			finding_add(FINDING_OK, "environment", NULL, "%s", e);
			p->asked |= strstr(e, "libhakmem") != NULL;
		} else if (strcmp(e, "HAKMEM_MODE=passthrough") == 0 && !p->secure) {
			finding_add(FINDING_NOTE, "environment", NULL,
				    "%s: hakmem leaves its memory to glibc's malloc", e);
		} else if (strncmp(e, "HAKMEM_", 7) == 0 && strchr(e, '=') != NULL) {
			if (p->secure)
				finding_add(FINDING_NOTE, "environment", NULL,
					    "%s: does not count", e);
			else
				doctor_config_variable(e);
		}
	}
	free(text);
}

/* ---- what keeps it from files ---- */

static void read_status(const struct process *p)
{
	char text[8192], *at;

	if (look_read(in(p, "status"), text, sizeof(text), NULL) != LOOK_GOOD)
		return;
	at = strstr(text, "\nNoNewPrivs:");
	if (at != NULL && at[12 + strspn(at + 12, " \t")] == '1')
		finding_add(FINDING_OK, "no-new-privs", NULL,
			    "NoNewPrivs: set-user-ID bits do nothing for it");
	at = strstr(text, "\nSeccomp:");
	at = at == NULL ? NULL : at + 9 + strspn(at + 9, " \t");
	if (at != NULL && (*at == '1' || *at == '2'))
		finding_add(FINDING_NOTE, "seccomp",
			    "its filter should allow what hakmem(7) lists, SYSTEM CALLS",
			    "seccomp is in mode %c: system calls of hakmem may be refused", *at);
}

static void read_confinement(struct process *p)
{
	char text[4096];

	if (look_word(in(p, "attr/current"), text, sizeof(text)) != LOOK_GOOD ||
	    strncmp(text, "unconfined", 10) == 0)
		return;
	p->confined = strstr(text, "(enforce)") != NULL;
	finding_add(FINDING_NOTE, "confinement", p->confined && p->mapped[0] == '\0'
		    ? "let its profile read and map the library" : NULL,
		    "it is confined as %s", text);
}

/* Whether it is in another tree of files, where the library is not. */
static void read_namespace(struct process *p)
{
	char path[PATH_MAX], theirs[128] = "", ours[128] = "", root[PATH_MAX];

	if (!look_path(path, sizeof(path), "%s", in(p, "ns/mnt")) ||
	    readlink(path, theirs, sizeof(theirs) - 1) <= 0 ||
	    !look_path(path, sizeof(path), "%s", "/proc/self/ns/mnt") ||
	    readlink(path, ours, sizeof(ours) - 1) <= 0 || strcmp(theirs, ours) == 0)
		return;
	/* Plain, for the link to its root is followed by the kernel alone. */
	if (!look_path(path, sizeof(path), "%s", in(p, "root")) ||
	    snprintf(root, sizeof(root), "%s%s", path, p->lib) >= (int)sizeof(root))
		return;
	p->hidden = access(root, F_OK) != 0 && errno == ENOENT;
	finding_add(FINDING_NOTE, "namespace", NULL, "it has a mount namespace of its own%s",
		    p->hidden ? ", without the library" : "");
}

/* ---- the end of it ---- */

static void say_why_not(const struct process *p)
{
	static const char what[] = "hakmem is not in the process";

	if (p->is_static)
		finding_add(FINDING_PROBLEM, "loaded", "link it with libhakmem.a",
			    "%s: the program is static", what);
	else if (p->foreign)
		finding_add(FINDING_PROBLEM, "loaded", "install a library for that machine, too",
			    "%s: the program is for another machine", what);
	else if (p->asked && p->secure)
		finding_add(FINDING_PROBLEM, "loaded", "hakmem-preload enable reaches it",
			    "%s: secure execution ignores LD_PRELOAD", what);
	else if (p->hidden)
		finding_add(FINDING_PROBLEM, "loaded", "install hakmem there, too",
			    "%s: %s is not in its mount namespace", what, p->lib);
	else if (p->asked && p->confined)
		finding_add(FINDING_PROBLEM, "loaded", "let its profile read and map the library",
			    "%s: its confinement may keep it from the file", what);
	else if (p->asked)
		finding_add(FINDING_PROBLEM, "loaded",
			    "run it again with LD_DEBUG=libs to see what the loader says",
			    "%s: LD_PRELOAD names it, but the loader did not load it", what);
	else
		finding_add(FINDING_PROBLEM, "loaded",
			    "start it anew with hakmem-run, or after hakmem-preload enable",
			    "%s: nothing asked for it when it was started", what);
}

static void say_build(const struct process *p)
{
	char path[PATH_MAX] = "", text[256];
	enum look why;
	int fd;

	/* Its own view of the file; in another root by name. */
	if (*look_root == '\0')
		snprintf(path, sizeof(path), "%.63s/root%.*s", p->folder, PATH_MAX - 128,
			 p->mapped);
	fd = look_open(*path == '\0' ? p->mapped : path, &why);
	if (fd < 0 || !elf_build(fd, text, sizeof(text)))
		snprintf(text, sizeof(text), "not known");
	if (fd >= 0)
		close(fd);
	finding_add(FINDING_OK, "loaded", NULL, "hakmem is in the process: %s, version %s",
		    p->mapped, text);
}

static void say_loaded(const struct process *p)
{
	if (p->mapped[0] == '\0')
		say_why_not(p);
	else if (p->deleted)
		finding_add(FINDING_NOTE, "loaded", "start it anew to have the new one",
			    "hakmem is in the process: %s, which has been replaced since",
			    p->mapped);
	else
		say_build(p);
	if (p->rival[0] != '\0')
		finding_add(FINDING_PROBLEM, "rival", "run it with one of them",
			    "another allocator is in the process: %s, %s", doctor_rival(p->rival),
			    p->rival);
}

static void check_same(const struct process *p)
{
	char start[64], exe[PATH_MAX];

	start_time(p, start, sizeof(start));
	if (strcmp(start, p->start) != 0)
		cannot(p, "stat", LOOK_ABSENT);
	exe_path(p, exe);
	if (strcmp(exe, p->exe) != 0)
		tool_die(DOCTOR_CANNOT,
			 "process %ld: it has executed another program meanwhile; ask again",
			 p->pid);
}

void doctor_process(long pid, const char *library)
{
	static struct process p;

	p.pid = pid;
	p.lib = library;
	snprintf(p.folder, sizeof(p.folder), "/proc/%ld", pid);
	start_time(&p, p.start, sizeof(p.start));
	exe_path(&p, p.exe);
	read_maps(&p);
	read_exe(&p);
	read_secure(&p);
	read_environment(&p);
	read_namespace(&p);
	read_confinement(&p);
	say_loaded(&p);
	read_status(&p);
	count_mappings(&p);
	doctor_limits(p.folder);
	if (p.exe[0] == '/' && p.mapped[0] != '\0')
		doctor_config_program(p.exe, p.secure);
	check_same(&p);
}
