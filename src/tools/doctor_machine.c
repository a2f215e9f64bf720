/*
 * doctor_machine.c - what holds for every process of the system: the library's file, the loader's
 * list, the kernel's settings for memory.
 *
 * owns: nothing.
 * called from: tools/doctor.c.
 */
#include "tools/tool.h"
#include "tools/doctor.h"

#include "tools/elf_file.h"
#include "tools/entries.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIST "/etc/ld.so.preload"
#define LIST_SIZE 65536
/* The kernel's own default of vm.max_map_count. */
#define MAPS_USUAL 65530

/* ---- the library ---- */

static void check_library(int fd, const char *path)
{
	static const char *const names[] = { "malloc", "free", "hak_version", NULL };
	struct elf_file elf;
	char text[256];
	enum elf_kind kind = elf_read(fd, &elf);

	if (kind == ELF_FOREIGN) {
		finding_add(FINDING_PROBLEM, "library", "install the one for this machine",
			    "%s: for another machine, %s", path,
			    elf_machine(&elf, text, sizeof(text)));
	} else if (kind != ELF_READ || !elf.dynamic || !elf_defines(fd, names)) {
		finding_add(FINDING_PROBLEM, "library", "install hakmem again",
			    "%s: not hakmem's library, or damaged", path);
	} else if (!elf_build(fd, text, sizeof(text))) {
		finding_add(FINDING_NOTE, "library", NULL, "%s: of an unknown version", path);
	} else if (strncmp(text, PACKAGE_VERSION " ", sizeof(PACKAGE_VERSION)) != 0) {
		finding_add(FINDING_NOTE, "library", "install programs and library of one version",
			    "%s: version %s, this program is %s", path, text, PACKAGE_VERSION);
	} else {
		finding_add(FINDING_OK, "library", NULL, "%s: version %s", path, text);
	}
}

static void library_file(const char *path)
{
	enum look why;
	int fd = look_open(path, &why);

	if (fd < 0) {
		finding_add(FINDING_PROBLEM, "library",
			    "install hakmem, or name the file with --library", "%s: the library %s",
			    path, why == LOOK_WRONG ? "is no file" : look_text(why));
		return;
	}
	check_library(fd, path);
	close(fd);
}

/* ---- the loader's list ---- */

/* A word of the loader's in a path; the folders that it stands for, as far as they can be known. */
static bool exists_expanded(const char *path)
{
	static const char *const libs[] = { "lib", "lib64", "lib/x86_64-linux-gnu",
					    "lib/aarch64-linux-gnu" };
	const char *word = strstr(path, "$LIB"), *rest = word == NULL ? NULL : word + 4;
	char whole[PATH_MAX];

	if (word == NULL && (word = strstr(path, "${LIB}")) != NULL)
		rest = word + 6;
	if (word == NULL)
		return false;
	for (size_t i = 0; i < sizeof(libs) / sizeof(libs[0]); i++) {
		int n = snprintf(whole, sizeof(whole), "%.*s%s%s", (int)(word - path), path,
				 libs[i], rest);

		if (n > 0 && (size_t)n < sizeof(whole) && look_exists(whole))
			return true;
	}
	return false;
}

/* One entry; seen: an allocator that stands before it. */
static void check_entry(const char *name, const char **seen)
{
	const char *rival = doctor_rival(name);
	bool there = look_exists(name) || exists_expanded(name);

	if (strchr(name, '/') == NULL) {
		finding_add(FINDING_NOTE, "preload-list", "name it by its full path",
			    LIST " names %s without a folder: found or not, as the loader searches",
			    name);
	} else if (!there) {
		finding_add(FINDING_PROBLEM, "preload-list",
			    "take the entry out, or install the file; hakmem-preload(8)",
			    LIST " names %s, which is not there: every program complains", name);
		return;
	}
	if (doctor_is_ours(name) && *seen != NULL)
		finding_add(FINDING_PROBLEM, "preload-list", "take one of the two out",
			    LIST " names %s behind %s, which serves programs instead", name, *seen);
	else if (doctor_is_ours(name))
		finding_add(FINDING_OK, "preload-list", NULL,
			    LIST " names %s: every program gets it", name);
	else if (rival != NULL)
		finding_add(FINDING_NOTE, "preload-list", "take it out to have hakmem there",
			    LIST " names %s: another allocator, %s", name, rival);
	else
		finding_add(FINDING_OK, "preload-list", NULL, LIST " names %s", name);
	if (rival != NULL && *seen == NULL)
		*seen = rival;
}

