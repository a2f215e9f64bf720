/*
 * foreign.c - programs of other architectures on the same system.
 *
 * Their loaders read the same list. $LIB leads each to a folder of its own, lib and the
 * architecture, lib32 or lib64: where a libc is there, programs are. Cross compilers keep theirs
 * elsewhere.
 * owns: nothing.
 * called from: tools/preload.c.
 */
#include "tools/tool.h"
#include "tools/foreign.h"

#include "tools/elf_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct search {
	const struct place *p;
	const char *before, *file; /* of the entry: what is before $LIB and behind it, or NULL */
	size_t before_length;
};

/* Whether programs of another architecture have their libc in the folder. */
static bool foreign_libc(const struct place *p, const char *folder, struct elf_file *libc)
{
	char path[PATH_MAX];
	enum elf_kind kind;
	int fd;

	if (snprintf(path, sizeof(path), "%s/libc.so.6", folder) >= (int)sizeof(path))
		return false;
	fd = place_open_below(p, path, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return false;
	kind = elf_read(fd, libc);
	close(fd);
	return kind == ELF_FOREIGN;
}

static bool there(const struct place *p, const char *path)
{
	int fd = place_open_below(p, path, O_PATH);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* lib: what $LIB is for the folder's loader. */
static void look(const struct search *s, const char *lib)
{
	char folder[PATH_MAX], path[PATH_MAX], buf[64];
	struct elf_file libc;

	snprintf(folder, sizeof(folder), "/usr/%s", lib);
	if (!foreign_libc(s->p, folder, &libc) && !foreign_libc(s->p, folder + 4, &libc))
		return;
	if (s->file == NULL) {
		tool_say("warning: programs for %s (/%s) will complain: the list names the "
			 "library of this architecture only",
			 elf_machine(&libc, buf, sizeof(buf)), lib);
		return;
	}
	snprintf(path, sizeof(path), "%.*s%s%s", (int)s->before_length, s->before, lib, s->file);
	if (!there(s->p, path))
		tool_say("warning: programs for %s will complain: there is no %s; install it",
			 elf_machine(&libc, buf, sizeof(buf)), path);
}

void foreign_warn(const struct place *p, const char *entry)
{
	static const char *const plain[] = { "lib", "lib32", "lib64", "libx32" };
	const char *variable = strstr(entry, "$LIB/");
	struct search s = { .p = p };
	struct dirent *e;
	int fd = place_open_below(p, "/usr/lib", O_RDONLY | O_DIRECTORY);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);

	if (variable != NULL) {
		s.before = entry;
		s.before_length = (size_t)(variable - entry);
		s.file = variable + strlen("$LIB");
	}
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		look(&s, plain[i]);
	while (folder != NULL && (e = readdir(folder)) != NULL) {
		char lib[NAME_MAX + 8];

		/* Folders of Debian's kind: the architecture, the kernel, the libc. */
		if (strstr(e->d_name, "-linux-") == NULL)
			continue;
		snprintf(lib, sizeof(lib), "lib/%s", e->d_name);
		look(&s, lib);
	}
	if (folder != NULL)
		closedir(folder);
	else if (fd >= 0)
		close(fd);
}