static void preload_list(void)
{
	char *text = malloc(LIST_SIZE);
	struct entry e = { 0 };
	const char *seen = NULL;
	size_t size = 0;
	unsigned count = 0;
	enum look found;

	if (text == NULL)
		tool_die(DOCTOR_CANNOT, "%s", strerror(errno));
	found = look_read(LIST, text, LIST_SIZE, &size);
	if (found == LOOK_DENIED || found == LOOK_WRONG)
		finding_add(FINDING_PROBLEM, "preload-list", "make it a file that all may read",
			    LIST " %s", look_text(found));
	if (size == LIST_SIZE - 1)
		finding_add(FINDING_PROBLEM, "preload-list", "look at it with an editor",
			    LIST " is longer than %d bytes", LIST_SIZE - 1);
	for (; entries_next(text, size, &e); count++) {
		char *name = strndup(text + e.at, e.length);

		if (name == NULL)
			tool_die(DOCTOR_CANNOT, "%s", strerror(errno));
		check_entry(name, &seen);
		free(name);
	}
	if (count == 0 && (found == LOOK_GOOD || found == LOOK_ABSENT))
		finding_add(FINDING_OK, "preload-list", NULL, LIST " names nothing");
	free(text);
}

/* ---- the kernel ---- */

static void huge_pages(void)
{
	static const char path[] = "/sys/kernel/mm/transparent_hugepage/enabled";
	char text[256];
	enum look found = look_word(path, text, sizeof(text));

	if (found == LOOK_ABSENT)
		finding_add(FINDING_NOTE, "huge-pages", NULL,
			    "the kernel has no transparent huge pages");
	else if (found == LOOK_GOOD && strstr(text, "[never]") != NULL)
		finding_add(FINDING_NOTE, "huge-pages", "echo madvise >/sys/kernel/mm/"
			    "transparent_hugepage/enabled",
			    "transparent huge pages are switched off");
	else if (found == LOOK_GOOD &&
		 (strstr(text, "[always]") != NULL || strstr(text, "[madvise]") != NULL))
		finding_add(FINDING_OK, "huge-pages", NULL, "transparent huge pages: %s", text);
	else
		finding_add(FINDING_NOTE, "huge-pages", NULL, "%s %s", path,
			    look_text(found == LOOK_GOOD ? LOOK_WRONG : found));
}

static void overcommit(void)
{
	unsigned long mode;
	enum look found = look_number("/proc/sys/vm/overcommit_memory", &mode);

	if (found != LOOK_GOOD || mode > 2)
		finding_add(FINDING_NOTE, "overcommit", NULL, "vm.overcommit_memory %s",
			    look_text(found == LOOK_GOOD ? LOOK_WRONG : found));
	else if (mode == 2)
		finding_add(FINDING_NOTE, "overcommit", "sysctl vm.overcommit_memory=0",
			    "vm.overcommit_memory is 2: memory counts when it is mapped, not when "
			    "it is used, and allocations fail earlier");
	else
		finding_add(FINDING_OK, "overcommit", NULL, "vm.overcommit_memory is %lu", mode);
}

static void map_count(void)
{
	unsigned long count;

	if (!doctor_map_count(&count))
		return;
	if (count < MAPS_USUAL)
		finding_add(FINDING_NOTE, "mappings", "sysctl vm.max_map_count=65530",
			    "vm.max_map_count is %lu, less than usual: large programs may fail to "
			    "map memory", count);
	else
		finding_add(FINDING_OK, "mappings", NULL, "vm.max_map_count is %lu", count);
}

void doctor_machine(const char *library)
{
	library_file(library);
	preload_list();
	doctor_config_check();
	huge_pages();
	overcommit();
	map_count();
	doctor_limits("/proc/self");
}
